//! Streams over pipes, in a time that passes as soon as nothing else is to do.

mod connections;
pub(crate) mod files;
pub(super) mod fixture;
mod frames;
mod incoming;
mod outgoing;
mod transfer;
