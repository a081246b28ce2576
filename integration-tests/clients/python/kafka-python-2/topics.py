"""The life of a topic, through the administration client."""

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError

import events
from clients import error_name
from waiting import eventually


def topics(play):
    """Creates it, again, looks for it, and deletes it."""
    admin = KafkaAdminClient(bootstrap_servers=play.bootstrap)
    topic = NewTopic(play.topic, 3, 1, topic_configs={"retention.ms": "86400000"})
    admin.create_topics([topic])
    again = error_of(lambda: admin.create_topics([topic]))
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    events.fact("listed", eventually(True, lambda: play.topic in admin.list_topics()))
    partitions = admin.describe_topics([play.topic])[0]["partitions"]
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition["leader"] >= 0))
    events.fact("retention.ms", retention_ms(admin, play.topic))
    admin.delete_topics([play.topic])
    events.fact("deleted", not eventually(False, lambda: play.topic in admin.list_topics()))
    admin.close()


def error_of(ask):
    """The name of the error that is raised, `ok` if there is none."""
    try:
        ask()
    except KafkaError as error:
        # The answer whole is the message of the exception; its class is named after the error.
        return getattr(type(error), "message", None) or error_name(error)
    return "ok"


def retention_ms(admin, topic):
    """The topic's `retention.ms`."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    for response in admin.describe_configs([resource]):
        for entry in response.to_object()["resources"][0]["config_entries"]:
            if entry["config_names"] == "retention.ms":
                return entry["config_value"]
    return None
