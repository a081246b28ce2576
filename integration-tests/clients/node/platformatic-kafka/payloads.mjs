import * as events from '../events.mjs'
import { newConsumer, newProducer, readUntil, send } from './clients.mjs'

/** Records of every shape, and back. */
export async function payloads (play) {
  // Headers are a map: a name comes once.
  events.fact('leaves-out', 1)
  const messages = [
    { value: 'only-value' },
    { key: 'tombstone' },
    { key: '', value: '' },
    { key: 'ключ', value: 'значение', headers: { empty: '' } },
    { key: 'n', value: 'x', headers: { null: null } }
  ]
  const producer = newProducer(play)
  await producer.send({ messages: messages.map(message => ({ topic: play.topic, partition: 0, ...message })) })
  await producer.close()
  let received = 0
  await readAll(play, ({ partition, offset, key, value, headers }) => {
    events.payload(partition, offset, key, value, [...headers])
    return ++received === messages.length
  })
}

/** A record that just fits, one that does not, and a small one after them. */
export async function largeRecords (play) {
  const size = play.number('size')
  const producer = newProducer(play)
  let acknowledged = 0
  for (const value of ['x'.repeat(size), 'x'.repeat(size + 1), 'after']) {
    const start = performance.now()
    try {
      await send(producer, [{ topic: play.topic, value }])
      acknowledged++
    } catch (error) {
      events.refused(new Error(events.nameOf(error)), start)
    }
  }
  await producer.close()
  let received = 0
  const take = ({ value }) => {
    events.fact('received-length', value.length)
    return ++received === acknowledged
  }
  await readAll(play, take, { maxBytes: 1_000_000 })
}

/** Reads from the beginning until `take` returns true. */
async function readAll (play, take, options = {}) {
  const consumer = newConsumer(play, options)
  const stream = await consumer.consume({ topics: [play.topic], mode: 'earliest', autocommit: false })
  await readUntil(stream, take)
  await consumer.close(true)
}
