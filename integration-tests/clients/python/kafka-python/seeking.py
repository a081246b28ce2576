"""Scenarios of consumers that choose what to read next."""

from kafka import TopicPartition

import events
from clients import consumer, polled, print_received, report


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
    _report_to_end(reader, [second])
    events.part("end")
    reader.assign([first])
    reader.seek_to_end(first)
    events.offset("position", 0, reader.position(first))
    events.part("time")
    reader.assign([first, second])
    found = reader.offsets_for_times({first: 1_000_000_004_500, second: 1_000_000_004_500})
    for partition, answer in found.items():
        events.offset("time", partition.partition, answer.offset)
        reader.seek(partition, answer.offset)
    _report_to_end(reader, [first, second])
    reader.close()


def pause(play):
    """Reads one partition while the other is paused, then the other."""
    reader = consumer(play, auto_offset_reset="earliest")
    paused, other = (TopicPartition(play.topic, number) for number in (0, 1))
    reader.assign([paused, other])
    events.part("paused")
    reader.pause(paused)
    _report_to_end(reader, [other])
    # Not even now.
    for record in polled(reader):
        print_received(record)
    events.part("resumed")
    reader.resume(paused)
    _report_to_end(reader, [paused])
    reader.close()


def _report_to_end(reader, partitions):
    ends = reader.end_offsets(partitions)
    while any(reader.position(partition) < end for partition, end in ends.items()):
        for record in polled(reader):
            print_received(record)
