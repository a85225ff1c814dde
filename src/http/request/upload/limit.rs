//! What a body may take, and what becomes of it.

use std::time::Duration;

use bytes::Bytes;

use super::budget::{UploadBudget, UploadClaim};

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadError {
    /// More than the limit.
    TooLarge,
    /// Not complete in time.
    TimedOut,
    /// It ended before its end: the client went away, or has nothing more.
    CutOff,
    /// Its framing is broken.
    Broken,
    /// The bodies that are being read leave no room for this one.
    NoRoom,
    /// A form with a value over its limit, whatever else comes. The rest of it was read away if that was little.
    ValueTooLarge {
        /// Whether nothing of the body is left, so that the connection can go on.
        read: bool,
    },
}

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadLimits<'a> {
    /// Bytes of the body.
    pub(crate) bytes: usize,
    /// Bytes of a decoded value in it.
    pub(crate) value_bytes: usize,
    /// For the whole of it; `None` is no limit of time.
    pub(crate) within: Option<Duration>,
    /// For the next piece of what is long: it holds a part of the budget that others may need.
    pub(crate) stall: Duration,
    /// Where what is long is taken from.
    pub(crate) budget: &'a UploadBudget,
}

/// A body as it was sent. Its part of the budget is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    pub(crate) bytes: Bytes,
    _claim: UploadClaim<'a>,
}

impl<'a> Upload<'a> {
    pub(super) fn new(bytes: Bytes, claim: UploadClaim<'a>) -> Self {
        Self {
            bytes,
            _claim: claim,
        }
    }
}
