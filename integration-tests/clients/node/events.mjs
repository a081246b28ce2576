// The events that drivers print. They are described in integration-tests/README.md. Keys, values and values of headers may
// be buffers or strings, and null or undefined where they are none; offsets may be of any kind of number.

import { writeSync } from 'node:fs'

/** What follows belongs to this part of the scenario. */
export const part = name => print('part', name)

/** A send was acknowledged. */
export const acked = (partition, offset, key, value) => print('acked', partition, offset, text(key), text(value))

/** A consumer was given a record. */
export const received = (partition, offset, key, value) => print('received', partition, offset, text(key), text(value))

/** A consumer was given a record, whole; headers are pairs of name and value. */
export function payload (partition, offset, key, value, headers) {
  const pairs = headers.map(([name, value]) => `${name}=${text(value)}`)
  print('payload', partition, offset, text(key), text(value), pairs.join(';'))
}

/** All partitions that a member of a group has now. */
export const assigned = partitions => print('assigned', [...partitions].sort((one, other) => one - other).join(','))

/** A committed offset was confirmed. */
export const committed = (partition, offset) => print('committed', partition, offset)

/** An answer about offsets. */
export const offset = (question, partition, offset) => print('offset', question, partition, offset)

/** Anything else. */
export const fact = (name, value) => print('fact', name, value)

/** What the client says to something that it may not do, and how long after `start`, of `performance.now()`, it did so. */
export const refused = (error, start) => print('refused', words(error), Math.round(performance.now() - start))

/** What an error says, with its causes. */
export function words (error) {
  const said = []
  for (const cause of withCauses(error)) said.push(cause.message ?? String(cause))
  return said.join(' <- ').replace(/\s+/g, ' ')
}

/** Kafka's name of an error, such as TOPIC_ALREADY_EXISTS, where it is one of Kafka's; otherwise what it says. */
export function nameOf (error) {
  for (const cause of withCauses(error)) {
    // KafkaJS and @platformatic/kafka call it so.
    const name = cause.type ?? cause.apiId
    if (name) return name
  }
  return words(error)
}

/** An error, and those that have led to it. */
function * withCauses (error) {
  yield error
  for (const cause of [error.cause, ...(error.errors ?? [])]) {
    if (cause) yield * withCauses(cause)
  }
}

const text = bytes => bytes == null ? '-' : bytes.toString()

function print (...fields) {
  const line = Buffer.from(fields.join('\t') + '\n')
  // At once: a process that is killed, or ends itself, must not keep lines. A pipe may take less than all of it at a time.
  for (let written = 0; written < line.length;) {
    try {
      written += writeSync(1, line, written)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}
