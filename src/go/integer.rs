//! Integers: decimal, `0x…`, `0o…` or a leading zero, `0b…`, with underscores between digits.

/// Why a text is no integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegerError {
    /// It has not the form of one.
    Syntax,
    /// It has more than 64 bits.
    Range,
}

/// Reads an integer with an optional sign; its size fits into 64 bits without the sign.
///
/// # Errors
/// See [`IntegerError`].
pub fn integer(text: &str) -> Result<i128, IntegerError> {
    let (negative, digits) = sign(text);
    let size = i128::from(magnitude(digits)?);
    Ok(if negative { -size } else { size })
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn magnitude(text: &str) -> Result<u64, IntegerError> {
    if !underscores_separate(text) {
        return Err(IntegerError::Syntax);
    }
    let (base, digits) = base(text);
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(IntegerError::Syntax);
    }
    // Every digit is one of the base, so only the size can be wrong.
    u64::from_str_radix(&digits, base).map_err(|_| IntegerError::Range)
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
    fn every_form_is_read() {
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
            ("18446744073709551615", u64::MAX.into()),
            ("-18446744073709551615", -i128::from(u64::MAX)),
        ];
        for (text, value) in forms {
            assert_eq!(integer(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        for text in [
            "", "-", "+", "abc", "/k", "08", "0x", "0b", "0b2", "1__0", "_1", "1_", "--5", "5 ",
            "1e3", "0_", "é", "0é",
        ] {
            assert_eq!(integer(text), Err(IntegerError::Syntax), "{text}");
        }
        assert_eq!(integer("18446744073709551616"), Err(IntegerError::Range));
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
                prop_assert_eq!(integer(&text), Ok(value.into()), "{}", text);
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC*") {
            let _ = integer(&text);
        }
    }
}
