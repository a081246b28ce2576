"""Scenarios of consumers that choose what to read next."""

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, TopicPartition

import events
from waiting import PATIENCE
from clients import POLL, loner, polled, report


def seek(play):
    """Seeks to the beginning, an offset, the end, and a time."""
    # What is asked for the position is the message that tells of the end: `position` knows of records only.
    reader = loner(play, {"enable.partition.eof": True})
    events.part("beginning")
    _seek(reader, [TopicPartition(play.topic, 0, OFFSET_BEGINNING)])
    report(reader, 3)
    events.part("offset")
    _seek(reader, [TopicPartition(play.topic, 1, 7)])
    report(reader, 3)
    events.part("end")
    _seek(reader, [TopicPartition(play.topic, 0, OFFSET_END)])
    events.offset("position", 0, _end_reached(reader))
    events.part("time")
    times = [TopicPartition(play.topic, partition, 1_000_000_004_500) for partition in (0, 1)]
    found = reader.offsets_for_times(times, PATIENCE)
    for entry in found:
        events.offset("time", entry.partition, entry.offset)
    _seek(reader, found)
    report(reader, sum(10 - entry.offset for entry in found))
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


def _end_reached(reader):
    while True:
        message = reader.poll(POLL)
        error = message.error() if message is not None else None
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            return message.offset()


def pause(play):
    """Reads one partition while the other is paused, then the other."""
    reader = loner(play)
    paused = TopicPartition(play.topic, 0, OFFSET_BEGINNING)
    reader.assign([paused, TopicPartition(play.topic, 1, OFFSET_BEGINNING)])
    reader.pause([paused])
    events.part("paused")
    report(reader, 10)
    events.part("resumed")
    reader.resume([paused])
    report(reader, 10)
    reader.close()
