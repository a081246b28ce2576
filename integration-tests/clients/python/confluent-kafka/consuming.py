"""Scenarios of consumers."""

from confluent_kafka import KafkaException, TopicPartition

import events
from clients import POLL, Sender, consumer, loner, polled, print_received, report
from waiting import PATIENCE


def hello(play):
    """One record to a topic that is not there yet, and back."""
    sender = Sender(play, {})
    sender.send("Hello, Kafka!")
    sender.finish()
    reader = consumer(play, {"auto.offset.reset": "earliest"})
    reader.subscribe([play.topic])
    report(reader, 1)
    reader.close()


def automatic(play):
    """Two consumers one after the other: about half of the records each."""
    records = play.number("records")
    for part, count in (("first", records // 2), ("second", records - records // 2)):
        events.part(part)
        reader = consumer(play, {"auto.offset.reset": "earliest", "auto.commit.interval.ms": 100})
        reader.subscribe([play.topic])
        report(reader, count)
        reader.close()


def manual(play):
    """The first consumer commits in the middle and reads on; the second begins at what was committed."""
    records = play.number("records")
    settings = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    events.part("committed")
    first = consumer(play, settings)
    first.subscribe([play.topic])
    read = report(first, records // 3)
    first.commit(asynchronous=False)
    for entry in first.committed(first.assignment(), PATIENCE):
        if entry.offset >= 0:
            events.committed(entry.partition, entry.offset)
    events.part("uncommitted")
    report(first, records // 3)
    first.close()

    answered = []

    def on_commit(error, offsets):
        if error is not None:
            raise KafkaException(error)
        for entry in offsets:
            events.committed(entry.partition, entry.offset)
        answered.append(offsets)

    events.part("again")
    second = consumer(play, {"on_commit": on_commit, **settings})
    second.subscribe([play.topic])
    positions = {}
    for message in report(second, records - len(read)):
        positions[message.partition()] = message.offset() + 1
    events.part("callback")
    offsets = [
        TopicPartition(play.topic, partition, offset, metadata="read by hand")
        for partition, offset in positions.items()
    ]
    second.commit(offsets=offsets, asynchronous=True)
    while not answered:
        second.poll(POLL)
    for entry in second.committed(offsets, PATIENCE):
        events.fact("metadata", entry.metadata)
    second.close()


def own_offsets(play):
    """Reads from `start`, remembers where it stopped, and goes on there with another consumer."""
    count = play.number("count")
    kept = {}
    for part in ("first", "second"):
        events.part(part)
        reader = loner(play)
        partitions = reader.list_topics(play.topic, PATIENCE).topics[play.topic].partitions
        left = {}
        for partition in partitions:
            kept.setdefault(partition, play.number("start"))
            left[partition] = count
        reader.assign([TopicPartition(play.topic, partition, kept[partition]) for partition in partitions])
        while any(left.values()):
            message = polled(reader)
            if message is not None and left[message.partition()] > 0:
                print_received(message)
                left[message.partition()] -= 1
                kept[message.partition()] = message.offset() + 1
        if part == "second":
            _offsets(play, reader, partitions)
        reader.close()


def _offsets(play, reader, partitions):
    for partition in partitions:
        first, end = reader.get_watermark_offsets(TopicPartition(play.topic, partition), PATIENCE)
        events.offset("beginning", partition, first)
        events.offset("end", partition, end)
    # Milliseconds since 1970, in the place of an offset.
    times = [TopicPartition(play.topic, partition, 1) for partition in partitions]
    for entry in reader.offsets_for_times(times, PATIENCE):
        events.offset("time", entry.partition, entry.offset)
