"""The records of the scenario `payloads`: all that a record can be."""

# Key, value, headers; in this order they are to be sent.
PAYLOADS = [
    (b"k", b"v", [("a", b"1"), ("b", b"2"), ("a", b"3")]),
    (None, b"only-value", []),
    (b"tombstone", None, []),
    (b"", b"", []),
    ("ключ".encode(), "значение".encode(), [("empty", b"")]),
    (b"n", b"x", [("null", None)]),
]
