"""Scenarios of consumers."""

from kafka import OffsetAndMetadata, TopicPartition

import events
from clients import Sender, consumer, polled, print_received, report


def hello(play):
    """One record to a topic that is not there yet, and back."""
    sender = Sender(play)
    sender.send(b"Hello, Kafka!")
    sender.finish()
    reader = consumer(play, group_id=play.group, auto_offset_reset="earliest")
    reader.subscribe([play.topic])
    report(reader, 1)
    reader.close()


def automatic(play):
    """Two consumers one after the other: about half of the records each."""
    records = play.number("records")
    for part, count in (("first", records // 2), ("second", records - records // 2)):
        events.part(part)
        reader = consumer(play, group_id=play.group, auto_offset_reset="earliest", auto_commit_interval_ms=100)
        reader.subscribe([play.topic])
        report(reader, count)
        reader.close()


def manual(play):
    """The first consumer commits in the middle and reads on; the second begins at what was committed."""
    records = play.number("records")
    settings = {"group_id": play.group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    events.part("committed")
    first = consumer(play, **settings)
    first.subscribe([play.topic])
    read = report(first, records // 3)
    first.commit()
    for partition in first.assignment():
        offset = first.committed(partition)
        if offset is not None:
            events.committed(partition.partition, offset)
    events.part("uncommitted")
    report(first, records // 3)
    first.close()

    events.part("again")
    second = consumer(play, **settings)
    second.subscribe([play.topic])
    positions = {}
    for record in report(second, records - len(read)):
        positions[TopicPartition(record.topic, record.partition)] = OffsetAndMetadata(
            record.offset + 1, "read by hand", record.leader_epoch
        )
    events.part("callback")
    answers = []
    second.commit_async(positions, lambda offsets, answer: answers.append((offsets, answer)))
    while not answers:
        polled(second)
    offsets, answer = answers[0]
    if isinstance(answer, Exception):
        raise answer
    for partition, committed in offsets.items():
        events.committed(partition.partition, committed.offset)
    for partition in positions:
        events.fact("metadata", second.committed(partition, metadata=True).metadata)
    second.close()


def own_offsets(play):
    """Reads from `start`, remembers where it stopped, and goes on there with another consumer."""
    count = play.number("count")
    kept = {}
    for part in ("first", "second"):
        events.part(part)
        reader = consumer(play)
        partitions = [TopicPartition(play.topic, number) for number in reader.partitions_for_topic(play.topic)]
        reader.assign(partitions)
        for partition in partitions:
            reader.seek(partition, kept.setdefault(partition.partition, play.number("start")))
        left = {partition.partition: count for partition in partitions}
        while any(left.values()):
            for record in polled(reader):
                if left[record.partition] > 0:
                    print_received(record)
                    left[record.partition] -= 1
                    kept[record.partition] = record.offset + 1
        if part == "second":
            _offsets(reader, partitions)
        reader.close()


def _offsets(reader, partitions):
    for partition, offset in reader.beginning_offsets(partitions).items():
        events.offset("beginning", partition.partition, offset)
    for partition, offset in reader.end_offsets(partitions).items():
        events.offset("end", partition.partition, offset)
    for partition, found in reader.offsets_for_times(dict.fromkeys(partitions, 1)).items():
        events.offset("time", partition.partition, found.offset)
