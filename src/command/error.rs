//! What is wrong with the bytes of an entry.

use super::version::{HEADER_BYTES, NEWEST};

/// Why the bytes of an entry are not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its header.
    #[error("the entry has {0} bytes, a command has at least {HEADER_BYTES}")]
    TooShort(usize),
    /// Written by a newer version.
    #[error(
        "the entry has command format {0}, this version knows 1 to {NEWEST}: start the newer version again"
    )]
    NewerVersion(u8),
    /// The body is not the message it should be.
    #[error("the entry's body is malformed: {0}")]
    Malformed(String),
}
