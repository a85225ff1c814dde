//! The comparison of bodies: JSON member by member with indexes made relative, everything else byte for byte.

use super::compare::Origin;
use super::known::{BOUNDARY, FIRST_INDEX, Met, UNSORTED};
use super::moment;
use super::op::Op;
use crate::support::http::{Framing, Response, show};
use crate::support::json::Raw;
use crate::support::server::Kind;

const SECOND_NS: i128 = 1_000_000_000;
const EXPIRATION_TOLERANCE_NS: i128 = 10 * SECOND_NS;

/// An index as a distance from the fresh server's; 0, which only failed validations show, stays 0.
pub(crate) fn relative(index: u64, base: u64) -> Option<i128> {
    (index != 0).then(|| i128::from(index) - i128::from(base))
}

/// In-order names (runs of exactly 20 digits) inside a path or a redirect, made relative.
pub(crate) fn relative_names(text: &[u8], base: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for run in text.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        let digits = run.len() == 20 && run[0].is_ascii_digit();
        let number = std::str::from_utf8(run)
            .ok()
            .and_then(|run| run.parse::<u64>().ok());
        let number = number
            .filter(|_| digits)
            .and_then(|number| number.checked_sub(base));
        match number {
            // As wide as before, so that sorting by the new names keeps the old order.
            Some(number) => out.extend_from_slice(format!("{number:020}").as_bytes()),
            None => out.extend_from_slice(run),
        }
    }
    out
}

/// The differences between two bodies.
pub(crate) fn bodies(
    op: &Op,
    origins: [&Origin; 2],
    answers: [&Response; 2],
    met: &mut Met,
) -> Vec<String> {
    // Equal bytes under /v2/keys could still hold an index that ought to differ.
    let indexed = answers[0].body.starts_with(b"{") && op.request.target.starts_with(b"/v2/keys");
    if answers[0].body == answers[1].body && !indexed {
        return Vec::new();
    }
    if answers.iter().all(|answer| answer.status() == 301) {
        let [left, right] = [0, 1].map(|at| relative_names(&answers[at].body, origins[at].base));
        return match left == right {
            true => Vec::new(),
            false => vec![format!("redirects: {} / {}", show(&left), show(&right))],
        };
    }
    if answers
        .iter()
        .any(|answer| answer.head.framing == Framing::None)
    {
        let lengths = answers.map(|answer| answer.body.len());
        return vec![format!("a body where none may be: {lengths:?} bytes")];
    }
    let json = |answer: &Response| {
        answer
            .body
            .strip_suffix(b"\n")
            .ok_or_else(|| "no newline at the end".to_owned())
            .and_then(Raw::parse)
    };
    match (json(answers[0]), json(answers[1])) {
        (Ok(left), Ok(right)) => documents(op, origins, [left, right], met),
        (left, right) => {
            let both = answers.map(|answer| show(&answer.body));
            vec![format!(
                "bodies differ and are not both JSON ({:?} / {:?}): {both:?}",
                left.err(),
                right.err()
            )]
        }
    }
}

/// The differences between two JSON answers or events.
pub(crate) fn documents(
    op: &Op,
    origins: [&Origin; 2],
    documents: [Raw; 2],
    met: &mut Met,
) -> Vec<String> {
    let mut found = Vec::new();
    let unsorted = unsorted_allowed(op, &documents);
    if unsorted.iter().any(|sort| *sort) {
        met.count(UNSORTED);
    }
    if origins[0].base != origins[1].base {
        met.count(FIRST_INDEX);
    }
    // Two equal causes need no reading: numbers in them may be values rather than indexes.
    let same_cause = documents[0].get("cause") == documents[1].get("cause");
    let [left, right] = documents;
    let both = [(left, origins[0]), (right, origins[1])].map(|(document, origin)| {
        let sort = match origin.kind {
            Kind::Ours => unsorted[0],
            Kind::Debian => unsorted[1],
        };
        let mut form = Form {
            op,
            origin,
            sort,
            same_cause,
            wrong: Vec::new(),
        };
        let mut document = form.document(document);
        found.append(&mut form.wrong);
        let mut expirations = Vec::new();
        take_expirations(&mut document, &mut expirations);
        (document, expirations)
    });
    let [(left, left_times), (right, right_times)] = both;
    if left != right {
        if beyond_boundary(op, &right) {
            met.count(BOUNDARY);
            return found;
        }
        found.push(format!("bodies, indexes relative:\n  {left}\n  {right}"));
        return found;
    }
    for (left, right) in left_times.iter().zip(&right_times) {
        if (left - right).abs() > EXPIRATION_TOLERANCE_NS {
            found.push(format!(
                "expirations {} s apart",
                (left - right) / SECOND_NS
            ));
        }
    }
    found
}

