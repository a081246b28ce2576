// Producers, consumers and administration clients, and reading as far as is wanted. Keys, values and headers are strings.

import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import * as events from '../events.mjs'

const base = play => ({ clientId: 'driver', bootstrapBrokers: [play.bootstrap] })

/** Tries again as long as it takes, soon. */
export const quickRetries = { retries: true, retryDelay: 100 }

export function newProducer (play, options = {}) {
  return new Producer({ ...base(play), serializers: stringSerializers, ...options })
}

/** A consumer of the group. A fetch waits for five seconds, if nothing is said, and who ends a consumer for the fetch. */
export function newConsumer (play, options = {}) {
  return new Consumer({
    ...base(play), groupId: play.group, deserializers: stringDeserializers, maxWaitTime: 100, ...options
  })
}

/** Runs `use` with an administration client. */
export async function withAdmin (play, use) {
  // How long an answer about topics may be given again.
  const admin = new Admin({ ...base(play), metadataMaxAge: 100 })
  try {
    return await use(admin)
  } finally {
    await admin.close()
  }
}

/** Sends records that go to the same partition, and prints what is acknowledged: an answer has the first offset only. */
export async function send (producer, messages, options = {}) {
  const { offsets: [{ partition, offset }] } = await producer.send({ messages, ...options })
  messages.forEach(({ key, value }, place) => events.acked(partition, offset + BigInt(place), key, value))
}

/** Reads from a stream until `take`, which is called with each record, returns true. Then the stream is at its end. */
export async function readUntil (stream, take) {
  for await (const message of stream) {
    if (take(message)) return
  }
  throw new Error('the stream has ended')
}

/** Prints the next `count` records, and returns them. */
export async function report (stream, count) {
  const messages = []
  await readUntil(stream, message => {
    printReceived(message)
    return messages.push(message) === count
  })
  return messages
}

export const printReceived = ({ partition, offset, key, value }) => events.received(partition, offset, key, value)
