import { Connection, FindCoordinatorKeyTypes, offsetCommitV9 } from '@platformatic/kafka'
import * as events from '../events.mjs'
import { newConsumer, newProducer, report, send, withAdmin } from './clients.mjs'

/** One record to a topic that is not there yet, read in a group. */
export async function hello (play) {
  // Only what asks for it creates topics.
  const producer = newProducer(play, { autocreateTopics: true })
  await send(producer, [{ topic: play.topic, value: 'Hello, Kafka!' }])
  await producer.close()
  const consumer = newConsumer(play)
  await report(await consumer.consume({ topics: [play.topic], ...fromCommitted }), 1)
  await consumer.close(true)
}

/** From what the group has committed, or from the beginning. */
export const fromCommitted = { mode: 'committed', fallbackMode: 'earliest' }

/** The first consumer commits in the middle and reads on; the second begins at what was committed. */
export async function consumeManual (play) {
  const topics = [play.topic]
  const records = play.number('records')
  const third = Math.floor(records / 3)
  const first = newConsumer(play)
  const stream = await first.consume({ topics, ...fromCommitted, autocommit: false })
  events.part('committed')
  // Who stops reading a stream ends it, if nothing is said.
  const messages = await report(stream.iterator({ destroyOnReturn: false }), third)
  for (const message of lastOfPartitions(messages)) await message.commit()
  await printCommitted(play)
  events.part('uncommitted')
  await report(stream, third)
  await first.close(true)

  events.part('again')
  const second = newConsumer(play)
  const rest = await report(await second.consume({ topics, ...fromCommitted, autocommit: false }), records - third)
  await second.close(true)
  events.part('callback')
  await commitWithMetadata(play, lastOfPartitions(rest), 'read by hand')
  await printCommitted(play)
}

const lastOfPartitions = messages => new Map(messages.map(message => [message.partition, message])).values()

/**
 * Commits with metadata, which this client's consumers cannot: by the request itself. Who is not in the group may do that
 * when nobody is in it any more.
 */
async function commitWithMetadata (play, messages, committedMetadata) {
  const partitions = Array.from(messages, ({ partition, offset }) => ({
    partitionIndex: partition, committedOffset: offset + 1n, committedLeaderEpoch: -1, committedMetadata
  }))
  const [{ host, port }] = await withAdmin(play, admin =>
    admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [play.group] }))
  const connection = new Connection('driver')
  await connection.connect(host, port)
  await offsetCommitV9.api.async(connection, play.group, -1, '', null, [{ name: play.topic, partitions }])
  await connection.close()
}

/** What the broker has of the group. */
async function printCommitted (play) {
  const [{ topics }] = await withAdmin(play, admin => admin.listConsumerGroupOffsets({ groups: [play.group] }))
  for (const { partitionIndex, committedOffset, metadata } of topics[0].partitions) {
    events.committed(partitionIndex, committedOffset)
    events.fact('metadata', metadata)
  }
}
