"""Scenarios of consumers that choose what to read next."""

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

import events
from clients import PASSING, POLL, loner, polled, print_received, report
from waiting import PATIENCE

# Tells of the end of a partition, which is all that tells of it: `position` knows of records only.
TELL_OF_ENDS = {"enable.partition.eof": True}


def seek(play):
    """Seeks to the beginning, an offset, the end, and a time."""
    reader = loner(play, TELL_OF_ENDS)
    events.part("beginning")
    _seek(reader, [TopicPartition(play.topic, 0, OFFSET_BEGINNING)])
    report(reader, 3)
    events.part("offset")
    _seek(reader, [TopicPartition(play.topic, 1, 7)])
    _report_to_end(reader, [1])
    events.part("end")
    _seek(reader, [TopicPartition(play.topic, 0, OFFSET_END)])
    events.offset("position", 0, _report_to_end(reader, [0])[0])
    events.part("time")
    times = [TopicPartition(play.topic, partition, 1_000_000_004_500) for partition in (0, 1)]
    found = reader.offsets_for_times(times, PATIENCE)
    for entry in found:
        events.offset("time", entry.partition, entry.offset)
    _seek(reader, found)
    _report_to_end(reader, [0, 1])
    reader.close()


def pause(play):
    """Reads one partition while the other is paused, then the other."""
    reader = loner(play, TELL_OF_ENDS)
    paused = TopicPartition(play.topic, 0, OFFSET_BEGINNING)
    reader.assign([paused, TopicPartition(play.topic, 1, OFFSET_BEGINNING)])
    events.part("paused")
    reader.pause([paused])
    _report_to_end(reader, [1])
    # Not even now.
    message = polled(reader)
    if message is not None:
        print_received(message)
    events.part("resumed")
    reader.resume([paused])
    _report_to_end(reader, [0])
    reader.close()


def _seek(reader, positions):
    # Only what is looked at is assigned: the rest would be read on meanwhile.
    reader.assign([TopicPartition(entry.topic, entry.partition, OFFSET_BEGINNING) for entry in positions])
    # Seeking is for partitions that are being read: earlier, it is undone by the answer to where the beginning is.
    reading = set()
    while len(reading) < len(positions):
        message = polled(reader)
        if message is not None:
            reading.add(message.partition())
    for entry in positions:
        reader.seek(entry)


def _report_to_end(reader, partitions):
    """Prints records until the partitions' ends are reached; these, by partition."""
    ends = {}
    while any(partition not in ends for partition in partitions):
        message = reader.poll(POLL)
        if message is None:
            continue
        error = message.error()
        if error is None:
            print_received(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            ends[message.partition()] = message.offset()
        elif error.code() not in PASSING:
            raise KafkaException(error)
    return ends
