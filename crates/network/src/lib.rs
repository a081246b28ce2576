//! Listeners and connections: framing, response order, back-pressure, zero-copy send.
