import * as events from '../events.mjs'
import { toldToEnd } from '../play.mjs'
import { newProducer, quickRetries, send } from './clients.mjs'

/** With every codec `records` records with one of five keys, then as many without. */
export async function produceCallbacks (play) {
  const { topic } = play
  const records = play.number('records')
  for (const compression of play.text('codecs').split(',')) {
    events.part(compression)
    const producer = newProducer(play, { compression, acks: -1 })
    const ofKeys = Array.from({ length: 5 }, () => [])
    for (let number = 0; number < records; number++) {
      ofKeys[number % 5].push({ topic, key: `key-${number % 5}`, value: `${compression}-${number}` })
    }
    // Together, those of a key: there is something to compress.
    const sends = ofKeys.filter(messages => messages.length > 0).map(messages => send(producer, messages))
    for (let number = records; number < 2 * records; number++) {
      sends.push(send(producer, [{ topic, value: `${compression}-${number}` }]))
    }
    await Promise.all(sends)
    await producer.close()
  }
}

/** Small batches. Each is awaited: those of this client that are on their way together would have the same numbers. */
export async function produceIdempotent (play) {
  const producer = newProducer(play, { idempotent: true })
  const records = play.number('records')
  for (let number = 0; number < records;) {
    const messages = []
    for (; messages.length < 5 && number < records; number++) {
      messages.push({ topic: play.topic, partition: 0, value: `value-${number}` })
    }
    await send(producer, messages)
  }
  await producer.close()
}

/** A batch for each record, up to five of them on their way: so this client can without idempotence only. */
export async function inFlight (play) {
  events.fact('idempotent', false)
  const producer = newProducer(play, { acks: -1 })
  const values = Array.from({ length: play.number('records') }, (_, number) => `value-${number}`)
  await Promise.all(values.map(value => send(producer, [{ topic: play.topic, partition: 0, value }])))
  await producer.close()
}

/** To two partitions in turn until standard input ends, each send awaited. */
export async function produceUntilTold (play) {
  let isTold = false
  toldToEnd().then(() => { isTold = true })
  const producer = newProducer(play, { idempotent: play.text('idempotent') === 'true', acks: -1, ...quickRetries })
  for (let number = 0; !isTold; number += 20) {
    for (const partition of [0, 1]) {
      const numbers = Array.from({ length: 10 }, (_, place) => number + 2 * place + partition)
      await send(producer, numbers.map(number => ({ topic: play.topic, partition, value: String(number) })))
    }
  }
  await producer.close()
}

/** As many records with keys, put where the client puts them. */
export async function partitioning (play) {
  const producer = newProducer(play)
  const keys = Array.from({ length: play.number('keys') }, (_, number) => `key-${number}`)
  await Promise.all(keys.map(key => send(producer, [{ topic: play.topic, key, value: key }])))
  await producer.close()
}
