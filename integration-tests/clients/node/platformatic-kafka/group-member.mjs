import * as events from '../events.mjs'
import { toldToEnd } from '../play.mjs'
import { newConsumer, printReceived } from './clients.mjs'
import { fromCommitted } from './consuming.mjs'

/** A member of the group until standard input ends. */
export async function groupMember (play) {
  const assignor = play.parameter('assignor')
  // The only one that this client has, and what it does if nothing is said.
  if (assignor !== undefined && assignor !== 'roundrobin') throw new Error(`assignor ${assignor} is unknown`)
  const sessionTimeout = play.number('session_ms')
  const consumer = newConsumer(play, {
    groupInstanceId: play.parameter('instance'),
    sessionTimeout,
    rebalanceTimeout: Math.max(sessionTimeout, 10_000),
    heartbeatInterval: play.number('heartbeat_ms'),
    // This client would commit what has been fetched, whether or not it has been read.
    autocommit: false,
    // Not for as long as it takes: some errors go away with the stream only, such as that of an old leader epoch, which this
    // client cannot read.
    retries: 3,
    retryDelay: 100
  })
  /** The last record of each partition that is read and not committed. */
  let read = new Map()
  const commit = async () => {
    const messages = [...read.values()]
    read = new Map()
    // What is not committed is read again.
    await Promise.allSettled(messages.map(message => message.commit()))
  }
  consumer.on('consumer:group:join', ({ assignments }) => {
    // Others may have what this member had.
    read = new Map()
    events.assigned(assignments.find(({ topic }) => topic === play.topic)?.partitions ?? [])
  })
  let stream
  let isTold = false
  toldToEnd().then(() => {
    isTold = true
    stream?.close()
  })
  const committing = setInterval(commit, 100)
  while (!isTold) {
    try {
      stream = await consumer.consume({ topics: [play.topic], ...fromCommitted })
      if (isTold) break
      for await (const message of stream) {
        printReceived(message)
        read.set(message.partition, message)
      }
    } catch (error) {
      // A broker may be gone for a while. The next stream begins at what is committed.
      console.error(events.words(error))
    }
  }
  clearInterval(committing)
  await commit()
  await consumer.close(true)
}
