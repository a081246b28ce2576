"""A topic and a group from their beginning to their end, by the administration client as far as it goes."""

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

import events
from clients import consumer, error_name, polled
from topics import code_name, create, delete, retention_ms
from waiting import eventually_awaited

RECORDS = 10


async def admin(play):
    """A fact for each step. The client has nothing for log directories, and nothing that changes or deletes groups."""
    admin = AIOKafkaAdminClient(bootstrap_servers=play.bootstrap)
    await admin.start()
    partition = TopicPartition(play.topic, 0)
    await _topic(play, admin)
    await _records(play, admin, partition)
    await _group(play, admin, partition)
    events.fact("describe-cluster", len((await admin.describe_cluster())["brokers"]))
    events.fact("delete", await delete(admin, play.topic))
    await admin.close()


async def _topic(play, admin):
    topic = NewTopic(play.topic, 2, 1, topic_configs={"retention.ms": "3600000"})
    events.fact("create", await create(admin, topic))
    events.fact("create-again", await create(admin, topic))
    events.fact("create-partitions", await _error_of(admin.create_partitions({play.topic: NewPartitions(4)})))
    events.fact("partitions", await eventually_awaited(4, lambda: _partitions(admin, play.topic)))
    events.fact("describe-config", await retention_ms(admin, play.topic))
    change = ConfigResource(ConfigResourceType.TOPIC, play.topic, {"retention.ms": "7200000"})
    answers = await admin.alter_configs([change])
    events.fact("alter-config", code_name(answers[0].resources[0][0]))
    events.fact("altered-config", await eventually_awaited("7200000", lambda: retention_ms(admin, play.topic)))


async def _records(play, admin, partition):
    async with AIOKafkaProducer(bootstrap_servers=play.bootstrap) as producer:
        for number in range(RECORDS):
            await producer.send_and_wait(play.topic, b"value-%d" % number, partition=0)
    events.fact("produced", "ok")
    events.fact("delete-records", await _error_of(admin.delete_records({partition: RecordsToDelete(4)})))
    # The administration client does not ask for offsets, consumers do.
    async with consumer(play) as reader:
        earliest = await reader.beginning_offsets([partition])
    events.fact("earliest", earliest[partition])


async def _group(play, admin, partition):
    await _read_and_commit(play)
    groups = await admin.list_consumer_groups()
    events.fact("list-groups", play.group in [group_id for group_id, *_ in groups])
    described = await admin.describe_consumer_groups([play.group])
    events.fact("describe-group", described[0].to_object()["groups"][0]["state"])
    offsets = await admin.list_consumer_group_offsets(play.group)
    events.fact("group-offset", offsets[partition].offset)


async def _error_of(asked):
    """The name of the error that a call raises, `ok` if it does not."""
    try:
        await asked
    except KafkaError as error:
        return error_name(error)
    return "ok"


async def _partitions(admin, topic):
    return len((await admin.describe_topics([topic]))[0]["partitions"])


async def _read_and_commit(play):
    """Reads to the end of partition 0 as a member of the group."""
    settings = {"group_id": play.group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    async with consumer(play, **settings) as reader:
        reader.subscribe([play.topic])
        offset = -1
        while offset < RECORDS - 1:
            for record in await polled(reader):
                offset = record.offset
        await reader.commit()
