"""Scenarios of consumers that choose what to read next."""

from aiokafka import TopicPartition

import events
from clients import consumer, polled, print_received, report


async def seek(play):
    """Seeks to the beginning, an offset, the end, and a time. Only what a part looks at is assigned."""
    first, second = (TopicPartition(play.topic, number) for number in (0, 1))
    async with consumer(play) as reader:
        events.part("beginning")
        reader.assign([first])
        await reader.seek_to_beginning(first)
        await report(reader, 3)
        events.part("offset")
        reader.assign([second])
        reader.seek(second, 7)
        await _report_to_end(reader, [second])
        events.part("end")
        reader.assign([first])
        await reader.seek_to_end(first)
        events.offset("position", 0, await reader.position(first))
        events.part("time")
        reader.assign([first, second])
        found = await reader.offsets_for_times({first: 1_000_000_004_500, second: 1_000_000_004_500})
        for partition, answer in found.items():
            events.offset("time", partition.partition, answer.offset)
            reader.seek(partition, answer.offset)
        await _report_to_end(reader, [first, second])


async def pause(play):
    """Reads one partition while the other is paused, then the other."""
    paused, other = (TopicPartition(play.topic, number) for number in (0, 1))
    async with consumer(play, auto_offset_reset="earliest") as reader:
        reader.assign([paused, other])
        events.part("paused")
        reader.pause(paused)
        await _report_to_end(reader, [other])
        # Not even now.
        for record in await polled(reader):
            print_received(record)
        events.part("resumed")
        reader.resume(paused)
        await _report_to_end(reader, [paused])


async def _report_to_end(reader, partitions):
    for partition, end in (await reader.end_offsets(partitions)).items():
        while await reader.position(partition) < end:
            for record in await polled(reader):
                print_received(record)
