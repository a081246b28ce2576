// A consumer of this client is always in a group, and has all partitions if it is alone there. Here it commits nothing. A
// stream has an offset for each partition where it begins, the end if nothing is said; to seek is to begin another.

import * as events from '../events.mjs'
import { newConsumer, printReceived, readUntil, report } from './clients.mjs'

/** From `start` on, and with another consumer from where that ended. */
export async function consumeOwnOffsets (play) {
  const topics = [play.topic]
  const count = play.number('count')
  let from
  for (const part of ['first', 'second']) {
    events.part(part)
    const consumer = newConsumer(play)
    const { [play.topic]: ends } = Object.fromEntries(await consumer.listOffsets({ topics, timestamp: -1n }))
    from ??= ends.map((_, partition) => [partition, BigInt(play.number('start'))])
    const received = ends.map(() => 0)
    const kept = new Map()
    await readUntil(await begin(consumer, play.topic, from), message => {
      if (received[message.partition] < count) {
        printReceived(message)
        received[message.partition]++
        kept.set(message.partition, message.offset + 1n)
      }
      return received.every(number => number === count)
    })
    from = [...kept]
    if (part === 'second') {
      for (const [question, timestamp] of [['beginning', -2n], ['end', -1n], ['time', 1n]]) {
        const answers = await consumer.listOffsets({ topics, timestamp })
        answers.get(play.topic).forEach((offset, partition) => events.offset(question, partition, offset))
      }
    }
    await consumer.close(true)
  }
}

/** To the beginning, to an offset, to the end, and to a time. */
export async function seek (play) {
  const topics = [play.topic]
  const consumer = newConsumer(play)
  const endsOf = async () => (await consumer.listOffsets({ topics, timestamp: -1n })).get(play.topic)
  events.part('beginning')
  const [beginning] = (await consumer.listOffsets({ topics, timestamp: -2n })).get(play.topic)
  await report(await begin(consumer, play.topic, [[0, beginning]]), 3)
  events.part('offset')
  await reportToEnd(await begin(consumer, play.topic, [[1, 7n]]), [[1, (await endsOf())[1]]])
  events.part('end')
  const atEnd = await consumer.consume({ topics, mode: 'latest', autocommit: false })
  // Nothing comes; what it would ask for next is its position.
  const nothing = atEnd[Symbol.asyncIterator]().next()
  await new Promise(resolve => atEnd.once('fetch', resolve))
  events.offset('position', 0, atEnd.offsetsToFetch.get(`${play.topic}:0`))
  await atEnd.close()
  await nothing
  events.part('time')
  const times = [...(await consumer.listOffsets({ topics, timestamp: 1_000_000_004_500n })).get(play.topic).entries()]
  for (const [partition, offset] of times) events.offset('time', partition, offset)
  await reportToEnd(await begin(consumer, play.topic, times), (await endsOf()).entries())
  await consumer.close(true)
}

/** Begins a stream at these offsets of partitions. */
function begin (consumer, topic, from) {
  const offsets = from.map(([partition, offset]) => ({ topic, partition, offset }))
  return consumer.consume({ topics: [topic], mode: 'manual', offsets, autocommit: false })
}

/** Prints records until all of these partitions are at their ends. */
async function reportToEnd (stream, ends) {
  const left = new Map(ends)
  await readUntil(stream, message => {
    printReceived(message)
    if (message.offset + 1n === left.get(message.partition)) left.delete(message.partition)
    return left.size === 0
  })
}
