"""Scenarios of the administration client."""

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

import events
from waiting import PATIENCE, eventually
from clients import Sender, consumer, error_name, polled


def topics(play):
    """The life of a topic."""
    admin = AdminClient({"bootstrap.servers": play.bootstrap})
    topic = NewTopic(play.topic, num_partitions=3, replication_factor=1, config={"retention.ms": "86400000"})
    admin.create_topics([topic])[play.topic].result(PATIENCE)
    again = _error_of(admin.create_topics([topic])[play.topic])
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    found = admin.list_topics(timeout=PATIENCE).topics
    events.fact("listed", play.topic in found)
    partitions = found[play.topic].partitions.values()
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition.leader >= 0))
    events.fact("retention.ms", _retention_ms(admin, play.topic))
    admin.delete_topics([play.topic])[play.topic].result(PATIENCE)
    events.fact("deleted", eventually(True, lambda: play.topic not in admin.list_topics(timeout=PATIENCE).topics))


def admin(play):
    """What an administrator does to a topic and to a group."""
    admin = AdminClient({"bootstrap.servers": play.bootstrap})
    topic = NewTopic(play.topic, num_partitions=2, replication_factor=1, config={"retention.ms": "3600000"})
    events.fact("create", _error_of(admin.create_topics([topic])[play.topic]))
    events.fact("create-again", _error_of(admin.create_topics([topic])[play.topic]))
    more = admin.create_partitions([NewPartitions(play.topic, 4)])[play.topic]
    events.fact("create-partitions", _error_of(more))
    events.fact("partitions", eventually(4, lambda: _partitions(admin, play.topic)))
    events.fact("describe-config", _retention_ms(admin, play.topic))
    change = ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, play.topic, incremental_configs=[change])
    events.fact("alter-config", _error_of(admin.incremental_alter_configs([resource])[resource]))
    events.fact("altered-config", eventually("7200000", lambda: _retention_ms(admin, play.topic)))

    _produce(play, 10)
    events.fact("produced", "ok")
    partition = TopicPartition(play.topic, 0)
    before = TopicPartition(play.topic, 0, 4)
    events.fact("delete-records", _error_of(admin.delete_records([before])[before]))
    earliest = admin.list_offsets({partition: OffsetSpec.earliest()})[partition].result(PATIENCE)
    events.fact("earliest", earliest.offset)

    _consume_and_commit(play)
    groups = admin.list_consumer_groups().result(PATIENCE)
    events.fact("list-groups", play.group in [group.group_id for group in groups.valid])
    group = admin.describe_consumer_groups([play.group])[play.group].result(PATIENCE)
    events.fact("describe-group", group.state.name.title())
    request = ConsumerGroupTopicPartitions(play.group, [partition])
    offsets = admin.list_consumer_group_offsets([request])[play.group].result(PATIENCE)
    events.fact("group-offset", offsets.topic_partitions[0].offset)
    events.fact("delete-group", _error_of(admin.delete_consumer_groups([play.group])[play.group]))

    events.fact("describe-cluster", len(admin.describe_cluster().result(PATIENCE).nodes))
    events.fact("delete", _error_of(admin.delete_topics([play.topic])[play.topic]))


def _error_of(future):
    """The name of an answer's error, `ok` if it has none."""
    try:
        future.result(PATIENCE)
        return "ok"
    except KafkaException as error:
        return error_name(error)


def _retention_ms(admin, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return admin.describe_configs([resource])[resource].result(PATIENCE)["retention.ms"].value


def _partitions(admin, topic):
    return len(admin.list_topics(topic, PATIENCE).topics[topic].partitions)


def _produce(play, count):
    sender = Sender(play, {})
    for number in range(count):
        sender.send(f"value-{number}", partition=0)
    sender.finish()


def _consume_and_commit(play):
    """Reads to the end of partition 0 as a member of the group."""
    reader = consumer(play, {"auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.subscribe([play.topic])
    message = None
    while message is None or message.offset() < 9:
        message = polled(reader)
    reader.commit(message, asynchronous=False)
    reader.close()
