//! Times as the wire shows them: RFC 3339 in UTC, durations with units, and the `ttl` that is left.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::json::number;

const SECOND: u64 = 1_000_000_000;

/// Appends nanoseconds since the Unix epoch as `2026-11-22T05:56:13.566931111Z`: the fraction without its trailing
/// zeros, and without the point if nothing is left of it (keys-api 2.4).
pub(crate) fn rfc3339(out: &mut Vec<u8>, nanoseconds: u64) {
    // All of `u64` lies between the years 1970 and 2554, which the library's timestamps hold; writing to memory does not fail.
    if let Ok(time) = Timestamp::from_nanosecond(i128::from(nanoseconds)) {
        let _ = write!(out, "{time}");
    }
}

/// As [`rfc3339`]; a time before 1970 counts as 1970, which no clock of a running server shows.
pub(crate) fn system_time(out: &mut Vec<u8>, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    rfc3339(out, u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
}

/// Appends a duration in the notation of the original: `24.648619798s`, `1m18.5s`, `5h0m3.2s`, `1.5ms`, `0s`.
pub(crate) fn duration(out: &mut Vec<u8>, duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (unit, digits, name) = match nanoseconds {
        0 => (1, 0, "s"),
        1..1_000 => (1, 0, "ns"),
        1_000..1_000_000 => (1_000, 3, "µs"),
        1_000_000..SECOND => (1_000_000, 6, "ms"),
        _ => (SECOND, 9, "s"),
    };
    let whole = nanoseconds / unit;
    if unit == SECOND && whole >= 3600 {
        number(out, whole / 3600);
        out.push(b'h');
    }
    if unit == SECOND && whole >= 60 {
        number(out, whole / 60 % 60);
        out.push(b'm');
        number(out, whole % 60);
    } else {
        number(out, whole);
    }
    fraction(out, nanoseconds % unit, digits);
    out.extend_from_slice(name.as_bytes());
}

/// A time on its own, where no buffer is being filled.
pub(crate) fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The seconds to live at `now`, rounded up (keys-api 7.1); 0 once the deadline is past, where the original counts on
/// below zero: no client waits for a negative time. Both in nanoseconds of cluster time.
pub(crate) fn seconds_left(deadline: u64, now: u64) -> u64 {
    deadline.saturating_sub(now).div_ceil(SECOND)
}

/// Appends `.` and the fraction in `digits` places without trailing zeros; nothing if it is 0.
fn fraction(out: &mut Vec<u8>, mut value: u64, mut digits: usize) {
    if value == 0 {
        return;
    }
    while value.is_multiple_of(10) {
        value /= 10;
        digits -= 1;
    }
    out.push(b'.');
    let mut text = [b'0'; 9];
    for place in text[..digits].iter_mut().rev() {
        *place += (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text[..digits]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(nanoseconds: u64) -> String {
        let mut out = Vec::new();
        rfc3339(&mut out, nanoseconds);
        String::from_utf8(out).unwrap()
    }

    fn span(nanoseconds: u64) -> String {
        let mut out = Vec::new();
        duration(&mut out, Duration::from_nanos(nanoseconds));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn stamps_lose_trailing_zeros() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(
            stamp(1_795_326_973_566_931_111),
            "2026-11-22T05:56:13.566931111Z"
        );
        assert_eq!(
            stamp(1_795_326_955_927_326_910),
            "2026-11-22T05:55:55.92732691Z"
        );
        assert_eq!(
            stamp(1_795_326_955_000_000_001),
            "2026-11-22T05:55:55.000000001Z"
        );
        assert_eq!(stamp(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn durations_carry_units() {
        assert_eq!(span(24_648_619_798), "24.648619798s");
        assert_eq!(span(78_544_996_775), "1m18.544996775s");
        assert_eq!(span(5 * 3600 * SECOND + 3_200_000_000), "5h0m3.2s");
        assert_eq!(span(3_723_400_000_000), "1h2m3.4s");
        assert_eq!(span(0), "0s");
        assert_eq!(span(17), "17ns");
        assert_eq!(span(1_500), "1.5µs");
        assert_eq!(span(2_000_001), "2.000001ms");
        assert_eq!(span(60 * SECOND), "1m0s");
    }

    #[test]
    fn what_is_left_rounds_up_and_what_is_past_towards_zero() {
        let now = 1_000 * SECOND;
        for (deadline, expected) in [
            (now + 1_400_000_000, 2),
            (now + 800_000_000, 1),
            (now + SECOND, 1),
            (now + 1, 1),
            (now, 0),
            (now - 999_999_999, 0),
            (now - SECOND, 0),
            (now - 2_500_000_000, 0),
        ] {
            assert_eq!(seconds_left(deadline, now), expected, "{deadline}");
        }
        assert_eq!(seconds_left(u64::MAX, 0), 18_446_744_074);
    }
}