/// Replaces each expiration, which two servers cannot share to the nanosecond, and keeps it in document order.
fn take_expirations(document: &mut Raw, expirations: &mut Vec<i128>) {
    match document {
        Raw::Object(members) => {
            for (name, value) in members {
                match value {
                    Raw::Word(word) if name == "expiration" => {
                        expirations.push(word.parse().unwrap_or(0));
                        *word = "a time".to_owned();
                    }
                    _ => take_expirations(value, expirations),
                }
            }
        }
        Raw::Array(elements) => {
            for element in elements {
                take_expirations(element, expirations);
            }
        }
        Raw::Text(_) | Raw::Word(_) => {}
    }
}

/// Which listings may be sorted before they are compared: (ours, theirs). Ours keeps its order, except where shown
/// keys hide invalid bytes, by which the servers sort.
fn unsorted_allowed(op: &Op, documents: &[Raw; 2]) -> [bool; 2] {
    let listing = documents
        .iter()
        .any(|document| document.at(&["node", "nodes"]).is_some());
    if !listing || op.asks_sorted() {
        return [false, false];
    }
    [contains_text(&documents[0], b"\\ufffd"), true]
}

fn contains_text(document: &Raw, part: &[u8]) -> bool {
    match document {
        Raw::Object(members) => members.iter().any(|(_, value)| contains_text(value, part)),
        Raw::Array(elements) => elements.iter().any(|value| contains_text(value, part)),
        Raw::Text(text) => text.windows(part.len()).any(|window| window == part),
        Raw::Word(_) => false,
    }
}

/// The reference's string-prefix match of a removed directory that is not at a `/` boundary (keys-api 8.3).
fn beyond_boundary(op: &Op, theirs: &Raw) -> bool {
    let action = theirs.get("action").and_then(Raw::text).unwrap_or_default();
    let removal = matches!(action.as_slice(), b"delete" | b"expire");
    let directory = theirs.at(&["prevNode", "dir"]).is_some();
    let key = theirs
        .at(&["node", "key"])
        .and_then(Raw::text)
        .unwrap_or_default();
    let watched = percent_decode(op.key().as_bytes());
    let watched = watched.strip_suffix(b"/").unwrap_or(&watched);
    let below = watched.strip_prefix(key.as_slice());
    op.mentions("wait=true")
        && removal
        && directory
        && below.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(b"/"))
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let code = text
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match code.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if text[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

/// Brings one server's document into the form that both share.
struct Form<'a> {
    op: &'a Op,
    origin: &'a Origin,
    sort: bool,
    same_cause: bool,
    wrong: Vec<String>,
}

