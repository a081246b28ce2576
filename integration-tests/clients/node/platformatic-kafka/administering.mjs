import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import * as events from '../events.mjs'
import { askUntil } from '../play.mjs'
import { newConsumer, newProducer, readUntil, withAdmin } from './clients.mjs'
import { fromCommitted } from './consuming.mjs'
import { createTopic, partitionsOf, retentionOf } from './topics.mjs'

const PRODUCED = 10
const DELETED = 4

/** Every step that the administration client offers. */
export function administer (play) {
  return withAdmin(play, async admin => {
    await administerTopic(play, admin)
    await administerRecords(play, admin)
    await readAndCommit(play)
    await administerGroup(play, admin)
    await step('describe-cluster', async () => (await admin.metadata({})).brokers.size)
    await step('delete', () => done(admin.deleteTopics({ topics: [play.topic] })))
  })
}

async function administerTopic (play, admin) {
  const { topic } = play
  await step('create', () => done(createTopic(admin, topic, 2, '3600000')))
  await step('create-again', () => done(createTopic(admin, topic, 2, '3600000')))
  await step('create-partitions', () => done(admin.createPartitions({ topics: [{ name: topic, count: 4 }] })))
  await step('partitions', () => askUntil(4, async () => (await partitionsOf(admin, topic)).length))
  await step('describe-config', () => retentionOf(admin, topic))
  const set = { name: 'retention.ms', configOperation: IncrementalAlterConfigOperationTypes.SET, value: '7200000' }
  const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: [set] }]
  await step('alter-config', () => done(admin.incrementalAlterConfigs({ resources })))
  await step('altered-config', () => askUntil('7200000', () => retentionOf(admin, topic)))
}

async function administerRecords (play, admin) {
  const { topic } = play
  await step('produced', async () => {
    const producer = newProducer(play)
    const messages = Array.from({ length: PRODUCED }, (_, number) => ({ topic, partition: 0, value: `value-${number}` }))
    await producer.send({ messages })
    return done(producer.close())
  })
  const before = [{ name: topic, partitions: [{ partition: 0, offset: BigInt(DELETED) }] }]
  await step('delete-records', () => done(admin.deleteRecords({ topics: before })))
  await step('earliest', async () => {
    const asked = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2n }] }]
    const [{ partitions: [{ offset }] }] = await admin.listOffsets({ topics: asked })
    return offset
  })
  await step('describe-log-dirs', async () => {
    const brokers = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0, 1, 2, 3] }] })
    const inDirectories = brokers.flatMap(({ results }) => results).flatMap(({ topics }) => topics)
    return inDirectories.flatMap(({ partitions }) => partitions).length
  })
}

async function administerGroup (play, admin) {
  const { topic: name, group: groupId } = play
  await step('list-groups', async () => (await admin.listGroups()).has(groupId))
  await step('describe-group', async () => {
    const { state } = (await admin.describeGroups({ groups: [groupId] })).get(groupId)
    // As Kafka spells it: this client has it in capitals.
    return state.charAt(0) + state.slice(1).toLowerCase()
  })
  const offset = async () => {
    const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [groupId] })
    const ofTopic = topics.find(topic => topic.name === name)
    return ofTopic?.partitions.find(({ partitionIndex }) => partitionIndex === 0)?.committedOffset ?? 'none'
  }
  await step('group-offset', offset)
  const seven = [{ name, partitionOffsets: [{ partition: 0, offset: 7n }] }]
  await step('alter-group-offset', () => done(admin.alterConsumerGroupOffsets({ groupId, topics: seven })))
  await step('altered-group-offset', offset)
  const first = [{ name, partitionIndexes: [0] }]
  await step('delete-group-offset', () => done(admin.deleteConsumerGroupOffsets({ groupId, topics: first })))
  await step('deleted-group-offset', offset)
  await step('delete-group', () => done(admin.deleteGroups({ groups: [groupId] })))
}

/** Reads the records that are left as a member of the group, commits, and leaves. */
async function readAndCommit (play) {
  const consumer = newConsumer(play)
  const stream = await consumer.consume({ topics: [play.topic], ...fromCommitted, autocommit: false })
  const messages = []
  await readUntil(stream, message => messages.push(message) === PRODUCED - DELETED)
  await messages.at(-1).commit()
  await consumer.close(true)
}

async function step (name, play) {
  let result
  try {
    result = await play()
  } catch (error) {
    result = events.nameOf(error)
  }
  events.fact(name, result)
}

async function done (promise) {
  await promise
  return 'ok'
}
