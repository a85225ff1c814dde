//! Times as the protocol writes them, read back to nanoseconds: RFC 3339 of `expiration`, IMF-fixdate of `Date`.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // Day 0 was a Thursday.

/// Nanoseconds since 1970.
pub(crate) fn now() -> i128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i128::try_from(now.expect("the clock is past 1970").as_nanos())
        .expect("a time of this era fits")
}

/// Reads `2026-11-22T05:56:13.566931111Z`; the fraction has 1 to 9 digits without a trailing zero, or is missing.
pub(crate) fn parse_expiration(text: &str) -> Option<i128> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, digits)) => (clock, fraction(digits)?),
        None => (time, 0),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let seconds = days(year, month, day)? * 86_400 + clock_seconds(clock)?;
    parts
        .next()
        .is_none()
        .then_some(i128::from(seconds) * 1_000_000_000 + i128::from(fraction))
}

/// Reads `Sun, 22 Nov 2026 08:16:46 GMT`, weekday checked.
pub(crate) fn parse_date(text: &str) -> Option<i128> {
    let words: Vec<&str> = text.split(' ').collect();
    let [weekday, day, month, year, clock, "GMT"] = words.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|name| name == month)? as i64 + 1;
    let days = days(digits(year, 4)?, month, digits(day, 2)?)?;
    let right = DAYS[usize::try_from(days).ok()? % 7];
    let seconds = days * 86_400 + clock_seconds(clock)?;
    (weekday.strip_suffix(',') == Some(right)).then_some(i128::from(seconds) * 1_000_000_000)
}

/// The notation of `Date`.
pub(crate) fn format_date(time: i128) -> String {
    let (day_number, [year, month, day, hour, minute, second]) = civil(time);
    let weekday = DAYS[usize::try_from(day_number).expect("after 1970") % 7];
    let month = MONTHS[usize::try_from(month - 1).expect("a month")];
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The notation of `expiration`.
pub(crate) fn format_expiration(time: i128) -> String {
    let (_, [year, month, day, hour, minute, second]) = civil(time);
    let fraction = format!(".{:09}", time.rem_euclid(1_000_000_000));
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Days since 1970, and year, month, day, hour, minute, second: the inverse of [`days`], by search.
fn civil(time: i128) -> (i64, [i64; 6]) {
    let seconds = i64::try_from(time.div_euclid(1_000_000_000)).expect("a time of this era");
    let (day_number, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let first = |year, month| days(year, month, 1).is_some_and(|first| first <= day_number);
    let last_such = |range: std::ops::RangeInclusive<i64>, fits: &dyn Fn(i64) -> bool| {
        range
            .rev()
            .find(|candidate| fits(*candidate))
            .expect("one fits")
    };
    let year = last_such(1970..=2300, &|year| first(year, 1));
    let month = last_such(1..=12, &|month| first(year, month));
    let day = 1 + day_number - days(year, month, 1).expect("a date");
    let time = [year, month, day, rest / 3600, rest / 60 % 60, rest % 60];
    (day_number, time)
}

fn fraction(text: &str) -> Option<i64> {
    if text.len() > 9 || text.ends_with('0') {
        return None;
    }
    let number = digits(text, text.len())?;
    Some(number * 10_i64.pow(9 - text.len() as u32))
}

fn clock_seconds(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    let inside = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    inside.then_some(hour * 3600 + minute * 60 + second)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let plain =
        text.len() == length && length > 0 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // A year that starts in March puts the leap day last, so that months have fixed offsets.
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

#[test]
fn both_notations_are_read() {
    assert_eq!(
        parse_expiration("1970-01-02T00:00:01.5Z"),
        Some(86_401_500_000_000)
    );
    assert_eq!(
        parse_expiration("2026-11-22T08:16:46Z"),
        Some(1_795_335_406_000_000_000)
    );
    assert_eq!(
        parse_date("Sun, 22 Nov 2026 08:16:46 GMT"),
        Some(1_795_335_406_000_000_000)
    );
    for wrong in [
        "2026-11-22T08:16:46.50Z",
        "2026-11-22T08:16:46+00:00",
        "2026-11-22T08:16:46.Z",
    ] {
        assert_eq!(parse_expiration(wrong), None, "{wrong}");
    }
    for time in [0, 951_782_400, 1_709_251_199, 1_795_335_406, 4_107_542_400] {
        let time = time * 1_000_000_000 + 120;
        assert_eq!(parse_date(&format_date(time)), Some(time - 120));
        assert_eq!(parse_expiration(&format_expiration(time)), Some(time));
    }
    assert_eq!(parse_date("Mon, 22 Nov 2026 08:16:46 GMT"), None);
}
