"""The life of a topic, through the administration client."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

import events
from clients import error_name
from waiting import eventually_awaited


async def topics(play):
    """Creates it, again, looks for it, and deletes it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=play.bootstrap)
    await admin.start()
    topic = NewTopic(play.topic, 3, 1, topic_configs={"retention.ms": "86400000"})
    created = await create(admin, topic)
    if created != "ok":
        raise RuntimeError(f"create: {created}")
    again = await create(admin, topic)
    events.fact("created-again", "TopicExists" if again == "TOPIC_ALREADY_EXISTS" else again)
    events.fact("listed", await eventually_awaited(True, lambda: _is_listed(admin, play.topic)))
    partitions = (await admin.describe_topics([play.topic]))[0]["partitions"]
    events.fact("partitions", len(partitions))
    events.fact("leaders", sum(1 for partition in partitions if partition["leader"] >= 0))
    events.fact("retention.ms", await retention_ms(admin, play.topic))
    deleted = await delete(admin, play.topic)
    if deleted != "ok":
        raise RuntimeError(f"delete: {deleted}")
    events.fact("deleted", not await eventually_awaited(False, lambda: _is_listed(admin, play.topic)))
    await admin.close()


async def create(admin, topic):
    """Creates a topic; `ok`, or the name of the error, which this client does not raise."""
    answer = await admin.create_topics([topic])
    return code_name(answer.topic_errors[0][1])


async def delete(admin, topic):
    """Deletes a topic; `ok`, or the name of the error."""
    answer = await admin.delete_topics([topic])
    return code_name(answer.topic_error_codes[0][1])


def code_name(code):
    """The name of an error code, `ok` for none."""
    return "ok" if code == 0 else error_name(for_code(code))


async def retention_ms(admin, topic):
    """The topic's `retention.ms`."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    answer = (await admin.describe_configs([resource]))[0].to_object()["resources"][0]
    return next(entry["config_value"] for entry in answer["config_entries"] if entry["config_names"] == "retention.ms")


async def _is_listed(admin, topic):
    return topic in await admin.list_topics()
