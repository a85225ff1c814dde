//! What a client asks, read as the original reads it: path, form, parameters and what they mean; and whether it may ask at
//! all, which browsers' headers say. Bodies are read within limits of size and time. Nothing here answers.

pub(super) mod browser;
pub(super) mod classic;
pub(super) mod classify;
pub(super) mod cors;
pub(super) mod credentials;
pub(super) mod form;
#[cfg(test)]
mod fuzz;
pub(super) mod media_type;
pub(super) mod params;
pub(super) mod path;
pub(super) mod preamble;
pub(super) mod upload;
