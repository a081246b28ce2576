"""What differs between versions of the library."""

from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

ASSIGNORS = {"roundrobin": RoundRobinPartitionAssignor}

# How many requests of an idempotent producer may be on their way.
IDEMPOTENT_IN_FLIGHT = 1
