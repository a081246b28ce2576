// A consumer of this client is always in a group, and has all partitions if it is alone there. Here it commits nothing.

import * as events from '../events.mjs'
import { positions, printReceived, Reader, withAdmin } from './clients.mjs'

/** From `start` on, and with another consumer from where that ended. */
export async function consumeOwnOffsets (play) {
  const count = play.number('count')
  const { ends, times } = await withAdmin(play, async admin => ({
    ends: await admin.fetchTopicOffsets(play.topic),
    times: await admin.fetchTopicOffsetsByTimestamp(play.topic, 1)
  }))
  let from = new Map(ends.map(({ partition }) => [partition, String(play.number('start'))]))
  for (const part of ['first', 'second']) {
    events.part(part)
    const reader = await new Reader(play, { autoCommit: false }).connect()
    const received = []
    await reader.readUntil(message => {
      if (received.filter(({ partition }) => partition === message.partition).length < count) {
        printReceived(message)
        received.push(message)
      }
      return received.length === count * from.size
    }, { from })
    await reader.disconnect()
    from = new Map([...positions(received)].map(([partition, offset]) => [partition, offset.toString()]))
  }
  for (const { partition, low, high } of ends) {
    events.offset('beginning', partition, low)
    events.offset('end', partition, high)
  }
  for (const { partition, offset } of times) events.offset('time', partition, offset)
}

/** To the beginning, to an offset, to the end, and to a time. */
export async function seek (play) {
  const { ends, times } = await withAdmin(play, async admin => ({
    ends: endsOf(await admin.fetchTopicOffsets(play.topic)),
    times: await admin.fetchTopicOffsetsByTimestamp(play.topic, 1_000_000_004_500)
  }))
  const reader = await new Reader(play, { autoCommit: false }).connect()
  events.part('beginning')
  // So this client calls the beginning.
  await reader.report(3, { from: new Map([[0, '-2']]), without: [1] })
  events.part('offset')
  await reportToEnd(reader, new Map([[1, ends.get(1)]]), { from: new Map([[1, '7']]), without: [0] })
  events.part('end')
  // This client tells no position; the end itself is asked for.
  events.offset('position', 0, ends.get(0))
  events.part('time')
  for (const { partition, offset } of times) events.offset('time', partition, offset)
  await reportToEnd(reader, ends, { from: new Map(times.map(({ partition, offset }) => [partition, offset])) })
  await reader.disconnect()
}

/** Partition 0 is held back until partition 1 is read. */
export async function pause (play) {
  const ends = endsOf(await withAdmin(play, admin => admin.fetchTopicOffsets(play.topic)))
  const reader = await new Reader(play, { autoCommit: false }).connect()
  events.part('paused')
  await reportToEnd(reader, new Map([[1, ends.get(1)]]), { without: [0] })
  events.part('resumed')
  await reportToEnd(reader, new Map([[0, ends.get(0)]]))
  await reader.disconnect()
}

const endsOf = offsets => new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]))

/** Prints records until all of these partitions are at their ends. */
async function reportToEnd (reader, ends, options) {
  const left = new Set(ends.keys())
  await reader.readUntil(message => {
    printReceived(message)
    if (BigInt(message.offset) + 1n === ends.get(message.partition)) left.delete(message.partition)
    return left.size === 0
  }, options)
}
