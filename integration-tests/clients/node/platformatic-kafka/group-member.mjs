import * as events from '../events.mjs'
import { toldToEnd } from '../play.mjs'
import { newConsumer, printReceived, quickRetries } from './clients.mjs'
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
    autocommit: 100,
    ...quickRetries
  })
  consumer.on('consumer:group:join', ({ assignments }) => {
    events.assigned(assignments.find(({ topic }) => topic === play.topic)?.partitions ?? [])
  })
  let stream
  let isTold = false
  toldToEnd().then(() => {
    isTold = true
    // Ends the stream after what is committed.
    stream?.close()
  })
  while (!isTold) {
    try {
      stream = await consumer.consume({ topics: [play.topic], ...fromCommitted })
      for await (const message of stream) printReceived(message)
    } catch (error) {
      // An error of the group ends a stream: a broker may be gone for a while. The next one begins at what is committed.
      console.error(events.words(error))
    }
  }
  await consumer.close(true)
}
