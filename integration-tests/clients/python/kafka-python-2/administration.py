"""A topic and a group from their beginning to their end, all by the administration client."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

import events
from clients import consumer, polled
from topics import error_of, retention_ms
from waiting import PATIENCE, eventually

RECORDS = 10


def admin(play):
    """A fact for each step."""
    admin = KafkaAdminClient(bootstrap_servers=play.bootstrap)
    partition = TopicPartition(play.topic, 0)
    _topic(play, admin)
    _records(play, admin, partition)
    _group(play, admin, partition)
    events.fact("describe-cluster", len(admin.describe_cluster()["brokers"]))
    events.fact("delete", error_of(lambda: admin.delete_topics([play.topic])))
    admin.close()


def _topic(play, admin):
    topic = NewTopic(play.topic, 2, 1, topic_configs={"retention.ms": "3600000"})
    events.fact("create", error_of(lambda: admin.create_topics([topic])))
    events.fact("create-again", error_of(lambda: admin.create_topics([topic])))
    more = {play.topic: NewPartitions(4)}
    events.fact("create-partitions", error_of(lambda: admin.create_partitions(more)))
    events.fact("partitions", eventually(4, lambda: len(admin.describe_topics([play.topic])[0]["partitions"])))
    events.fact("describe-config", retention_ms(admin, play.topic))
    change = ConfigResource(ConfigResourceType.TOPIC, play.topic, {"retention.ms": "7200000"})
    error_code = admin.alter_configs([change]).to_object()["resources"][0]["error_code"]
    events.fact("alter-config", "ok" if error_code == 0 else error_code)
    events.fact("altered-config", eventually("7200000", lambda: retention_ms(admin, play.topic)))


def _records(play, admin, partition):
    producer = KafkaProducer(bootstrap_servers=play.bootstrap)
    for number in range(RECORDS):
        producer.send(play.topic, b"value-%d" % number, partition=0).get(timeout=PATIENCE)
    producer.close()
    events.fact("produced", "ok")
    events.fact("delete-records", error_of(lambda: admin.delete_records({partition: 4})))
    reader = KafkaConsumer(bootstrap_servers=play.bootstrap)
    events.fact("earliest", reader.beginning_offsets([partition])[partition])
    reader.close()


def _group(play, admin, partition):
    _read_and_commit(play)
    events.fact("list-groups", play.group in [name for name, _ in admin.list_consumer_groups()])
    events.fact("describe-group", admin.describe_consumer_groups([play.group])[0].state)
    events.fact("group-offset", admin.list_consumer_group_offsets(play.group)[partition].offset)
    [(_, error)] = admin.delete_consumer_groups([play.group])
    events.fact("delete-group", "ok" if error.errno == 0 else error.message)


def _read_and_commit(play):
    """Reads to the end of partition 0 as a member of the group."""
    reader = consumer(play, group_id=play.group, auto_offset_reset="earliest", enable_auto_commit=False)
    reader.subscribe([play.topic])
    offset = -1
    while offset < RECORDS - 1:
        for record in polled(reader):
            offset = record.offset
    reader.commit()
    reader.close()
