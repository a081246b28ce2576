"""The life of a topic, through the administration client."""

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

import events
from clients import error_name
from waiting import eventually


def topics(play):
    """Creates it, again, looks for it, and deletes it."""
    admin = KafkaAdminClient(bootstrap_servers=play.bootstrap)
    topic = {play.topic: {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "86400000"}}}
    admin.create_topics(topic)
    again = error_of(lambda: admin.create_topics(topic))
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    events.fact("listed", eventually(True, lambda: play.topic in admin.list_topics()))
    partitions = admin.describe_topics([play.topic])[0]["partitions"]
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition["leader_id"] >= 0))
    events.fact("retention.ms", retention_ms(admin, play.topic))
    admin.delete_topics([play.topic])
    events.fact("deleted", not eventually(False, lambda: play.topic in admin.list_topics()))
    admin.close()


def error_of(ask):
    """The name of an answer's error, `ok` if it has none. Some are raised, some returned: as a class, or as text."""
    try:
        answer = ask()
    except KafkaError as error:
        return error_name(error)
    if isinstance(answer, type):
        answer = error_name(answer)
    return answer if isinstance(answer, str) and answer not in ("OK", "NO_ERROR") else "ok"


def retention_ms(admin, topic):
    """The topic's `retention.ms`."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    return admin.describe_configs([resource])["topic"][topic]["retention.ms"]["value"]
