import * as events from '../events.mjs'
import { connection, Reader, Sender } from './clients.mjs'

/** Records of every shape, and back. */
export async function payloads (play) {
  // Headers are an object: a name that comes twice has both values together, and the order is lost.
  events.fact('leaves-out', 1)
  // The client fails at the length of a value that is null.
  events.fact('leaves-out', 6)
  const messages = [
    { key: null, value: 'only-value' },
    { key: 'tombstone', value: null },
    { key: '', value: '' },
    { key: 'ключ', value: 'значение', headers: { empty: '' } }
  ]
  const producer = connection(play).producer()
  await producer.connect()
  await producer.send({ topic: play.topic, messages: messages.map(message => ({ partition: 0, ...message })) })
  await producer.disconnect()
  const reader = await new Reader(play, { autoCommit: false }).connect()
  let received = 0
  await reader.readUntil(({ partition, offset, key, value, headers }) => {
    events.payload(partition, offset, key, value, Object.entries(headers))
    return ++received === messages.length
  })
  await reader.disconnect()
}

/** A record that just fits, one that does not, and a small one after them. */
export async function largeRecords (play) {
  const size = play.number('size')
  const sender = await new Sender(play).connect()
  let acknowledged = 0
  for (const value of ['x'.repeat(size), 'x'.repeat(size + 1), 'after']) {
    const start = performance.now()
    try {
      await sender.send([{ value }])
      acknowledged++
    } catch (error) {
      events.refused(new Error(events.nameOf(error)), start)
    }
  }
  await sender.disconnect()
  const reader = await new Reader(play, { autoCommit: false }).connect()
  let received = 0
  await reader.readUntil(({ value }) => {
    events.fact('received-length', value.length)
    return ++received === acknowledged
  })
  await reader.disconnect()
}
