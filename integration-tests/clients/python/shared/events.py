"""What a driver prints: an event a line, its fields separated by tabs. `integration-tests/README.md` describes it."""

import sys
import threading
import time

# Libraries call back from threads of their own.
_lock = threading.Lock()


def _print(*fields):
    line = "\t".join(str(field) for field in fields)
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _text(data):
    """Bytes that are a key or a value: `-` if there are none."""
    return "-" if data is None else data.decode()


def part(name):
    _print("part", name)


def acked(partition, offset, key, value):
    _print("acked", partition, offset, _text(key), _text(value))


def received(partition, offset, key, value):
    _print("received", partition, offset, _text(key), _text(value))


def payload(partition, offset, key, value, headers):
    """A record whole; `headers` are pairs of a name and bytes."""
    joined = ";".join(f"{name}={_text(data)}" for name, data in headers or [])
    _print("payload", partition, offset, _text(key), _text(value), joined)


def assigned(partitions):
    _print("assigned", ",".join(str(partition) for partition in sorted(partitions)))


def committed(partition, offset):
    _print("committed", partition, offset)


def offset(question, partition, answer):
    _print("offset", question, partition, answer)


def fact(name, value):
    """A fact; those that are true or false are printed in lower case."""
    _print("fact", name, str(value).lower() if isinstance(value, bool) else value)


def refused(error, start):
    """What the client says instead of doing it, and how long that took since `start`, by `time.monotonic()`."""
    said = " ".join(str(error).split())
    _print("refused", said, int((time.monotonic() - start) * 1000))
