"""The life of a topic, through the administration client."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

import events
from clients import error_name
from waiting import PATIENCE, eventually


def topics(play):
    """Creates it, again, looks for it, and deletes it."""
    admin = AdminClient({"bootstrap.servers": play.bootstrap})
    topic = NewTopic(play.topic, num_partitions=3, replication_factor=1, config={"retention.ms": "86400000"})
    admin.create_topics([topic])[play.topic].result(PATIENCE)
    again = error_of(admin.create_topics([topic])[play.topic])
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    events.fact("listed", eventually(True, lambda: _is_listed(admin, play.topic)))
    partitions = admin.list_topics(play.topic, PATIENCE).topics[play.topic].partitions.values()
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition.leader >= 0))
    events.fact("retention.ms", retention_ms(admin, play.topic))
    admin.delete_topics([play.topic])[play.topic].result(PATIENCE)
    events.fact("deleted", not eventually(False, lambda: _is_listed(admin, play.topic)))


def error_of(future):
    """The name of an answer's error, `ok` if it has none."""
    try:
        future.result(PATIENCE)
        return "ok"
    except KafkaException as error:
        return error_name(error)


def retention_ms(admin, topic):
    """The topic's `retention.ms`."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return admin.describe_configs([resource])[resource].result(PATIENCE)["retention.ms"].value


def _is_listed(admin, topic):
    return topic in admin.list_topics(timeout=PATIENCE).topics
