"""A member of a group until standard input ends."""

from kafka import ConsumerRebalanceListener

import events
from arguments import told_to_end
from clients import consumer, polled, print_received
from version import ASSIGNORS


class Reporting(ConsumerRebalanceListener):
    """Prints all partitions that the member has when these change."""

    def __init__(self):
        # With the cooperative assignor each call tells of those that come or go; with others, of all of them.
        self._owned = set()

    def on_partitions_revoked(self, revoked):
        self._owned.difference_update(entry.partition for entry in revoked)
        events.assigned(self._owned)

    def on_partitions_assigned(self, assigned):
        self._owned.update(entry.partition for entry in assigned)
        events.assigned(self._owned)


def member(play):
    """Prints what it is given: partitions and records."""
    told = told_to_end()
    settings = {
        "group_id": play.group,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": play.number("session_ms"),
        "heartbeat_interval_ms": play.number("heartbeat_ms"),
        "auto_commit_interval_ms": 100,
        "metadata_max_age_ms": 1000,
        "reconnect_backoff_max_ms": 200,
    }
    if "instance" in play.parameters:
        settings["group_instance_id"] = play.text("instance")
    if "assignor" in play.parameters:
        settings["partition_assignment_strategy"] = [ASSIGNORS[play.text("assignor")]]
    reader = consumer(play, **settings)
    reader.subscribe([play.topic], listener=Reporting())
    while not told.is_set():
        for record in polled(reader):
            print_received(record)
    reader.close()
