import { ConfigResourceTypes } from '@platformatic/kafka'
import * as events from '../events.mjs'
import { askUntil } from '../play.mjs'
import { withAdmin } from './clients.mjs'

/** A topic's life by the administration client. */
export function topics (play) {
  return withAdmin(play, async admin => {
    await createTopic(admin, play.topic, 3, '86400000')
    try {
      await createTopic(admin, play.topic, 3, '86400000')
      events.fact('created-again', 'yes')
    } catch (error) {
      const name = events.nameOf(error)
      events.fact('created-again', name === 'TOPIC_ALREADY_EXISTS' ? 'TopicExists' : name)
    }
    const isListed = async () => (await admin.listTopics()).includes(play.topic)
    events.fact('listed', await isListed())
    const partitions = await partitionsOf(admin, play.topic)
    events.fact('partitions', partitions.length)
    events.fact('leaders', partitions.filter(({ leader }) => leader >= 0).length)
    events.fact('retention.ms', await retentionOf(admin, play.topic))
    await admin.deleteTopics({ topics: [play.topic] })
    events.fact('deleted', !await askUntil(false, isListed))
  })
}

export function createTopic (admin, topic, partitions, retention) {
  const configs = [{ name: 'retention.ms', value: retention }]
  return admin.createTopics({ topics: [topic], partitions, replicas: 1, configs })
}

export async function partitionsOf (admin, topic) {
  const { topics } = await admin.metadata({ topics: [topic] })
  return topics.get(topic).partitions
}

export async function retentionOf (admin, topic) {
  const resource = {
    resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: ['retention.ms']
  }
  const [{ configs: [{ value }] }] = await admin.describeConfigs({ resources: [resource] })
  return value
}
