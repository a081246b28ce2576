import * as events from '../events.mjs'
import { connection, positions, printReceived, Reader, withAdmin } from './clients.mjs'

/** One record to a topic that is not there yet, read in a group. */
export async function hello (play) {
  const kafka = connection(play)
  const producer = kafka.producer()
  await producer.connect()
  const [{ partition, baseOffset }] =
    await producer.send({ topic: play.topic, messages: [{ value: 'Hello, Kafka!' }] })
  events.acked(partition, baseOffset, null, 'Hello, Kafka!')
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId: play.group })
  await consumer.connect()
  await consumer.subscribe({ topics: [play.topic], fromBeginning: true })
  await new Promise((resolve, reject) => {
    const eachMessage = async ({ partition, message }) => {
      printReceived({ partition, ...message })
      resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect()
}

/** Two consumers one after the other: about half of the records each. */
export async function consumeAutomatic (play) {
  const records = play.number('records')
  const half = Math.floor(records / 2)
  for (const [part, count] of [['first', half], ['second', records - half]]) {
    events.part(part)
    const reader = await new Reader(play, { autoCommitInterval: 100 }).connect()
    await reader.report(count)
    await reader.disconnect()
  }
}

/** The first consumer commits in the middle and reads on; the second begins at what was committed. */
export async function consumeManual (play) {
  const records = play.number('records')
  const third = Math.floor(records / 3)
  events.part('committed')
  const first = await new Reader(play, { autoCommit: false }).connect()
  await commit(first, await first.report(third))
  await printCommitted(play)
  events.part('uncommitted')
  await first.report(third)
  await first.disconnect()

  events.part('again')
  const second = await new Reader(play, { autoCommit: false }).connect()
  const messages = await second.report(records - third)
  events.part('callback')
  await commit(second, messages, 'read by hand')
  await printCommitted(play)
  await second.disconnect()
}

function commit (reader, messages, metadata = null) {
  const offsets = [...positions(messages)]
  return reader.commit(offsets.map(([partition, offset]) => ({ partition, offset: offset.toString(), metadata })))
}

/** What the broker has of the group. */
async function printCommitted (play) {
  const [{ partitions }] =
    await withAdmin(play, admin => admin.fetchOffsets({ groupId: play.group, topics: [play.topic] }))
  for (const { partition, offset, metadata } of partitions) {
    // A partition of which nothing was read has no committed offset.
    if (BigInt(offset) < 0n) continue
    events.committed(partition, offset)
    events.fact('metadata', metadata)
  }
}
