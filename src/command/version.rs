//! The header of a command: how long it is, and which versions of it there are.

/// Bytes before the body.
pub(crate) const HEADER_BYTES: usize = 48;
/// What every entry holds that needs no later one: releases before [`BOUNDED_EXPIRY`] read it.
pub(super) const VERSION: u8 = 1;
/// The version that knows the bound in bytes of an expiry.
pub(super) const BOUNDED_EXPIRY: u8 = 2;
/// The version that knows a condition on a record.
pub(super) const CONDITION: u8 = 3;
/// The version that knows changes of membership.
pub(crate) const CHANGE: u8 = 4;
/// What every release applies.
pub(crate) const FIRST: u8 = VERSION;
/// What every member of a cluster of several applies: its founding is written in it.
pub(crate) const AMONG_SEVERAL: u8 = CONDITION;
/// The newest one.
pub(crate) const NEWEST: u8 = CHANGE;
