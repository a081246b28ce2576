"""Scenarios of consumers that choose what to read next."""

from kafka import TopicPartition

import events
from clients import consumer, report


def seek(play):
    """Seeks to the beginning, an offset, the end, and a time. Only what a part looks at is assigned."""
    reader = consumer(play)
    first, second = (TopicPartition(play.topic, number) for number in (0, 1))
    events.part("beginning")
    reader.assign([first])
    reader.seek_to_beginning(first)
    report(reader, 3)
    events.part("offset")
    reader.assign([second])
    reader.seek(second, 7)
    report(reader, 3)
    events.part("end")
    reader.assign([first])
    reader.seek_to_end(first)
    events.offset("position", 0, reader.position(first))
    events.part("time")
    reader.assign([first, second])
    found = reader.offsets_for_times({first: 1_000_000_004_500, second: 1_000_000_004_500})
    for partition, answer in sorted(found.items()):
        events.offset("time", partition.partition, answer.offset)
        reader.seek(partition, answer.offset)
    report(reader, sum(10 - answer.offset for answer in found.values()))
    reader.close()


def pause(play):
    """Reads one partition while the other is paused, then the other."""
    reader = consumer(play, auto_offset_reset="earliest")
    paused, other = (TopicPartition(play.topic, number) for number in (0, 1))
    reader.assign([paused, other])
    reader.pause(paused)
    events.part("paused")
    report(reader, 10)
    events.part("resumed")
    reader.resume(paused)
    report(reader, 10)
    reader.close()
