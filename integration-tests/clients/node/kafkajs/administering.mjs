import kafkajs from 'kafkajs'
import * as events from '../events.mjs'
import { askUntil } from '../play.mjs'
import { connection, positions, Reader, withAdmin } from './clients.mjs'
import { createTopic, partitionsOf, retentionOf } from './topics.mjs'

const { ConfigResourceTypes } = kafkajs
const PRODUCED = 10
const DELETED = 4

/** Every step that the administration client offers. */
export function administer (play) {
  return withAdmin(play, async admin => {
    await administerTopic(play, admin)
    await administerRecords(play, admin)
    await readAndCommit(play)
    await administerGroup(play, admin)
    await step('describe-cluster', async () => (await admin.describeCluster()).brokers.length)
    await step('delete', () => done(admin.deleteTopics({ topics: [play.topic] })))
  })
}

async function administerTopic (play, admin) {
  const create = async () => await createTopic(admin, play.topic, 2, '3600000') ? 'ok' : 'TOPIC_ALREADY_EXISTS'
  await step('create', create)
  await step('create-again', create)
  await step('create-partitions', () =>
    done(admin.createPartitions({ topicPartitions: [{ topic: play.topic, count: 4 }] })))
  await step('partitions', () => askUntil(4, async () => (await partitionsOf(admin, play.topic)).length))
  await step('describe-config', () => retentionOf(admin, play.topic))
  // All of them: this client does not alter configurations incrementally.
  const configEntries = [{ name: 'retention.ms', value: '7200000' }]
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: play.topic, configEntries }]
  await step('alter-config', () => done(admin.alterConfigs({ resources })))
  await step('altered-config', () => askUntil('7200000', () => retentionOf(admin, play.topic)))
}

async function administerRecords (play, admin) {
  await step('produced', async () => {
    const producer = connection(play).producer()
    await producer.connect()
    const messages = Array.from({ length: PRODUCED }, (_, number) => ({ partition: 0, value: `value-${number}` }))
    await producer.send({ topic: play.topic, messages })
    return done(producer.disconnect())
  })
  const partitions = [{ partition: 0, offset: String(DELETED) }]
  await step('delete-records', () => done(admin.deleteTopicRecords({ topic: play.topic, partitions })))
  await step('earliest', async () => {
    const offsets = await admin.fetchTopicOffsets(play.topic)
    return offsets.find(({ partition }) => partition === 0).low
  })
}

async function administerGroup (play, admin) {
  const group = { groupId: play.group, topic: play.topic }
  await step('list-groups', async () => {
    const { groups } = await admin.listGroups()
    return groups.some(({ groupId }) => groupId === play.group)
  })
  await step('describe-group', async () => (await admin.describeGroups([play.group])).groups[0].state)
  const offset = async () => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: play.group, topics: [play.topic] })
    return partitions.find(({ partition }) => partition === 0).offset
  }
  await step('group-offset', offset)
  await step('alter-group-offset', () => done(admin.setOffsets({ ...group, partitions: [{ partition: 0, offset: '7' }] })))
  await step('altered-group-offset', offset)
  await step('delete-group', () => done(admin.deleteGroups([play.group])))
}

/** Reads the records that are left as a member of the group, commits, and leaves. */
async function readAndCommit (play) {
  const reader = await new Reader(play, { autoCommit: false }).connect()
  const messages = []
  await reader.readUntil(message => messages.push(message) === PRODUCED - DELETED)
  const offsets = [...positions(messages)]
  await reader.commit(offsets.map(([partition, offset]) => ({ partition, offset: offset.toString() })))
  await reader.disconnect()
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
