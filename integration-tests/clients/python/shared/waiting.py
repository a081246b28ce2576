"""Waiting for what a node may learn a moment later than another."""

import asyncio
import time

# Seconds that any answer may take.
PATIENCE = 30

# Seconds between two questions.
PAUSE = 0.02


def eventually(wanted, ask):
    """The answer of `ask` once it is the wanted one; what it is otherwise, after half a minute."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer == wanted or time.monotonic() > end:
            return answer
        time.sleep(PAUSE)


async def eventually_awaited(wanted, ask):
    """The same, of a question that is awaited."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = await ask()
        if answer == wanted or time.monotonic() > end:
            return answer
        await asyncio.sleep(PAUSE)
