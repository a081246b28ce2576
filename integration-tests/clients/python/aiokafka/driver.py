"""Plays one scenario with aiokafka."""

import asyncio

from arguments import play
from scenarios import SCENARIOS

asyncio.run(play(SCENARIOS))
