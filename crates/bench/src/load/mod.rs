//! The load generator: raw sockets, frames that are encoded beforehand, one thread, one epoll.

pub(crate) mod drive;
pub(crate) mod end_to_end;
pub(crate) mod exchange;
pub(crate) mod group_storm;
pub(crate) mod lane;
pub(crate) mod link;
pub(crate) mod meter;
pub(crate) mod poller;
