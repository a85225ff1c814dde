//! Durations: numbers with units, largest first or not, such as `1h2m3.5s`; `0` alone needs no unit.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationError {
    /// It has not the form of one, or is too long.
    Syntax,
    /// It ends before it begins.
    Negative,
}

/// The longest duration there is: what fits into 63 bits of nanoseconds, about 292 years.
const NANOSECONDS_MAX: u128 = i64::MAX as u128;

/// Reads a duration.
///
/// # Errors
/// When a number has no unit, a unit is unknown, the sum is too long, or it is negative.
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(DurationError::Syntax);
    }
    let mut nanoseconds = 0;
    while !rest.is_empty() {
        let (part, behind) = part(rest)?;
        nanoseconds += part;
        if nanoseconds > NANOSECONDS_MAX {
            return Err(DurationError::Syntax);
        }
        rest = behind;
    }
    match u64::try_from(nanoseconds) {
        Ok(0) => Ok(Duration::ZERO),
        Ok(_) if negative => Err(DurationError::Negative),
        Ok(nanoseconds) => Ok(Duration::from_nanos(nanoseconds)),
        Err(_) => Err(DurationError::Syntax),
    }
}

/// The nanoseconds of the first number and unit, and what stands behind them.
fn part(text: &str) -> Result<(u128, &str), DurationError> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Syntax);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit());
    let (unit, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let unit = nanoseconds_of(unit).ok_or(DurationError::Syntax)?;
    let whole = match whole {
        "" => 0,
        whole => whole.parse::<u64>().map_err(|_| DurationError::Syntax)?,
    };
    Ok((u128::from(whole) * unit + part_of(fraction, unit), rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// `0.fraction` of `unit`, without what is smaller than a nanosecond.
fn part_of(fraction: &str, unit: u128) -> u128 {
    // The largest unit has thirteen digits of nanoseconds, so later digits of a fraction cannot add one.
    let shown = &fraction[..fraction.len().min(18)];
    let scale = shown.bytes().fold(1, |scale, _| scale * 10);
    shown
        .parse::<u128>()
        .map_or(0, |digits| digits * unit / scale)
}

fn nanoseconds_of(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter look alike on every screen.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let forms = [
            ("0", Duration::ZERO),
            ("-0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("500ms", Duration::from_millis(500)),
            ("+5s", Duration::from_secs(5)),
            ("1m30s", Duration::from_secs(90)),
            ("1h2m3.5s", Duration::from_millis(3_723_500)),
            (".5s", Duration::from_millis(500)),
            ("1.s", Duration::from_secs(1)),
            ("3us", Duration::from_micros(3)),
            ("3\u{b5}s", Duration::from_micros(3)),
            ("3\u{3bc}s", Duration::from_micros(3)),
            ("1.9ns", Duration::from_nanos(1)),
            ("2s1m", Duration::from_secs(62)),
            (
                "0.3333333333333333333333h",
                Duration::from_nanos(1_199_999_999_999),
            ),
            (
                "9223372036854775807ns",
                Duration::from_nanos(i64::MAX as u64),
            ),
        ];
        for (text, wanted) in forms {
            assert_eq!(duration(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "5",
            "+",
            "-",
            ".",
            ".s",
            "1x",
            "s",
            "1 s",
            "1s ",
            "1m5",
            "1..5s",
            "9999999999h",
            "9223372036854775808ns",
            "99999999999999999999999s",
            "1é",
        ] {
            assert_eq!(duration(text), Err(DurationError::Syntax), "{text}");
        }
        assert_eq!(duration("-1s"), Err(DurationError::Negative));
    }

    proptest! {
        #[test]
        fn any_number_of_nanoseconds_survives(nanoseconds in 0..=i64::MAX as u64) {
            let wanted = Duration::from_nanos(nanoseconds);
            let fraction = format!("{}.{:09}s", wanted.as_secs(), wanted.subsec_nanos());
            prop_assert_eq!(duration(&format!("{nanoseconds}ns")), Ok(wanted));
            prop_assert_eq!(duration(&fraction), Ok(wanted));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[-+]?[0-9.a-zµ]*|\\PC*") {
            let _ = duration(&text);
        }
    }
}
