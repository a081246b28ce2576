"""What the broker does not serve, and how this client says so."""

import asyncio
import time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

import events
from waiting import PATIENCE


async def transactions(play):
    """Asks for a producer id with a transactional id."""
    start = time.monotonic()
    producer = AIOKafkaProducer(bootstrap_servers=play.bootstrap, transactional_id=play.group)
    try:
        await asyncio.wait_for(_begin(producer), PATIENCE)
        events.fact("transactions", "accepted")
    except (KafkaError, asyncio.TimeoutError) as error:
        events.refused(repr(error), start)
    await producer.stop()


async def _begin(producer):
    await producer.start()
    await producer.begin_transaction()