impl Form<'_> {
    fn document(&mut self, document: Raw) -> Raw {
        let code = document.get("errorCode").and_then(Raw::number);
        self.value("", document, code)
    }

    fn value(&mut self, name: &str, value: Raw, code: Option<u64>) -> Raw {
        match (name, value) {
            ("modifiedIndex" | "createdIndex" | "index", Raw::Word(word)) => self.index(word),
            ("key", Raw::Text(text)) => Raw::Text(self.names(&text)),
            ("cause", Raw::Text(text)) => Raw::Text(self.cause(text, code)),
            ("nodes", Raw::Array(elements)) => {
                let mut elements: Vec<Raw> = elements
                    .into_iter()
                    .map(|element| self.value("", element, code))
                    .collect();
                if self.sort {
                    // Names that differ only in bytes shown as U+FFFD differ in how that is written, or not at all.
                    elements.sort_by_key(|element| {
                        let key = element.get("key").cloned();
                        let text = key.as_ref().and_then(Raw::text);
                        (text, key, element.get("modifiedIndex").cloned())
                    });
                }
                Raw::Array(elements)
            }
            (_, Raw::Object(members)) => self.object(members, code),
            (_, other) => other,
        }
    }

    /// An object; `expiration` becomes nanoseconds, and `ttl` is taken out once both are found to agree.
    fn object(&mut self, members: Vec<(String, Raw)>, code: Option<u64>) -> Raw {
        let find = |wanted: &str| {
            members
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.clone())
        };
        let time = find("expiration").map(|text| self.time(&text, find("ttl").as_ref()));
        let kept = members
            .into_iter()
            .filter(|(name, _)| name != "ttl" || time.is_none())
            .map(|(name, value)| {
                let value = match (name.as_str(), &time) {
                    ("expiration", Some(time)) => Raw::Word(time.to_string()),
                    _ => self.value(&name, value, code),
                };
                (name, value)
            });
        Raw::Object(kept.collect())
    }

    /// Reads `expiration` as nanoseconds. `ttl` is the ceiling of what is left, left out when it is 0 (keys-api 7.1);
    /// one second either way covers the way of the answer and clocks of different resolution.
    fn time(&mut self, expiration: &Raw, ttl: Option<&Raw>) -> i128 {
        let who = self.origin.kind;
        let text = expiration.text().unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let Some(expiration) = moment::parse_expiration(&text) else {
            self.wrong.push(format!(
                "{who:?}: expiration {text:?} is not RFC 3339 with a trimmed fraction"
            ));
            return 0;
        };
        let shown: i128 = match ttl {
            None => 0,
            Some(Raw::Word(word)) if word != "0" => word.parse().unwrap_or(i128::MAX),
            Some(other) => {
                self.wrong.push(format!("{who:?}: ttl {other:?}"));
                return expiration;
            }
        };
        let ceiling = |now: i128| (expiration - now + SECOND_NS - 1).div_euclid(SECOND_NS);
        // An event out of history was built at any time since the start.
        let earliest = match self.op.mentions("wait=true") {
            true => self.origin.started,
            false => self.origin.sent,
        };
        let (most, least) = (ceiling(earliest) + 1, ceiling(moment::now()) - 1);
        if shown > most || shown < least {
            self.wrong.push(format!(
                "{who:?}: ttl {shown} is outside {least}..={most} for {text}"
            ));
        }
        expiration
    }

    fn index(&mut self, word: String) -> Raw {
        match word.parse::<u64>() {
            Ok(index) => Raw::Word(match relative(index, self.origin.base) {
                None => "0".to_owned(),
                Some(index) => format!("base+{index}"),
            }),
            Err(_) => Raw::Word(word),
        }
    }

    fn names(&self, path: &[u8]) -> Vec<u8> {
        relative_names(path, self.origin.base)
    }

    fn cause(&self, text: Vec<u8>, code: Option<u64>) -> Vec<u8> {
        match code {
            Some(101) if self.same_cause => text,
            Some(101) if self.op.mentions("prevIndex=") => self.compared(&text).unwrap_or(text),
            Some(401) => self.cleared(&text).unwrap_or(text),
            Some(101) => text,
            _ => self.names(&text),
        }
    }

    /// `[… ]? [<given index> != <modifiedIndex>]`: the last bracket, if it holds two numbers.
    fn compared(&self, text: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(text).ok()?;
        let open = text.rfind('[')?;
        let (given, current) = text[open + 1..].strip_suffix(']')?.split_once(" != ")?;
        let current = relative(current.parse().ok()?, self.origin.base)?;
        let given: u64 = given.parse().ok()?;
        let given = match self.op.mentions("prevIndex={{i:") {
            true => relative(given, self.origin.base)?,
            false => i128::from(given),
        };
        Some(format!("{}[{given:+} != {current:+}]", &text[..open]).into_bytes())
    }

    /// `the requested history has been cleared [<oldest>/<asked>]`.
    fn cleared(&self, text: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(text).ok()?;
        let open = text.rfind('[')?;
        let (oldest, asked) = text[open + 1..].strip_suffix(']')?.split_once('/')?;
        let oldest = relative(oldest.parse().ok()?, self.origin.base)?;
        let asked = match self.op.mentions("waitIndex={{i:") {
            true => relative(asked.parse().ok()?, self.origin.base)?,
            false => asked.parse().ok()?,
        };
        Some(format!("{}[{oldest:+}/{asked:+}]", &text[..open]).into_bytes())
    }
}
