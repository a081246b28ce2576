import * as events from '../events.mjs'
import { newConsumer, newProducer } from './clients.mjs'

/** Tries to be a transactional producer. */
export async function refuseTransactions (play) {
  const start = performance.now()
  // Otherwise an idempotent producer tries again for ever.
  const producer = newProducer(play, { idempotent: true, transactionalId: play.group, retries: 3 })
  try {
    await producer.beginTransaction()
    events.fact('transactions', 'accepted')
  } catch (error) {
    events.refused(error, start)
  }
}

/** Insists on the consumer group protocol. */
export async function refuseConsumerProtocol (play) {
  const start = performance.now()
  const consumer = newConsumer(play, { groupProtocol: 'consumer' })
  try {
    await consumer.consume({ topics: [play.topic] })
    events.fact('consumer-protocol', 'accepted')
  } catch (error) {
    events.refused(error, start)
  }
}
