// The client, a producer that prints what is acknowledged, and a consumer that reads as far as it is asked to.

import kafkajs from 'kafkajs'
import * as events from '../events.mjs'

const { Kafka, logLevel, Partitioners } = kafkajs

/** The client. What it logs goes to standard error. */
export function connection (play, options = {}) {
  return new Kafka({ clientId: 'driver', brokers: [play.bootstrap], logLevel: logLevel.ERROR, ...options })
}

/** Runs `use` with an administration client. */
export async function withAdmin (play, use) {
  const admin = connection(play).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Keeps trying for as long as a broker is gone. */
export const quickRetries = { initialRetryTime: 100, maxRetryTime: 500, retries: Number.MAX_SAFE_INTEGER }

/** A producer that prints what is acknowledged. */
export class Sender {
  #topic
  #producer
  // Answers have the first offset of each partition only, so it is kept which record has gone where.
  #partitions = new WeakMap()

  constructor (play, options = {}, kafka = connection(play)) {
    this.#topic = play.topic
    const createPartitioner = () => {
      const choose = Partitioners.DefaultPartitioner()
      return record => {
        const partition = choose(record)
        this.#partitions.set(record.message, partition)
        return partition
      }
    }
    this.#producer = kafka.producer({ createPartitioner, ...options })
  }

  async connect () {
    await this.#producer.connect()
    return this
  }

  /** Sends records as one batch for each partition. */
  async send (messages, options = {}) {
    const answers = await this.#producer.send({ topic: this.#topic, messages, ...options })
    const next = new Map(answers.map(answer => [answer.partition, BigInt(answer.baseOffset)]))
    for (const message of messages) {
      const partition = this.#partitions.get(message)
      const offset = next.get(partition)
      next.set(partition, offset + 1n)
      events.acked(partition, offset, message.key, message.value)
    }
  }

  disconnect () {
    return this.#producer.disconnect()
  }
}

/** A consumer that begins where its group has committed, or at the beginning, and reads as far as it is asked to. */
export class Reader {
  #topic
  #consumer
  #options
  #isRunning = false
  #without = []
  #take
  #failed

  constructor (play, options = {}) {
    this.#topic = play.topic
    // Who ends a consumer waits for the fetch that is on its way: five seconds, if nothing is said.
    this.#consumer = connection(play).consumer({ groupId: play.group, maxWaitTimeInMs: 100 })
    this.#options = options
  }

  async connect () {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [this.#topic], fromBeginning: true })
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => this.#failed?.(payload.error))
    return this
  }

  /**
   * Reads until `take`, which is called with each record, returns true. Before that it seeks to the offsets of `from`, by
   * partition; partitions in `without` are not read.
   */
  async readUntil (take, { from = new Map(), without = [] } = {}) {
    const topic = this.#topic
    const ended = new Promise((resolve, reject) => {
      this.#failed = reject
      this.#take = message => {
        if (!take(message)) return
        this.#take = undefined
        this.#consumer.pause([{ topic }])
        resolve()
      }
    })
    this.#without = without
    if (this.#isRunning) {
      this.#consumer.resume([{ topic }])
    } else {
      this.#isRunning = true
      const eachBatch = batch => this.#read(batch)
      this.#consumer.run({ ...this.#options, eachBatchAutoResolve: false, eachBatch }).catch(this.#failed)
    }
    if (without.length > 0) this.#consumer.pause([{ topic, partitions: without }])
    for (const [partition, offset] of from) this.#consumer.seek({ topic, partition, offset })
    await ended
  }

  /** What is not taken counts as not read: it comes again when more is wanted. */
  async #read ({ batch: { partition, messages }, resolveOffset, commitOffsetsIfNecessary, isRunning, isStale }) {
    for (const message of messages) {
      if (!this.#take || this.#without.includes(partition) || !isRunning() || isStale()) return
      this.#take({ partition, ...message })
      resolveOffset(message.offset)
      await commitOffsetsIfNecessary()
    }
  }

  /** Prints the next `count` records, and returns them. */
  async report (count, options) {
    const messages = []
    await this.readUntil(message => {
      printReceived(message)
      return messages.push(message) === count
    }, options)
    return messages
  }

  /** Commits offsets: objects with `partition`, `offset` and, if wanted, `metadata`. */
  commit (offsets) {
    return this.#consumer.commitOffsets(offsets.map(offset => ({ topic: this.#topic, ...offset })))
  }

  disconnect () {
    return this.#consumer.disconnect()
  }
}

export const printReceived = ({ partition, offset, key, value }) => events.received(partition, offset, key, value)

/** One past the last of these records in each partition. */
export function positions (messages) {
  const next = new Map()
  for (const { partition, offset } of messages) next.set(partition, BigInt(offset) + 1n)
  return next
}
