//! Integers as the original read them (`etcd2::go`), so `--ttl 010` is eight seconds.

use etcd2::go::{IntegerError, integer};

use super::ValueError;

/// Reads a 64-bit integer with an optional sign.
///
/// # Errors
/// When the text is no integer, or does not fit.
pub(crate) fn signed(text: &str) -> Result<i64, ValueError> {
    i64::try_from(integer(text)?).map_err(|_| ValueError::Range)
}

/// Reads a 64-bit index.
///
/// The original took `-1` and waited for an index that never comes; that is no index (etcdctl reference 9.1).
///
/// # Errors
/// When the text is no integer, does not fit, or is negative.
pub(crate) fn unsigned(text: &str) -> Result<u64, ValueError> {
    // Too large a size was refused before: what is left out is below zero.
    u64::try_from(integer(text)?).map_err(|_| ValueError::Syntax)
}

/// Reads how many requests may be under way at a time.
///
/// # Errors
/// When the text is no integer from 1 to 1000.
pub(crate) fn concurrency(text: &str) -> Result<usize, ValueError> {
    match usize::try_from(signed(text)?) {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err(ValueError::Concurrency),
    }
}

impl From<IntegerError> for ValueError {
    fn from(error: IntegerError) -> Self {
        match error {
            IntegerError::Syntax => Self::Syntax,
            IntegerError::Range => Self::Range,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_type() {
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
        ] {
            assert_eq!(signed(text), Err(ValueError::Range), "{text}");
        }
        assert_eq!(signed("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(unsigned("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(unsigned("18446744073709551616"), Err(ValueError::Range));
        assert_eq!(unsigned("-1"), Err(ValueError::Syntax));
        assert_eq!(unsigned("-0"), Ok(0));
        assert_eq!(concurrency("1"), Ok(1));
        assert_eq!(concurrency("1000"), Ok(1000));
        for text in ["0", "-1", "1001"] {
            assert_eq!(concurrency(text), Err(ValueError::Concurrency), "{text}");
        }
    }
}
