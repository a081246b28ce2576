import * as events from '../events.mjs'
import { toldToEnd } from '../play.mjs'
import { connection, quickRetries, Sender } from './clients.mjs'
import { codecs, registerCodecs } from './codecs.mjs'

/** With every codec `records` records with one of five keys, then as many without. */
export async function produceCallbacks (play) {
  await registerCodecs()
  const records = play.number('records')
  for (const codec of play.text('codecs').split(',')) {
    events.part(codec)
    const sender = await new Sender(play).connect()
    const sends = []
    // Batches of several records, so that there is something to compress.
    for (let number = 0; number < 2 * records; number += 10) {
      const numbers = Array.from({ length: Math.min(10, 2 * records - number) }, (_, place) => number + place)
      const messages = numbers.map(number => ({
        key: number < records ? `key-${number % 5}` : null,
        value: `${codec}-${number}`
      }))
      sends.push(sender.send(messages, { compression: codecs[codec] }))
    }
    await Promise.all(sends)
    await sender.disconnect()
  }
}

/** Small batches. Each is awaited: those of this client that are on their way together may overtake each other. */
export async function produceIdempotent (play) {
  const sender = await new Sender(play, { idempotent: true }).connect()
  const records = play.number('records')
  for (let number = 0; number < records;) {
    const messages = []
    for (; messages.length < 5 && number < records; number++) messages.push({ partition: 0, value: `value-${number}` })
    await sender.send(messages)
  }
  await sender.disconnect()
}

/**
 * To two partitions in turn until standard input ends, each send awaited: of those that are not, one that failed leaves its
 * sequence numbers to the next.
 */
export async function produceUntilTold (play) {
  let isTold = false
  toldToEnd().then(() => { isTold = true })
  const idempotent = play.text('idempotent') === 'true'
  const kafka = connection(play, { retry: quickRetries })
  const sender = await new Sender(play, { idempotent, retry: quickRetries }, kafka).connect()
  for (let number = 0; !isTold;) {
    const messages = []
    for (; messages.length < 20; number++) messages.push({ partition: number % 2, value: String(number) })
    await sender.send(messages)
  }
  await sender.disconnect()
}

/** As many records with keys, put where the client puts them. */
export async function partitioning (play) {
  const sender = await new Sender(play).connect()
  const keys = Array.from({ length: play.number('keys') }, (_, number) => `key-${number}`)
  await sender.send(keys.map(key => ({ key, value: key })))
  await sender.disconnect()
}
