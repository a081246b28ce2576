//! The controller's decisions, pure: image and request in, records and response out.
