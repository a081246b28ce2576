import * as events from '../events.mjs'
import { toldToEnd } from '../play.mjs'
import { connection, printReceived, quickRetries } from './clients.mjs'

/** A member of the group until standard input ends. */
export async function groupMember (play) {
  const told = toldToEnd()
  const assignor = play.parameter('assignor')
  // The only one that this client has, and what it does if nothing is said.
  if (assignor !== undefined && assignor !== 'roundrobin') throw new Error(`assignor ${assignor} is unknown`)
  const consumer = connection(play, { retry: quickRetries }).consumer({
    groupId: play.group,
    sessionTimeout: play.number('session_ms'),
    heartbeatInterval: play.number('heartbeat_ms'),
    maxWaitTimeInMs: 100,
    retry: quickRetries
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    events.assigned(payload.memberAssignment[play.topic] ?? [])
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [play.topic], fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 100,
    eachMessage: async ({ partition, message }) => printReceived({ partition, ...message })
  })
  await told
  // Commits, and leaves.
  await consumer.disconnect()
}
