//! What a server answered once, read from the lines that `golden/make.sh` wrote.

use std::fs;
use std::path::Path;

use super::support::http::Response;
use super::support::json::Raw;

/// One answer, without what changes with time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) target: String,
    status: u64,
    index: u64,
    body: Raw,
}

impl Answer {
    /// The answer that has just come.
    pub(crate) fn received(target: &str, answer: &Response) -> Answer {
        let body = answer.body.strip_suffix(b"\n").unwrap_or(&answer.body);
        let body =
            Raw::parse(body).unwrap_or_else(|why| panic!("{target}: {why}\n{}", answer.dump()));
        Answer {
            target: target.to_owned(),
            status: u64::from(answer.status()),
            index: answer
                .etcd_index()
                .unwrap_or_else(|| panic!("{target}: no index\n{}", answer.dump())),
            body: timeless(body),
        }
    }
}

/// All the lines of a file.
///
/// # Panics
/// When a line is not what `golden/make.sh` writes.
pub(crate) fn read(file: &Path) -> Vec<Answer> {
    let text = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let line = Raw::parse(line).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
            let member = |name: &str| {
                line.get(name)
                    .unwrap_or_else(|| panic!("{}: no {name}", file.display()))
            };
            let number = |name: &str| member(name).number().expect("a number");
            Answer {
                target: String::from_utf8(member("target").text().expect("a string"))
                    .expect("ASCII"),
                status: number("status"),
                index: number("index"),
                body: timeless(member("body").clone()),
            }
        })
        .collect()
}

/// Without `ttl`, which counts down; `expiration` beside it stays for ever.
fn timeless(value: Raw) -> Raw {
    match value {
        Raw::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| name != "ttl");
            Raw::Object(kept.map(|(name, value)| (name, timeless(value))).collect())
        }
        Raw::Array(elements) => Raw::Array(elements.into_iter().map(timeless).collect()),
        other => other,
    }
}
