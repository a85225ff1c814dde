//! Two answers are equal when their bytes are, apart from what two servers cannot share: indexes are taken relative to
//! each server's first, clocks and consensus numbers are checked by shape and order.

use super::body;
use super::known::{BARE_400, Met, OVERSIZED};
use super::moment;
use super::op::Op;
use crate::support::http::{Head, Response, show};
use crate::support::server::Kind;

/// What the comparison needs to know about the server that answered.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Which program it is.
    pub(crate) kind: Kind,
    /// `X-Etcd-Index` of the fresh server.
    pub(crate) base: u64,
    /// `X-Etcd-Cluster-Id` of its first answer.
    pub(crate) cluster_id: Option<String>,
    /// The highest `X-Raft-Index` and `X-Raft-Term` so far.
    pub(crate) raft: (u64, u64),
    /// When it was started, in nanoseconds since 1970.
    pub(crate) started: i128,
    /// When the current request was sent, likewise.
    pub(crate) sent: i128,
}

/// Header lines whose values two servers cannot share, or that only tell the framing.
const OWN: [&str; 7] = [
    "Date",
    "X-Etcd-Index",
    "X-Raft-Index",
    "X-Raft-Term",
    "X-Etcd-Cluster-Id",
    "Content-Length",
    "Transfer-Encoding",
];

const CLOCK_TOLERANCE_NS: i128 = 10_000_000_000;

/// All differences between the two answers to `op`; the first origin is the server under test.
pub(crate) fn responses(
    op: &Op,
    origins: [&mut Origin; 2],
    answers: [&Response; 2],
    met: &mut Met,
) -> Vec<String> {
    let [ours, theirs] = origins;
    let mut head = answers[0].head.clone();
    let too_large = |answer: &&Response| answer.text().contains("http: POST too large");
    if head.closes() && !answers[1].head.closes() && answers.iter().all(too_large) {
        met.count(OVERSIZED);
        head.headers.retain(|(name, _)| name != "Connection");
    }
    let mut found = heads(ours, theirs, [&head, &answers[1].head], met);
    found.extend(body::bodies(op, [ours, theirs], answers, met));
    found
}

/// The differences between two heads.
pub(crate) fn heads(
    ours: &mut Origin,
    theirs: &mut Origin,
    heads: [&Head; 2],
    met: &mut Met,
) -> Vec<String> {
    let mut found = Vec::new();
    let line = |head: &Head| format!("{} {} {}", head.version, head.status, head.reason);
    if line(heads[0]) != line(heads[1]) {
        found.push(format!(
            "status line: {:?} / {:?}",
            line(heads[0]),
            line(heads[1])
        ));
    }
    let (left, right) = (shared(heads[0], ours.base), shared(heads[1], theirs.base));
    if left != right {
        found.push(format!(
            "headers: {} / {}",
            readable(&left),
            readable(&right)
        ));
    }
    for name in OWN {
        let spelled = |head: &Head| head.headers.iter().filter(|(have, _)| have == name).count();
        let (left, right) = (spelled(heads[0]), spelled(heads[1]));
        let framing = matches!(name, "Content-Length" | "Transfer-Encoding");
        let bare = name == "Date" && heads[1].status == 400 && right == 0 && heads[1].closes();
        if bare && left == 1 {
            met.count(BARE_400);
        } else if left != right && !framing {
            found.push(format!("header {name}: {left} / {right} lines"));
        }
    }
    if heads[0].closes() != heads[1].closes() {
        found.push(format!(
            "closes: {} / {}",
            heads[0].closes(),
            heads[1].closes()
        ));
    }
    let relative = |head: &Head, base| head.etcd_index().map(|index| body::relative(index, base));
    let (left, right) = (
        relative(heads[0], ours.base),
        relative(heads[1], theirs.base),
    );
    if left != right {
        found.push(format!("X-Etcd-Index from the first: {left:?} / {right:?}"));
    }
    for (origin, head) in [(ours, heads[0]), (theirs, heads[1])] {
        found.extend(own_headers(origin, head));
    }
    found
}

/// The lines that must be equal, in-order names in a `Location` made relative.
fn shared(head: &Head, base: u64) -> Vec<(&str, Vec<u8>)> {
    let mut lines: Vec<_> = head
        .headers
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, value)| match name.as_str() {
            "Location" => (name.as_str(), body::relative_names(value.as_bytes(), base)),
            _ => (name.as_str(), value.clone().into_bytes()),
        })
        .collect();
    lines.sort();
    lines
}

fn readable(lines: &[(&str, Vec<u8>)]) -> String {
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name}: {}", show(value)));
    lines.collect::<Vec<_>>().join("; ")
}

/// What one server's own numbers must obey, whatever the other says.
fn own_headers(origin: &mut Origin, head: &Head) -> Vec<String> {
    let mut found = Vec::new();
    let who = origin.kind;
    let number = |name: &str| match head.get(name) {
        None => Ok(None),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(text.parse::<u64>().ok())
        }
        Some(text) => Err(format!("{who:?}: {name} {text:?} is not a number")),
    };
    let mut raft = origin.raft;
    for (name, highest) in [("X-Raft-Index", &mut raft.0), ("X-Raft-Term", &mut raft.1)] {
        match number(name) {
            Ok(Some(value)) if value < *highest || value == 0 => {
                found.push(format!("{who:?}: {name} {value} after {highest}"));
            }
            Ok(Some(value)) => *highest = value,
            Ok(None) => {}
            Err(message) => found.push(message),
        }
    }
    origin.raft = raft;
    if let Some(id) = head.get("X-Etcd-Cluster-Id") {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.is_empty() || id.len() > 16 || id.starts_with('0') || !id.bytes().all(hex) {
            found.push(format!(
                "{who:?}: X-Etcd-Cluster-Id {id:?} is not lower-case hex without padding"
            ));
        }
        let first = origin.cluster_id.get_or_insert_with(|| id.to_owned());
        if first.as_str() != id {
            found.push(format!("{who:?}: X-Etcd-Cluster-Id {id} after {first}"));
        }
    }
    if let Some(date) = head.get("Date") {
        match moment::parse_date(date) {
            Some(time) if (time - moment::now()).abs() <= CLOCK_TOLERANCE_NS => {}
            _ => found.push(format!("{who:?}: Date {date:?} is not now")),
        }
    }
    found
}

#[cfg(test)]
#[path = "tampering.rs"]
mod tampering;
