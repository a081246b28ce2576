"""A member of a group until standard input ends."""

import events
from arguments import told_to_end
from clients import consumer, polled, print_received


def member(play):
    """Prints what it is given: partitions and records."""
    told = told_to_end()
    settings = {
        "auto.offset.reset": "earliest",
        "session.timeout.ms": play.number("session_ms"),
        "heartbeat.interval.ms": play.number("heartbeat_ms"),
        "auto.commit.interval.ms": 100,
        "topic.metadata.refresh.interval.ms": 1000,
        "reconnect.backoff.max.ms": 200,
    }
    if "instance" in play.parameters:
        settings["group.instance.id"] = play.text("instance")
    if "assignor" in play.parameters:
        settings["partition.assignment.strategy"] = play.text("assignor")
    # With the cooperative assignor each call tells of those that come or go; with others, of all of them.
    owned = set()

    def on_assign(_, partitions):
        owned.update(entry.partition for entry in partitions)
        events.assigned(owned)

    def on_revoke(_, partitions):
        owned.difference_update(entry.partition for entry in partitions)
        events.assigned(owned)

    reader = consumer(play, settings)
    reader.subscribe([play.topic], on_assign=on_assign, on_revoke=on_revoke)
    while not told.is_set():
        message = polled(reader)
        if message is not None:
            print_received(message)
    reader.close()
