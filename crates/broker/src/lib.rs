//! Request handlers, wiring and lifecycle of a node.
