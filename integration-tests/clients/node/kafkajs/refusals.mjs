import * as events from '../events.mjs'
import { connection } from './clients.mjs'

/** Tries to be a transactional producer. */
export async function refuseTransactions (play) {
  const start = performance.now()
  const producer = connection(play).producer({ transactionalId: play.group, maxInFlightRequests: 1, idempotent: true })
  try {
    await producer.connect()
    await producer.transaction()
    events.fact('transactions', 'accepted')
  } catch (error) {
    events.refused(error, start)
  } finally {
    await producer.disconnect()
  }
}
