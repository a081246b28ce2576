"""Scenarios of consumers."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

import events
from clients import Sender, consumer, polled, print_received, report


async def hello(play):
    """One record to a topic that is not there yet, and back."""
    async with Sender(play) as sender:
        await sender.send(b"Hello, Kafka!")
    async with consumer(play, group_id=play.group, auto_offset_reset="earliest") as reader:
        reader.subscribe([play.topic])
        await report(reader, 1)


async def automatic(play):
    """Two consumers one after the other: about half of the records each."""
    records = play.number("records")
    settings = {"group_id": play.group, "auto_offset_reset": "earliest", "auto_commit_interval_ms": 100}
    for part, count in (("first", records // 2), ("second", records - records // 2)):
        events.part(part)
        async with consumer(play, **settings) as reader:
            reader.subscribe([play.topic])
            await report(reader, count)


async def manual(play):
    """The first consumer commits in the middle and reads on; the second begins at what was committed."""
    records = play.number("records")
    settings = {"group_id": play.group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    events.part("committed")
    async with consumer(play, **settings) as first:
        first.subscribe([play.topic])
        read = await report(first, records // 3)
        await first.commit()
        for partition in first.assignment():
            offset = await first.committed(partition)
            if offset is not None:
                events.committed(partition.partition, offset)
        events.part("uncommitted")
        await report(first, records // 3)
    events.part("again")
    async with consumer(play, **settings) as second:
        second.subscribe([play.topic])
        positions = {}
        for record in await report(second, records - len(read)):
            positions[TopicPartition(record.topic, record.partition)] = (record.offset + 1, "read by hand")
        events.part("callback")
        commit = asyncio.create_task(second.commit(positions))
        commit.add_done_callback(lambda commit: _print_committed(commit, positions))
        await commit
    await _print_metadata(play, positions)


def _print_committed(commit, positions):
    if commit.exception() is None:
        for partition, (offset, _) in positions.items():
            events.committed(partition.partition, offset)


async def _print_metadata(play, positions):
    # A consumer is told of the offset only.
    admin = AIOKafkaAdminClient(bootstrap_servers=play.bootstrap)
    await admin.start()
    committed = await admin.list_consumer_group_offsets(play.group, partitions=list(positions))
    for entry in committed.values():
        events.fact("metadata", entry.metadata)
    await admin.close()


async def own_offsets(play):
    """Reads from `start`, remembers where it stopped, and goes on there with another consumer."""
    count = play.number("count")
    kept = {}
    for part in ("first", "second"):
        events.part(part)
        # A consumer without a group has all partitions of the topics that are named at its start.
        async with consumer(play, play.topic) as reader:
            partitions = reader.assignment()
            for partition in partitions:
                reader.seek(partition, kept.setdefault(partition.partition, play.number("start")))
            left = {partition.partition: count for partition in partitions}
            while any(left.values()):
                for record in await polled(reader):
                    if left[record.partition] > 0:
                        print_received(record)
                        left[record.partition] -= 1
                        kept[record.partition] = record.offset + 1
            if part == "second":
                await _offsets(reader, partitions)


async def _offsets(reader, partitions):
    for partition, offset in (await reader.beginning_offsets(partitions)).items():
        events.offset("beginning", partition.partition, offset)
    for partition, offset in (await reader.end_offsets(partitions)).items():
        events.offset("end", partition.partition, offset)
    for partition, found in (await reader.offsets_for_times(dict.fromkeys(partitions, 1))).items():
        events.offset("time", partition.partition, found.offset)
