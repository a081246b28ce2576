"""Scenarios of the administration client."""

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

import events
from clients import Sender, consumer, error_name, polled
from waiting import eventually


def topics(play):
    """The life of a topic."""
    admin = KafkaAdminClient(bootstrap_servers=play.bootstrap)
    topic = {play.topic: {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "86400000"}}}
    admin.create_topics(topic)
    again = _error_of(lambda: admin.create_topics(topic))
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    events.fact("listed", eventually(True, lambda: play.topic in admin.list_topics()))
    partitions = admin.describe_topics([play.topic])[0]["partitions"]
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition["leader_id"] >= 0))
    events.fact("retention.ms", _retention_ms(admin, play.topic))
    admin.delete_topics([play.topic])
    events.fact("deleted", eventually(True, lambda: play.topic not in admin.list_topics()))
    admin.close()


def admin(play):
    """What an administrator does to a topic and to a group."""
    admin = KafkaAdminClient(bootstrap_servers=play.bootstrap)
    topic = {play.topic: {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.ms": "3600000"}}}
    events.fact("create", _error_of(lambda: admin.create_topics(topic)))
    events.fact("create-again", _error_of(lambda: admin.create_topics(topic)))
    events.fact("create-partitions", _error_of(lambda: admin.create_partitions({play.topic: 4})))
    partitions = eventually(4, lambda: len(admin.describe_topics([play.topic])[0]["partitions"]))
    events.fact("partitions", partitions)
    events.fact("describe-config", _retention_ms(admin, play.topic))
    change = ConfigResource(ConfigResourceType.TOPIC, play.topic, {"retention.ms": "7200000"})
    altered = _error_of(lambda: admin.alter_configs([change])["topic"][play.topic])
    events.fact("alter-config", altered)
    events.fact("altered-config", eventually("7200000", lambda: _retention_ms(admin, play.topic)))

    _produce(play, 10)
    events.fact("produced", "ok")
    partition = TopicPartition(play.topic, 0)
    events.fact("delete-records", _error_of(lambda: admin.delete_records({partition: 4})))
    events.fact("earliest", _earliest(play, partition))

    _consume_and_commit(play)
    events.fact("list-groups", play.group in [group["group_id"] for group in admin.list_groups()])
    events.fact("describe-group", admin.describe_groups([play.group])[play.group]["group_state"])
    events.fact("group-offset", admin.list_group_offsets(play.group)[play.group][partition].offset)
    events.fact("delete-group", _error_of(lambda: admin.delete_groups([play.group])[play.group]))

    events.fact("describe-cluster", len(admin.describe_cluster()["brokers"]))
    events.fact("delete", _error_of(lambda: admin.delete_topics([play.topic])))
    admin.close()


def _error_of(ask):
    """The name of an answer's error, `ok` if it has none. Some answers have it as text: `OK` or what is wrong."""
    try:
        answer = ask()
    except KafkaError as error:
        return error_name(error)
    return answer if isinstance(answer, str) and answer != "OK" else "ok"


def _retention_ms(admin, topic):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    return admin.describe_configs([resource])["topic"][topic]["retention.ms"]["value"]


def _produce(play, count):
    sender = Sender(play)
    for number in range(count):
        sender.send(b"value-%d" % number, partition=0)
    sender.finish()


def _earliest(play, partition):
    reader = consumer(play)
    offset = reader.beginning_offsets([partition])[partition]
    reader.close()
    return offset


def _consume_and_commit(play):
    """Reads to the end of partition 0 as a member of the group."""
    reader = consumer(play, group_id=play.group, auto_offset_reset="earliest", enable_auto_commit=False)
    reader.subscribe([play.topic])
    offset = -1
    while offset < 9:
        for record in polled(reader):
            offset = record.offset
    reader.commit()
    reader.close()
