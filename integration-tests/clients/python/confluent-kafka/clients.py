"""Producers and consumers, and what they report."""

import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

import events

# Seconds that one poll waits.
POLL = 0.1

# After these errors librdkafka goes on by itself.
PASSING = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    # Told of where that is asked for.
    KafkaError._PARTITION_EOF,
)

# What librdkafka calls errors of Kafka that have another name there.
KAFKA_NAMES = {"MSG_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE"}


def error_name(error):
    """Kafka's name of a `KafkaError` or of the one in a `KafkaException`."""
    if isinstance(error, KafkaException):
        error = error.args[0]
    return KAFKA_NAMES.get(error.name(), error.name())


class Sender:
    """A producer that prints what is acknowledged. A send that fails ends the program."""

    def __init__(self, play, settings):
        self._producer = Producer({"bootstrap.servers": play.bootstrap, **settings})
        self._topic = play.topic

    def send(self, value, key=None, unanswered=sys.maxsize, **more):
        """Sends a record, with a partition or headers if given; waits while more than `unanswered` are on their way."""
        self._producer.produce(self._topic, value, key, on_delivery=_delivered, **more)
        self._producer.poll(0)
        while len(self._producer) > unanswered:
            self._producer.poll(POLL)

    def finish(self):
        """Waits until everything is answered."""
        if self._producer.flush(120) > 0:
            sys.exit("flush: not all sends are answered")


def _delivered(error, message):
    # An exception here goes through poll and flush to whoever called these.
    if error is not None:
        raise KafkaException(error)
    events.acked(message.partition(), message.offset(), message.key(), message.value())


def consumer(play, settings):
    """A consumer in the group of the scenario."""
    # A broker that is gone for a while is what some scenarios are about.
    quiet = {"log_level": 0}
    return Consumer({"bootstrap.servers": play.bootstrap, "group.id": play.group, **quiet, **settings})


def loner(play, settings=None):
    """A consumer to assign to. The library wants a group of each; this one neither joins it nor commits."""
    # A new assignment waits for the fetches of the last one.
    return consumer(play, {"enable.auto.commit": False, "fetch.wait.max.ms": 50, **(settings or {})})


def print_received(message):
    """Prints what a consumer was given."""
    events.received(message.partition(), message.offset(), message.key(), message.value())


def polled(consumer):
    """The next record, or `None` if there was none for a moment."""
    message = consumer.poll(POLL)
    if message is None:
        return None
    if message.error() is None:
        return message
    if message.error().code() not in PASSING:
        raise KafkaException(message.error())
    return None


def report(consumer, count):
    """Prints the next `count` records and returns them."""
    messages = []
    while len(messages) < count:
        message = polled(consumer)
        if message is not None:
            print_received(message)
            messages.append(message)
    return messages


def read_partition(play, count):
    """The first `count` records of partition 0, read without a group."""
    reader = loner(play)
    reader.assign([TopicPartition(play.topic, 0, OFFSET_BEGINNING)])
    messages = []
    while len(messages) < count:
        message = polled(reader)
        if message is not None:
            messages.append(message)
    reader.close()
    return messages
