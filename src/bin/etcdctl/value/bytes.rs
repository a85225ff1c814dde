//! Sizes: a number of bytes, or one with a unit, such as `64MiB`.

use super::ValueError;

/// Reads a size in bytes.
///
/// # Errors
/// When it is no number, has another unit than KiB, MiB or GiB, or does not fit.
pub(crate) fn parse(text: &str) -> Result<u64, ValueError> {
    let end = text.find(|byte: char| !byte.is_ascii_digit());
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    let scale = match unit {
        "" => 1,
        "KiB" => 1_u64 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(ValueError::Syntax),
    };
    if digits.is_empty() {
        return Err(ValueError::Syntax);
    }
    let number: u64 = digits.parse().map_err(|_| ValueError::Range)?;
    number.checked_mul(scale).ok_or(ValueError::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_or_without_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("2KiB", 2048),
            ("64MiB", 64 << 20),
            ("4GiB", 4 << 30),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in [
            "", "MiB", "-1", "+1", "1.5GiB", "1MB", "1 KiB", "1kib", "0x10",
        ] {
            assert_eq!(parse(text), Err(ValueError::Syntax), "{text}");
        }
        for text in ["18446744073709551616", "18446744073709551615KiB"] {
            assert_eq!(parse(text), Err(ValueError::Range), "{text}");
        }
    }
}
