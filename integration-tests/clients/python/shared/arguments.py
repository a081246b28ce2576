"""What a scenario is played with, and which function plays it."""

import sys
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Play:
    """The arguments of a driver: `SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]`."""

    scenario: str
    bootstrap: str
    topic: str
    group: str
    parameters: dict

    def text(self, name):
        """A parameter; ends the program if it is missing."""
        if name not in self.parameters:
            sys.exit(f"parameter {name} is missing")
        return self.parameters[name]

    def number(self, name):
        """A parameter that is a number; ends the program if it is missing."""
        return int(self.text(name))


def play(scenarios):
    """Plays the scenario that the command line names: `scenarios` has a function of a `Play` for each."""
    arguments = sys.argv[1:]
    if len(arguments) < 4:
        sys.exit("usage: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]")
    parameters = dict(argument.split("=", 1) for argument in arguments[4:])
    wanted = Play(*arguments[:4], parameters)
    if wanted.scenario not in scenarios:
        sys.exit(f"unknown scenario {wanted.scenario}")
    sys.stdout.reconfigure(encoding="utf-8")
    return scenarios[wanted.scenario](wanted)


def told_to_end():
    """An event that is set when standard input ends: then the program is to end its work in order."""
    told = threading.Event()

    def read():
        sys.stdin.read()
        told.set()

    # A daemon: a program that fails does not wait for its input to end.
    threading.Thread(target=read, daemon=True).start()
    return told
