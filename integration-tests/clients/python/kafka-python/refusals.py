"""What the broker does not serve, and how this client says so."""

import time

from kafka import KafkaProducer
from kafka.errors import KafkaError

import events


def transactions(play):
    """Asks for a producer id with a transactional id."""
    start = time.monotonic()
    producer = KafkaProducer(bootstrap_servers=play.bootstrap, transactional_id=play.group, max_block_ms=30_000)
    try:
        producer.init_transactions()
        events.fact("transactions", "accepted")
    except KafkaError as error:
        events.refused(error, start)
    producer.close(timeout=1)
