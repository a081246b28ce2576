import kafkajs from 'kafkajs'
import * as events from '../events.mjs'
import { askUntil } from '../play.mjs'
import { withAdmin } from './clients.mjs'

const { ConfigResourceTypes } = kafkajs

/** A topic's life by the administration client. */
export function topics (play) {
  return withAdmin(play, async admin => {
    await createTopic(admin, play.topic, 3, '86400000')
    const again = await createTopic(admin, play.topic, 3, '86400000')
    events.fact('created-again', again ? 'yes' : 'TopicExists')
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

/** False if the topic is there already: of that error this client makes an answer. */
export function createTopic (admin, topic, numPartitions, retention) {
  const configEntries = [{ name: 'retention.ms', value: retention }]
  return admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] })
}

export async function partitionsOf (admin, topic) {
  const { topics: [{ partitions }] } = await admin.fetchTopicMetadata({ topics: [topic] })
  return partitions
}

export async function retentionOf (admin, topic) {
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }
  const { resources: [{ configEntries: [{ configValue }] }] } =
    await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
  return configValue
}
