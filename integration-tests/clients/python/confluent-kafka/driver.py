"""Plays one scenario with confluent-kafka."""

import refusals
from arguments import play
from scenarios import SCENARIOS

play(SCENARIOS | {"refuse-consumer-protocol": refusals.consumer_protocol})
