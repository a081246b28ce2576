"""Scenarios of producers."""

import time

from kafka import KafkaProducer
from kafka.errors import KafkaError

import events
from arguments import told_to_end
from clients import Sender, error_name, read_partition
from payloads import PAYLOADS
from version import IDEMPOTENT_IN_FLIGHT
from waiting import PATIENCE

# How many requests are to be on their way at a time.
IN_FLIGHT = 5


def callbacks(play):
    """For every codec: `records` with one of five keys, then as many without."""
    records = play.number("records")
    for codec in play.text("codecs").split(","):
        events.part(codec)
        # Batches of several records, so that there is something to compress.
        sender = Sender(play, compression_type=None if codec == "none" else codec, linger_ms=5, acks="all")
        for number in range(2 * records):
            key = b"key-%d" % (number % 5) if number < records else None
            sender.send(f"{codec}-{number}".encode(), key)
        sender.finish()


def idempotent(play):
    """Small batches, as many of them on their way at a time as may be."""
    _in_order(play, enable_idempotence=True, in_flight=IDEMPOTENT_IN_FLIGHT, batch_size=120)


def in_flight(play):
    """Each record in a batch of its own, five of them on their way."""
    is_idempotent = IDEMPOTENT_IN_FLIGHT >= IN_FLIGHT
    if not is_idempotent:
        events.fact("idempotent", is_idempotent)
    _in_order(play, enable_idempotence=is_idempotent, in_flight=IN_FLIGHT, batch_size=0, linger_ms=0)


def _in_order(play, in_flight, **settings):
    sender = Sender(play, max_in_flight_requests_per_connection=in_flight, **settings)
    for number in range(play.number("records")):
        sender.send(b"value-%d" % number, partition=0)
    sender.finish()


def until_told(play):
    """Sends to two partitions in turn until standard input ends."""
    told = told_to_end()
    is_idempotent = play.text("idempotent") == "true"
    sender = Sender(
        play,
        enable_idempotence=is_idempotent,
        acks="all",
        batch_size=1000,
        # Without idempotence one request at a time, so that order is kept.
        max_in_flight_requests_per_connection=IDEMPOTENT_IN_FLIGHT if is_idempotent else 1,
        reconnect_backoff_max_ms=200,
    )
    number = 0
    while not told.is_set():
        sender.send(b"%d" % number, partition=number % 2, unanswered=100)
        number += 1
    sender.finish()


def partitioning(play):
    """Leaves it to the client where a key goes."""
    sender = Sender(play)
    for number in range(play.number("keys")):
        sender.send(b"key-%d" % number, b"key-%d" % number)
    sender.finish()


def payloads(play):
    """Sends all that a record can be, and reads it back."""
    sender = Sender(play)
    sent = 0
    for number, (key, value, headers) in enumerate(PAYLOADS, start=1):
        # Headers have bytes here, at least none.
        if any(data is None for _, data in headers):
            events.fact("leaves-out", number)
        else:
            sender.send(value, key, partition=0, headers=headers)
            sent += 1
    sender.finish()
    for record in read_partition(play, sent):
        events.payload(record.partition, record.offset, record.key, record.value, record.headers)


def large_records(play):
    """A record that just fits, one that does not, and a small one after them."""
    size = play.number("size")
    acknowledged = 0
    # With idempotence this library fails what follows a refused record with that record's error.
    settings = {"max_request_size": 10_000_000, "enable_idempotence": False}
    producer = KafkaProducer(bootstrap_servers=play.bootstrap, **settings)
    for value in (b"x" * size, b"x" * (size + 1), b"after"):
        start = time.monotonic()
        try:
            metadata = producer.send(play.topic, value).get(timeout=PATIENCE)
            events.acked(metadata.partition, metadata.offset, None, value)
            acknowledged += 1
        except KafkaError as error:
            events.refused(error_name(error), start)
    producer.close()
    # Fetches less than that at a time by itself.
    for record in read_partition(play, acknowledged):
        events.fact("received-length", len(record.value))
