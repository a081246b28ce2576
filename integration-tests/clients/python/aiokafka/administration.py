"""Scenarios of the administration client."""

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

import events
from clients import Sender, consumer, error_name, polled
from waiting import eventually_awaited


async def topics(play):
    """The life of a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=play.bootstrap)
    await admin.start()
    topic = NewTopic(play.topic, 3, 1, topic_configs={"retention.ms": "86400000"})
    created = await _create(admin, topic)
    if created != "ok":
        raise RuntimeError(f"create: {created}")
    again = await _create(admin, topic)
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    events.fact("listed", await eventually_awaited(True, lambda: _is_listed(admin, play.topic)))
    partitions = (await admin.describe_topics([play.topic]))[0]["partitions"]
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition["leader"] >= 0))
    events.fact("retention.ms", await _retention_ms(admin, play.topic))
    deleted = await _delete(admin, play.topic)
    if deleted != "ok":
        raise RuntimeError(f"delete: {deleted}")
    is_listed = await eventually_awaited(False, lambda: _is_listed(admin, play.topic))
    events.fact("deleted", not is_listed)
    await admin.close()


async def admin(play):
    """What an administrator does to a topic and to a group. The client has nothing that deletes groups."""
    admin = AIOKafkaAdminClient(bootstrap_servers=play.bootstrap)
    await admin.start()
    topic = NewTopic(play.topic, 2, 1, topic_configs={"retention.ms": "3600000"})
    events.fact("create", await _create(admin, topic))
    events.fact("create-again", await _create(admin, topic))
    more = admin.create_partitions({play.topic: NewPartitions(4)})
    events.fact("create-partitions", await _error_of(more))
    events.fact("partitions", await eventually_awaited(4, lambda: _partitions(admin, play.topic)))
    events.fact("describe-config", await _retention_ms(admin, play.topic))
    change = ConfigResource(ConfigResourceType.TOPIC, play.topic, {"retention.ms": "7200000"})
    events.fact("alter-config", await _error_of(_alter(admin, change)))
    events.fact("altered-config", await eventually_awaited("7200000", lambda: _retention_ms(admin, play.topic)))

    await _produce(play, 10)
    events.fact("produced", "ok")
    partition = TopicPartition(play.topic, 0)
    deleted = admin.delete_records({partition: RecordsToDelete(4)})
    events.fact("delete-records", await _error_of(deleted))
    events.fact("earliest", await _earliest(play, partition))

    await _consume_and_commit(play)
    groups = await admin.list_consumer_groups()
    events.fact("list-groups", play.group in [group[0] for group in groups])
    described = await admin.describe_consumer_groups([play.group])
    events.fact("describe-group", described[0].to_object()["groups"][0]["state"])
    offsets = await admin.list_consumer_group_offsets(play.group)
    events.fact("group-offset", offsets[partition].offset)

    events.fact("describe-cluster", len((await admin.describe_cluster())["brokers"]))
    events.fact("delete", await _delete(admin, play.topic))
    await admin.close()


async def _create(admin, topic):
    answer = await admin.create_topics([topic])
    return _code_name(answer.topic_errors[0][1])


async def _delete(admin, topic):
    answer = await admin.delete_topics([topic])
    return _code_name(answer.topic_error_codes[0][1])


async def _alter(admin, resource):
    answers = await admin.alter_configs([resource])
    code, message, *_ = answers[0].resources[0]
    if code:
        raise for_code(code)(message)


def _code_name(code):
    return "ok" if code == 0 else error_name(for_code(code))


async def _error_of(asked):
    """The name of an answer's error, `ok` if it has none."""
    try:
        await asked
    except KafkaError as error:
        return error_name(error)
    return "ok"


async def _is_listed(admin, topic):
    return topic in await admin.list_topics()


async def _partitions(admin, topic):
    return len((await admin.describe_topics([topic]))[0]["partitions"])


async def _retention_ms(admin, topic):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    answer = (await admin.describe_configs([resource]))[0].to_object()["resources"][0]
    return next(entry["config_value"] for entry in answer["config_entries"] if entry["config_names"] == "retention.ms")


async def _produce(play, count):
    async with Sender(play) as sender:
        for number in range(count):
            await sender.send(b"value-%d" % number, partition=0)


async def _earliest(play, partition):
    async with consumer(play) as reader:
        return (await reader.beginning_offsets([partition]))[partition]


async def _consume_and_commit(play):
    """Reads to the end of partition 0 as a member of the group."""
    settings = {"group_id": play.group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    async with consumer(play, **settings) as reader:
        reader.subscribe([play.topic])
        offset = -1
        while offset < 9:
            for record in await polled(reader):
                offset = record.offset
        await reader.commit()
