"""Scenarios of producers."""

import time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

import events
from arguments import told_to_end
from clients import Sender, error_name, read_partition
from payloads import PAYLOADS


async def callbacks(play):
    """For every codec: `records` with one of five keys, then as many without."""
    records = play.number("records")
    for codec in play.text("codecs").split(","):
        events.part(codec)
        # Batches of several records, so that there is something to compress.
        async with Sender(play, compression_type=None if codec == "none" else codec, linger_ms=5, acks="all") as sender:
            for number in range(2 * records):
                key = b"key-%d" % (number % 5) if number < records else None
                await sender.send(f"{codec}-{number}".encode(), key)


async def idempotent(play):
    """Small batches. This client has one of each partition on its way at a time."""
    await _in_order(play, max_batch_size=120)


async def in_flight(play):
    """The same, each record in a batch of its own."""
    await _in_order(play, max_batch_size=1, linger_ms=0)


async def _in_order(play, **settings):
    async with Sender(play, enable_idempotence=True, **settings) as sender:
        for number in range(play.number("records")):
            await sender.send(b"value-%d" % number, partition=0)


async def until_told(play):
    """Sends to two partitions in turn until standard input ends."""
    told = told_to_end()
    is_idempotent = play.text("idempotent") == "true"
    async with Sender(
        play, unanswered=100, enable_idempotence=is_idempotent, acks="all", max_batch_size=1000
    ) as sender:
        number = 0
        while not told.is_set():
            await sender.send(b"%d" % number, partition=number % 2)
            number += 1


async def partitioning(play):
    """Leaves it to the client where a key goes."""
    async with Sender(play) as sender:
        for number in range(play.number("keys")):
            await sender.send(b"key-%d" % number, b"key-%d" % number)


async def payloads(play):
    """Sends all that a record can be, and reads it back."""
    async with Sender(play) as sender:
        for key, value, headers in PAYLOADS:
            await sender.send(value, key, partition=0, headers=headers)
    for record in await read_partition(play, len(PAYLOADS)):
        events.payload(record.partition, record.offset, record.key, record.value, record.headers)


async def large_records(play):
    """A record that just fits, one that does not, and a small one after them."""
    size = play.number("size")
    acknowledged = 0
    async with AIOKafkaProducer(bootstrap_servers=play.bootstrap, max_request_size=10_000_000) as producer:
        for value in (b"x" * size, b"x" * (size + 1), b"after"):
            start = time.monotonic()
            try:
                metadata = await producer.send_and_wait(play.topic, value)
                events.acked(metadata.partition, metadata.offset, None, value)
                acknowledged += 1
            except KafkaError as error:
                events.refused(error_name(error), start)
    # Fetches less than that at a time by itself.
    for record in await read_partition(play, acknowledged):
        events.fact("received-length", len(record.value))
