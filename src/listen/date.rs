//! The `Date` of answers: what the wall clock shows, whatever that is.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

thread_local! {
    /// The second that this thread said last, and how.
    static SAID: RefCell<Option<(i64, HeaderValue)>> = const { RefCell::new(None) };
}

/// Adds the header. A time that it cannot show (its years have four digits) is left out.
pub(super) fn add(headers: &mut HeaderMap) {
    if let Some(value) = value(SystemTime::now()) {
        headers.insert(DATE, value);
    }
}

/// Serves a connection without bytes on this thread. The server keeps a date of its own for each thread, made with the first
/// connection that it serves there, whether answers show it or not; with a wall clock before 1970 it breaks that connection and all
/// that follow. A start with such a clock is refused, so the date is made while the clock is right.
pub(super) async fn settle() {
    let answer =
        |_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) };
    let nothing = TokioIo::new(tokio::io::empty());
    // It ends at once.
    let _ = Builder::new()
        .serve_connection(nothing, service_fn(answer))
        .await;
}

fn value(time: SystemTime) -> Option<HeaderValue> {
    let time = Timestamp::try_from(time).ok()?;
    let second = time.as_second();
    SAID.with_borrow_mut(|said| match said {
        Some((last, value)) if *last == second => Some(value.clone()),
        _ => {
            let mut text = String::with_capacity(29);
            let printer = DateTimePrinter::new();
            printer.print_timestamp_rfc9110(&time, &mut text).ok()?;
            let value = HeaderValue::try_from(text).ok()?;
            *said = Some((second, value.clone()));
            Some(value)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(seconds: i64) -> Option<String> {
        let by = Duration::from_secs(seconds.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if seconds < 0 { epoch - by } else { epoch + by };
        value(time).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn every_clock_has_a_date_or_none_and_may_be_set_back() {
        for (seconds, expected) in [
            (784_111_777, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (784_111_776, Some("Sun, 06 Nov 1994 08:49:36 GMT")),
            (-1_000, Some("Wed, 31 Dec 1969 23:43:20 GMT")),
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (400_000_000_000, None),
            (-400_000_000_000, None),
        ] {
            assert_eq!(shown(seconds).as_deref(), expected, "{seconds}");
        }
    }
}
