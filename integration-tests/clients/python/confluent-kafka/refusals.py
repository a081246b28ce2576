"""What the broker does not serve, and how this client says so."""

import time

from confluent_kafka import KafkaException, Producer

import events
from clients import consumer, polled
from waiting import PATIENCE


def transactions(play):
    """Asks for a producer id with a transactional id."""
    start = time.monotonic()
    producer = Producer({"bootstrap.servers": play.bootstrap, "transactional.id": play.group})
    try:
        producer.init_transactions(PATIENCE)
        events.fact("transactions", "accepted")
    except KafkaException as error:
        events.refused(error, start)


def consumer_protocol(play):
    """Insists on the consumer group protocol (KIP-848)."""
    start = time.monotonic()
    reader = consumer(play, {"group.protocol": "consumer"})
    reader.subscribe([play.topic])
    try:
        while time.monotonic() < start + PATIENCE:
            polled(reader)
        events.fact("consumer-protocol", "accepted")
    except KafkaException as error:
        events.refused(error, start)
    reader.close()
