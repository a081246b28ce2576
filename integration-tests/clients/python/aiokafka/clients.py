"""Producers and consumers, and what they report."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import events

# Milliseconds that one poll waits.
POLL_MS = 100

# What the library calls errors of Kafka that have another name there.
KAFKA_NAMES = {"MESSAGE_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE"}


def error_name(error):
    """Kafka's name of an error, be it raised or only its class."""
    name = getattr(error, "message", None) or repr(error)
    return KAFKA_NAMES.get(name, name)


class Sender:
    """Prints what is acknowledged; `async with` starts and ends the producer. A send that fails ends the program."""

    def __init__(self, play, unanswered=sys.maxsize, **settings):
        """At most `unanswered` sends are on their way."""
        self._producer = AIOKafkaProducer(bootstrap_servers=play.bootstrap, **settings)
        self._topic = play.topic
        self._may_send = asyncio.Semaphore(unanswered)

    async def __aenter__(self):
        await self._producer.start()
        return self

    async def __aexit__(self, *_):
        # Waits until everything is answered.
        await self._producer.stop()

    async def send(self, value, key=None, **more):
        """Sends a record, with a partition or headers if given."""
        await self._may_send.acquire()
        future = await self._producer.send(self._topic, value, key, **more)
        future.add_done_callback(lambda future: self._answered(key, value, future))

    def _answered(self, key, value, future):
        self._may_send.release()
        error = future.exception()
        if error is not None:
            sys.exit(f"send: {error!r}")
        metadata = future.result()
        events.acked(metadata.partition, metadata.offset, key, value)


def consumer(play, *topics, **settings):
    """A consumer; `async with` starts and ends it."""
    return AIOKafkaConsumer(*topics, bootstrap_servers=play.bootstrap, **settings)


def print_received(record):
    """Prints what a consumer was given."""
    events.received(record.partition, record.offset, record.key, record.value)


async def polled(consumer, **limits):
    """The next records, none if there were none for a moment."""
    batches = await consumer.getmany(timeout_ms=POLL_MS, **limits)
    return [record for batch in batches.values() for record in batch]


async def report(consumer, count):
    """Prints the next `count` records and returns them."""
    records = []
    while len(records) < count:
        for record in await polled(consumer, max_records=count - len(records)):
            print_received(record)
            records.append(record)
    return records


async def read_partition(play, count):
    """The first `count` records of partition 0, read without a group."""
    async with consumer(play, auto_offset_reset="earliest") as reader:
        reader.assign([TopicPartition(play.topic, 0)])
        records = []
        while len(records) < count:
            records.extend(await polled(reader))
        return records
