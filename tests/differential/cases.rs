//! A fixed list of the reference's tricky requests: sent to both servers, compared, and measured against the bodies
//! that the reference quotes.

#[path = "cases/endpoints.rs"]
mod endpoints;
#[path = "cases/operations.rs"]
mod operations;
#[path = "cases/paths.rs"]
mod paths;
#[path = "cases/requests.rs"]
mod requests;
#[path = "cases/waiting.rs"]
mod waiting;

use super::op::{self, Op};
use super::pair::{Difference, Pair};
use crate::support::http::{Response, show};

/// Requests that belong together, in order.
///
/// Each step is a request line as [`Op::line`] reads it and what must come back: nothing (only compared), a status, a
/// status and a body, or `!CODE INDEX CAUSE` for an error body. In lines and bodies `@3` is the third index after the
/// case's first, `@k3` the in-order name made from it, `@T` any expiration.
pub(crate) struct Case {
    /// The reference's section.
    pub(crate) section: &'static str,
    /// (request, expected).
    pub(crate) steps: &'static [(&'static str, &'static str)],
}

/// All cases in the order in which they run: they share one keyspace.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    let lists = [
        requests::CASES,
        paths::CASES,
        operations::CASES,
        waiting::CASES,
        endpoints::CASES,
    ];
    lists.into_iter().flatten()
}

/// Runs every case on both servers; returns how many requests were sent and every difference between the servers or
/// from a quoted body, each under the line that showed it.
pub(crate) fn run(pair: &mut Pair) -> (usize, Vec<String>) {
    let mut requests = 0;
    let mut found = Vec::new();
    for case in all() {
        let start = pair.newest;
        for (line, expected) in case.steps {
            requests += 1;
            if let Err(difference) = step(pair, line, expected, start) {
                found.push(format!("case {}: {line}\n{difference}", case.section));
                if matches!(difference, Difference::Silence(_)) {
                    pair.reconnect();
                }
            }
        }
    }
    (requests, found)
}

fn step(pair: &mut Pair, line: &str, expected: &str, start: u64) -> Result<(), Difference> {
    let index = |number: u64| op::index(start + number);
    let op = Op::line(&at_indexes(line, index, |number| op::name(start + number)));
    let answers = pair.exchange(&op)?;
    let wrong: Vec<String> = pair
        .sides
        .iter()
        .zip(&answers)
        .filter_map(|(side, answer)| {
            let base = side.origin.base + start;
            let what = quoted(expected, answer, base).err()?;
            Some(format!("{:?}: {what}", side.origin.kind))
        })
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Difference::Answer(wrong.join("\n"))),
    }
}

/// Checks one answer against the quoted one.
fn quoted(expected: &str, answer: &Response, base: u64) -> Result<(), String> {
    if expected.is_empty() {
        return Ok(());
    }
    let expected = match expected.strip_prefix('!') {
        Some(error) => error_answer(error),
        None => expected.to_owned(),
    };
    let (status, body) = expected.split_once(' ').unwrap_or((&expected, ""));
    let length = |number: u64| (base + number).to_string();
    let body = at_indexes(body, length, |number| format!("{:020}", base + number));
    if answer.status().to_string() != status {
        return Err(format!(
            "status {}, the reference says {status}",
            answer.status()
        ));
    }
    let received = hide_expirations(&answer.text());
    if !body.is_empty() && received.strip_suffix('\n').unwrap_or(&received) != body {
        return Err(format!(
            "body {}, the reference says {body}",
            show(received.as_bytes())
        ));
    }
    Ok(())
}

/// Status and body of `CODE INDEX [CAUSE]` (keys-api 3.1, 3.2).
fn error_answer(error: &str) -> String {
    let mut words = error.splitn(3, ' ');
    let code = words.next().unwrap_or_default();
    let index = words.next().unwrap_or_default();
    let cause = match words.next() {
        Some(cause) => format!(",\"cause\":\"{cause}\""),
        None => String::new(),
    };
    let (status, message) = match code {
        "100" => (404, "Key not found"),
        "101" => (412, "Compare failed"),
        "102" => (403, "Not a file"),
        "104" => (400, "Not a directory"),
        "105" => (412, "Key already exists"),
        "107" => (400, "Root is read only"),
        "108" => (403, "Directory not empty"),
        "201" => (400, "PrevValue is Required in POST form"),
        "202" => (400, "The given TTL in POST form is not a number"),
        "203" => (400, "The given index in POST form is not a number"),
        "209" => (400, "Invalid field"),
        "210" => (400, "Invalid POST form"),
        "211" => (400, "Value provided on refresh"),
        "212" => (400, "A TTL must be provided on refresh"),
        "401" => (400, "The event in requested index is outdated and cleared"),
        other => panic!("code {other} is not one of the keys API's"),
    };
    format!("{status} {{\"errorCode\":{code},\"message\":\"{message}\"{cause},\"index\":{index}}}")
}

/// Replaces `@N` and `@kN`.
fn at_indexes(text: &str, index: impl Fn(u64) -> String, name: impl Fn(u64) -> String) -> String {
    let mut parts = text.split('@');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (in_order, rest) = match part.strip_prefix('k') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        match rest[..end].parse() {
            Ok(number) => {
                out.push_str(&if in_order {
                    name(number)
                } else {
                    index(number)
                });
                out.push_str(&rest[end..]);
            }
            Err(_) => {
                out.push('@');
                out.push_str(part);
            }
        }
    }
    out
}

fn hide_expirations(text: &str) -> String {
    let mut parts = text.split("\"expiration\":\"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("\"expiration\":\"@T");
        out.push_str(&part[part.find('"').unwrap_or(0)..]);
    }
    out
}

#[test]
fn the_list_is_as_long_as_it_claims_and_quotes_what_it_can() {
    let steps: Vec<_> = all().flat_map(|case| case.steps).collect();
    assert!(steps.len() >= 150, "{} requests", steps.len());
    let quoting = steps
        .iter()
        .filter(|(_, expected)| expected.contains('{') || expected.starts_with('!'));
    assert!(quoting.count() >= 100);
}

#[test]
fn quoted_bodies_are_filled_in() {
    let index = |number: u64| (number + 3).to_string();
    let name = |number: u64| format!("{:020}", number + 3);
    assert_eq!(
        at_indexes("[@1] @k2 @T a@b", index, name),
        "[4] 00000000000000000005 @T a@b"
    );
    assert_eq!(
        hide_expirations(r#"{"expiration":"2026Z","ttl":1}"#),
        r#"{"expiration":"@T","ttl":1}"#
    );
    assert_eq!(
        error_answer("102 @0"),
        r#"403 {"errorCode":102,"message":"Not a file","index":@0}"#
    );
}
