//! The forms of numbers, durations and truth that users of the original write, read exactly as it read them.

pub(crate) mod boolean;
pub(crate) mod bytes;
pub(crate) mod duration;
pub(crate) mod integer;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

/// The reader of file names. Unlike clap's own it takes an empty one, which means none (etcdctl reference 3).
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Why a text is no value of its kind. The words end a sentence: `invalid value "5" for flag -timeout: parse error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// Not a number, duration or truth at all.
    #[error("parse error")]
    Syntax,
    /// A number that does not fit.
    #[error("value out of range")]
    Range,
    /// A time span that ends before it begins.
    #[error("must not be negative")]
    Negative,
    /// Too few or too many requests at a time.
    #[error("must be between 1 and 1000")]
    Concurrency,
}
