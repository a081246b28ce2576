"""Plays one scenario with kafka-python 2. What it has in common with kafka-python 3 lies in the folder of that."""

from arguments import play
from scenarios import SCENARIOS

play(SCENARIOS)
