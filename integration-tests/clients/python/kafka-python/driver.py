"""Plays one scenario with kafka-python."""

from arguments import play
from scenarios import SCENARIOS

play(SCENARIOS)
