//! Time spans as the original read them (`etcd2::go`), such as `1h2m3.5s`.

use std::time::Duration;

use etcd2::go::{DurationError, duration};

use super::ValueError;

/// Reads a duration.
///
/// # Errors
/// When it has not the form of one, or is negative.
pub(crate) fn parse(text: &str) -> Result<Duration, ValueError> {
    duration(text).map_err(|error| match error {
        DurationError::Syntax => ValueError::Syntax,
        DurationError::Negative => ValueError::Negative,
    })
}
