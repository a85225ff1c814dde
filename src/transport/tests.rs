//! Streams over pipes, in a time that passes as soon as nothing else is to do.

mod connections;
pub(super) mod fixture;
mod frames;
mod incoming;
mod outgoing;
