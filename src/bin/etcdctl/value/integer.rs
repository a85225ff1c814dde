//! Integers: decimal, `0x…`, `0o…` or a leading zero, `0b…`, with underscores between digits. This is how the original
//! read them, so `--ttl 010` is eight seconds.

use super::ValueError;

/// Reads a 64-bit integer with an optional sign.
///
/// # Errors
/// When the text is no integer, or does not fit.
pub(crate) fn signed(text: &str) -> Result<i64, ValueError> {
    let (negative, digits) = sign(text);
    let value = i128::from(magnitude(digits)?);
    i64::try_from(if negative { -value } else { value }).map_err(|_| ValueError::Range)
}

/// Reads a 64-bit index.
///
/// The original took `-1` and waited for an index that never comes; that is no index (etcdctl reference 9.1).
///
/// # Errors
/// When the text is no integer, does not fit, or is negative.
pub(crate) fn unsigned(text: &str) -> Result<u64, ValueError> {
    let (negative, digits) = sign(text);
    match magnitude(digits)? {
        value if negative && value != 0 => Err(ValueError::Syntax),
        value => Ok(value),
    }
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

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn magnitude(text: &str) -> Result<u64, ValueError> {
    if !underscores_separate(text) {
        return Err(ValueError::Syntax);
    }
    let (base, digits) = base(text);
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(ValueError::Syntax);
    }
    // Every digit is one of the base, so only the size can be wrong.
    u64::from_str_radix(&digits, base).map_err(|_| ValueError::Range)
}

/// The base that a text announces, and its digits.
fn base(text: &str) -> (u32, &str) {
    let prefixed = |base| (base, &text[2..]);
    match text.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => prefixed(16),
        [b'0', b'o' | b'O', _, ..] => prefixed(8),
        [b'0', b'b' | b'B', _, ..] => prefixed(2),
        [b'0', _, ..] => (8, &text[1..]),
        _ => (10, text),
    }
}

/// Whether each underscore stands between two digits, or between the base and a digit.
fn underscores_separate(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        let byte = at.and_then(|at| bytes.get(at));
        byte.is_some_and(u8::is_ascii_hexdigit)
    };
    let base_ends_at = |at: usize| {
        at == 2 && bytes[0] == b'0' && matches!(bytes[1].to_ascii_lowercase(), b'x' | b'o' | b'b')
    };
    let underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    underscores
        .map(|(at, _)| at)
        .all(|at| (digit(at.checked_sub(1)) || base_ends_at(at)) && digit(Some(at + 1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_the_original_is_read() {
        let forms = [
            ("0", 0),
            ("5", 5),
            ("+5", 5),
            ("-5", -5),
            ("0x10", 16),
            ("0XfF", 255),
            ("-0x10", -16),
            ("010", 8),
            ("0o17", 15),
            ("0b11", 3),
            ("1_000", 1000),
            ("0x_1_0", 16),
            ("0_10", 8),
            ("-0", 0),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ];
        for (text, value) in forms {
            assert_eq!(signed(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", "+", "abc", "/k", "08", "0x", "0b", "0b2", "1__0", "_1", "1_", "--5", "5 ",
            "1e3", "0_", "é", "0é",
        ] {
            assert_eq!(signed(text), Err(ValueError::Syntax), "{text}");
            assert_eq!(unsigned(text), Err(ValueError::Syntax), "{text}");
        }
    }

    #[test]
    fn the_range_is_that_of_the_type() {
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
        ] {
            assert_eq!(signed(text), Err(ValueError::Range), "{text}");
        }
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

    proptest! {
        #[test]
        fn any_integer_survives_any_base(value: i64) {
            let sign = if value < 0 { "-" } else { "" };
            let size = value.unsigned_abs();
            for text in [
                format!("{sign}{size}"),
                format!("{sign}{size:#x}"),
                format!("{sign}{size:#o}"),
                format!("{sign}{size:#b}"),
            ] {
                prop_assert_eq!(signed(&text), Ok(value), "{}", text);
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC*") {
            let _ = (signed(&text), unsigned(&text), concurrency(&text));
        }
    }
}
