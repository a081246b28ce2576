"""A topic and a group from their beginning to their end, all by the administration client."""

from kafka import KafkaAdminClient, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

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
    topic = {play.topic: {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.ms": "3600000"}}}
    events.fact("create", error_of(lambda: admin.create_topics(topic)))
    events.fact("create-again", error_of(lambda: admin.create_topics(topic)))
    events.fact("create-partitions", error_of(lambda: admin.create_partitions({play.topic: 4})))
    events.fact("partitions", eventually(4, lambda: len(admin.describe_topics([play.topic])[0]["partitions"])))
    events.fact("describe-config", retention_ms(admin, play.topic))
    change = ConfigResource(ConfigResourceType.TOPIC, play.topic, {"retention.ms": "7200000"})
    events.fact("alter-config", error_of(lambda: admin.alter_configs([change])["topic"][play.topic]))
    events.fact("altered-config", eventually("7200000", lambda: retention_ms(admin, play.topic)))


def _records(play, admin, partition):
    with KafkaProducer(bootstrap_servers=play.bootstrap) as producer:
        for number in range(RECORDS):
            producer.send(play.topic, b"value-%d" % number, partition=0).get(timeout=PATIENCE)
    events.fact("produced", "ok")
    events.fact("delete-records", error_of(lambda: admin.delete_records({partition: 4})))
    earliest = admin.list_partition_offsets({partition: OffsetSpec.EARLIEST})
    events.fact("earliest", earliest[partition].offset)
    events.fact("describe-log-dirs", _partitions_on_disk(play, admin))


def _group(play, admin, partition):
    _read_and_commit(play)
    events.fact("list-groups", play.group in [group["group_id"] for group in admin.list_groups()])
    events.fact("describe-group", admin.describe_groups([play.group])[play.group]["group_state"])
    events.fact("group-offset", _group_offset(play, admin, partition))
    wanted = {partition: OffsetAndMetadata(7, "", None)}
    altered = error_of(lambda: admin.alter_group_offsets(play.group, wanted)[partition])
    events.fact("alter-group-offset", altered)
    events.fact("altered-group-offset", _group_offset(play, admin, partition))
    deleted = error_of(lambda: admin.delete_group_offsets(play.group, [partition])[partition])
    events.fact("delete-group-offset", deleted)
    events.fact("deleted-group-offset", _group_offset(play, admin, partition))
    events.fact("delete-group", error_of(lambda: admin.delete_groups([play.group])[play.group]))


def _partitions_on_disk(play, admin):
    """How many partitions of the topic are in the log directories of all brokers."""
    topics = [
        topic
        for broker in admin.describe_log_dirs([play.topic])
        for log_dir in broker["log_dirs"]
        for topic in log_dir["topics"]
    ]
    return sum(len(topic["partitions"]) for topic in topics if topic["name"] == play.topic)


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


def _group_offset(play, admin, partition):
    """The group's offset of a partition, `none` if there is none."""
    found = admin.list_group_offsets(play.group)[play.group].get(partition)
    return "none" if found is None else found.offset
