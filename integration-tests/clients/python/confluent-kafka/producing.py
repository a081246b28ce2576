"""Scenarios of producers."""

import time

from confluent_kafka import KafkaException

import events
from arguments import told_to_end
from clients import Sender, error_name, read_partition
from payloads import PAYLOADS


def callbacks(play):
    """For every codec: `records` with one of five keys, then as many without."""
    records = play.number("records")
    for codec in play.text("codecs").split(","):
        events.part(codec)
        # Batches of several records, so that there is something to compress.
        sender = Sender(play, {"compression.type": codec, "linger.ms": 5, "acks": "all"})
        for number in range(2 * records):
            key = f"key-{number % 5}" if number < records else None
            sender.send(f"{codec}-{number}", key)
        sender.finish()


def idempotent(play):
    """Small batches, five of them on their way at a time."""
    _in_order(play, {"batch.num.messages": 5})


def in_flight(play):
    """The same, each record in a batch of its own."""
    _in_order(play, {"batch.num.messages": 1, "linger.ms": 0})


def _in_order(play, settings):
    sender = Sender(play, {"enable.idempotence": True, "max.in.flight.requests.per.connection": 5, **settings})
    for number in range(play.number("records")):
        sender.send(f"value-{number}", partition=0)
    sender.finish()


def until_told(play):
    """Sends to two partitions in turn until standard input ends."""
    told = told_to_end()
    is_idempotent = play.text("idempotent") == "true"
    sender = Sender(
        play,
        {
            "enable.idempotence": is_idempotent,
            "acks": "all",
            "batch.num.messages": 20,
            # Without idempotence one request at a time, so that order is kept.
            "max.in.flight.requests.per.connection": 5 if is_idempotent else 1,
            "reconnect.backoff.max.ms": 200,
            # The broker is gone at times.
            "log_level": 0,
        },
    )
    number = 0
    while not told.is_set():
        sender.send(str(number), partition=number % 2, unanswered=100)
        number += 1
    sender.finish()


def partitioning(play):
    """Leaves it to the client where a key goes."""
    sender = Sender(play, {})
    for number in range(play.number("keys")):
        sender.send(f"key-{number}", f"key-{number}")
    sender.finish()


def payloads(play):
    """Sends all that a record can be, and reads it back."""
    sender = Sender(play, {})
    for key, value, headers in PAYLOADS:
        sender.send(value, key, partition=0, headers=headers)
    sender.finish()
    for message in read_partition(play, len(PAYLOADS)):
        events.payload(message.partition(), message.offset(), message.key(), message.value(), message.headers())


def large_records(play):
    """A record that just fits, one that does not, and a small one after them."""
    size = play.number("size")
    acknowledged = 0
    sender = Sender(play, {"message.max.bytes": 10_000_000})
    for value in (b"x" * size, b"x" * (size + 1), b"after"):
        start = time.monotonic()
        try:
            sender.send(value)
            sender.finish()
            acknowledged += 1
        except KafkaException as error:
            events.refused(error_name(error), start)
    # Fetches less than that at a time by itself.
    for message in read_partition(play, acknowledged):
        events.fact("received-length", len(message.value()))
