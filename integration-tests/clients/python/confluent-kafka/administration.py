"""A topic and a group from their beginning to their end, all by the administration client."""

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
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
from clients import consumer, polled
from topics import error_of, retention_ms
from waiting import PATIENCE, eventually

RECORDS = 10


def admin(play):
    """A fact for each step. The client has nothing for log directories, and nothing that deletes offsets."""
    admin = AdminClient({"bootstrap.servers": play.bootstrap})
    _topic(play, admin)
    _records(play, admin)
    _group(play, admin)
    events.fact("describe-cluster", len(admin.describe_cluster().result(PATIENCE).nodes))
    events.fact("delete", error_of(admin.delete_topics([play.topic])[play.topic]))


def _topic(play, admin):
    topic = NewTopic(play.topic, num_partitions=2, replication_factor=1, config={"retention.ms": "3600000"})
    events.fact("create", error_of(admin.create_topics([topic])[play.topic]))
    events.fact("create-again", error_of(admin.create_topics([topic])[play.topic]))
    more = admin.create_partitions([NewPartitions(play.topic, 4)])
    events.fact("create-partitions", error_of(more[play.topic]))
    events.fact("partitions", eventually(4, lambda: _partitions(admin, play.topic)))
    events.fact("describe-config", retention_ms(admin, play.topic))
    change = ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, play.topic, incremental_configs=[change])
    events.fact("alter-config", error_of(admin.incremental_alter_configs([resource])[resource]))
    events.fact("altered-config", eventually("7200000", lambda: retention_ms(admin, play.topic)))


def _records(play, admin):
    partition = TopicPartition(play.topic, 0)
    events.fact("produced", _produce(play))
    before = TopicPartition(play.topic, 0, 4)
    events.fact("delete-records", error_of(admin.delete_records([before])[before]))
    earliest = admin.list_offsets({partition: OffsetSpec.earliest()})[partition]
    events.fact("earliest", earliest.result(PATIENCE).offset)


def _group(play, admin):
    _read_and_commit(play)
    groups = admin.list_consumer_groups().result(PATIENCE).valid
    events.fact("list-groups", play.group in [group.group_id for group in groups])
    group = admin.describe_consumer_groups([play.group])[play.group].result(PATIENCE)
    events.fact("describe-group", group.state.name.title())
    events.fact("group-offset", _group_offset(play, admin))
    wanted = ConsumerGroupTopicPartitions(play.group, [TopicPartition(play.topic, 0, 7)])
    events.fact("alter-group-offset", error_of(admin.alter_consumer_group_offsets([wanted])[play.group]))
    events.fact("altered-group-offset", _group_offset(play, admin))
    events.fact("delete-group", error_of(admin.delete_consumer_groups([play.group])[play.group]))


def _partitions(admin, topic):
    return len(admin.list_topics(topic, PATIENCE).topics[topic].partitions)


def _produce(play):
    """Sends to partition 0; `ok` when everything is acknowledged."""
    producer = Producer({"bootstrap.servers": play.bootstrap})
    errors = []
    for number in range(RECORDS):
        producer.produce(play.topic, f"value-{number}", partition=0, on_delivery=lambda error, _: errors.append(error))
    producer.flush(PATIENCE)
    return "ok" if errors == RECORDS * [None] else errors


def _read_and_commit(play):
    """Reads to the end of partition 0 as a member of the group."""
    reader = consumer(play, {"auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.subscribe([play.topic])
    message = None
    while message is None or message.offset() < RECORDS - 1:
        message = polled(reader)
    reader.commit(message, asynchronous=False)
    reader.close()


def _group_offset(play, admin):
    request = ConsumerGroupTopicPartitions(play.group, [TopicPartition(play.topic, 0)])
    answer = admin.list_consumer_group_offsets([request])[play.group].result(PATIENCE)
    return answer.topic_partitions[0].offset
