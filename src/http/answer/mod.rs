//! What a client is told: status and headers in the order of the original, bodies, the JSON of keys and times, and
//! [`error`], the only place that knows numbers of v2 errors.

pub(super) mod body;
pub(super) mod document;
pub(super) mod error;
pub(super) mod headers;
pub(super) mod large;
pub(super) mod render;
pub(super) mod time;
