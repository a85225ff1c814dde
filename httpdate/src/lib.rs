//! The `Date` of an answer, for every clock.
//!
//! hyper writes it at each turn of a connection, also where no answer has one, by the crate of this name from the
//! registry. That one panics before 1970 and after 9999, and then no connection lives on such a machine. This one takes
//! its place (`[patch.crates-io]`) and shows the nearest time that can be written. It has what hyper uses, no more.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A time of the years 1970 to 9999, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpDate(u64);

impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs().min(LAST_SECOND))
    }
}

/// IMF-fixdate, always 29 bytes: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, clock) = (self.0 / 86_400, self.0 % 86_400);
        let (year, month, day) = date(days);
        write!(
            f,
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            DAYS[(days % 7) as usize],
            MONTHS[month],
            clock / 3600,
            clock / 60 % 60,
            clock % 60
        )
    }
}

/// Year, month from 0 and day from 1 of a day since 1970-01-01. Years are counted from March, so that the leap day ends
/// one; 719,468 days lie between 0000-03-01 and the epoch, 146,097 in each era of 400 years.
fn date(day: u64) -> (u64, usize, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = (shifted + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    (year, month as usize, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shown(seconds: u64) -> String {
        HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
    }

    #[test]
    fn times_are_written_as_the_standard_shows_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_326_973, "Sun, 22 Nov 2026 05:56:13 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(shown(seconds), text);
        }
    }

    #[test]
    fn what_cannot_be_written_is_the_nearest_that_can() {
        let before = UNIX_EPOCH - Duration::from_secs(86_400);
        assert_eq!(HttpDate::from(before).to_string(), shown(0));
        assert_eq!(shown(LAST_SECOND + 1), shown(LAST_SECOND));
    }

    #[test]
    fn every_day_of_an_era_follows_the_day_before() {
        let leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let (mut year, mut month, mut day) = (1970, 0, 1);
        for number in 0..2 * 146_097 {
            assert_eq!(date(number), (year, month, day), "day {number}");
            let last = match month {
                1 => 28 + u64::from(leap(year)),
                3 | 5 | 8 | 10 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 11 {
                (year, month) = (year + 1, 0);
            }
        }
    }
}
