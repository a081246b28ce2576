"""Producers and consumers, and what they report."""

import os
import sys
import threading

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

import events

# Milliseconds that one poll waits.
POLL_MS = 100

# What the library calls errors of Kafka that have another name there.
KAFKA_NAMES = {"MESSAGE_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE"}


def error_name(error):
    """Kafka's name of an error."""
    name = getattr(error, "message", None) or type(error).__name__
    return KAFKA_NAMES.get(name, name)


class Sender:
    """A producer that prints what is acknowledged. A send that fails ends the program."""

    def __init__(self, play, **settings):
        self._producer = KafkaProducer(bootstrap_servers=play.bootstrap, **settings)
        self._topic = play.topic
        self._unanswered = 0
        self._answered = threading.Condition()

    def send(self, value, key=None, unanswered=sys.maxsize, **more):
        """Sends a record, with a partition or headers if given; waits while more than `unanswered` are on their way."""
        with self._answered:
            self._answered.wait_for(lambda: self._unanswered < unanswered)
            self._unanswered += 1
        future = self._producer.send(self._topic, value, key, **more)
        future.add_callback(self._acked, key, value)
        future.add_errback(_failed)

    def _acked(self, key, value, metadata):
        events.acked(metadata.partition, metadata.offset, key, value)
        with self._answered:
            self._unanswered -= 1
            self._answered.notify()

    def finish(self):
        """Waits until everything is answered."""
        self._producer.flush()
        with self._answered:
            self._answered.wait_for(lambda: self._unanswered == 0)
        self._producer.close()


def _failed(error):
    # The library calls back from a thread of its own, and goes on whatever is raised there.
    print(f"send: {error!r}", file=sys.stderr, flush=True)
    os._exit(1)


def consumer(play, **settings):
    """A consumer."""
    return KafkaConsumer(bootstrap_servers=play.bootstrap, **settings)


def print_received(record):
    """Prints what a consumer was given."""
    events.received(record.partition, record.offset, record.key, record.value)


def polled(consumer, **limits):
    """The next records, none if there were none for a moment."""
    batches = consumer.poll(timeout_ms=POLL_MS, **limits)
    return [record for batch in batches.values() for record in batch]


def report(consumer, count):
    """Prints the next `count` records and returns them."""
    records = []
    while len(records) < count:
        for record in polled(consumer, max_records=count - len(records)):
            print_received(record)
            records.append(record)
    return records


def read_partition(play, count):
    """The first `count` records of partition 0, read without a group."""
    reader = consumer(play, auto_offset_reset="earliest")
    reader.assign([TopicPartition(play.topic, 0)])
    records = []
    while len(records) < count:
        records.extend(polled(reader))
    reader.close()
    return records
