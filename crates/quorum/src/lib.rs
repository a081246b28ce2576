//! Commits what the controller decides: openraft, the one controller actor, snapshots.
