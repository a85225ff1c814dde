//! Random requests that a real client, a careless one or a hostile one could send; everything follows from the seed
//! and from what the servers answered.

#[path = "hostile.rs"]
mod hostile;

use std::collections::VecDeque;

use super::op::{self, Op};
use super::pair::Answers;
use crate::support::http::{Request, percent_encode};
use crate::support::json::Raw;
use crate::support::seed::Rng;

/// Path components as they stand in a request: few, so that paths meet; odd ones, so that bytes matter.
const NAMES: [&str; 8] = ["a", "b", "c", "ab", "_h", "10", "9", "d"];
const ODD_NAMES: [&str; 24] = [
    "a-",
    "A",
    "_",
    "%20",
    "x%20y",
    "%C3%BC",
    "ü",
    "%FF",
    "%E2%80%A8",
    "q%22",
    "%3C%26%3E",
    "+",
    "x%2By",
    "...",
    ".d",
    "-d",
    "%00",
    "%0A",
    "%7F",
    "%25",
    "%3F",
    "%5C",
    "a=b;c",
    "\u{4e16}",
];
const VALUES: [&str; 20] = [
    "1",
    "2",
    "one",
    "",
    "x y",
    "<&>",
    "\"\\/",
    "\u{8}\u{c}\n\r\t",
    "\u{1}\u{1f}\u{7f}",
    "ü\u{2028}\u{2029}\u{ffff}",
    "true",
    "a=b",
    "%",
    "+",
    "\u{1f600}",
    "{\"a\":1}",
    "0",
    "4",
    "5",
    "12345678901234567890",
];
/// Values that are not UTF-8, percent-encoded.
const BROKEN_VALUES: [&str; 6] = [
    "%FF%FE",
    "%ED%A0%80",
    "%C3",
    "%E2%80x",
    "a%F0%9F%98",
    "%C0%AF",
];
const TRUE: [&str; 6] = ["true", "1", "t", "T", "TRUE", "True"];
const FALSE: [&str; 6] = ["false", "0", "f", "F", "FALSE", "False"];

/// What earlier answers showed of one node.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    modified: u64,
    value: Option<String>,
    /// Whether an event with this index and path exists: parents made in passing have none.
    event: bool,
}

/// The generator of one run.
#[derive(Debug)]
pub(crate) struct Generator {
    rng: Rng,
    /// Every key begins with this: "" for the whole tree, `/w3` for a block of its own.
    root: String,
    seen: VecDeque<Seen>,
}

impl Generator {
    /// A generator of requests below `root`.
    pub(crate) fn new(seed: u64, root: &str) -> Generator {
        Generator {
            rng: Rng::new(seed),
            root: root.to_owned(),
            seen: VecDeque::new(),
        }
    }

    /// The random source, for choices of the caller that belong to the same seed.
    pub(crate) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Remembers the nodes of a compared pair of answers: compare operations and watches aim at them.
    pub(crate) fn learn(&mut self, op: &Op, answers: &Answers, base: u64) {
        let node = answers[1]
            .body
            .strip_suffix(b"\n")
            .and_then(|body| Raw::parse(body).ok())
            .and_then(|body| body.get("node").cloned());
        let Some(node) = node else { return };
        let key = node.get("key").and_then(Raw::text);
        let modified = node.get("modifiedIndex").and_then(Raw::number);
        // A refresh is no event: a watch for it would wait for ever.
        if op.mentions("refresh") {
            return;
        }
        // U+FFFD stands for bytes that were not shown: the true name is not known.
        let key = key.filter(|key| !String::from_utf8_lossy(key).contains('\u{fffd}'));
        if let (Some(key), Some(modified)) = (key, modified) {
            let parts = key
                .split(|byte| *byte == b'/')
                .map(|part| in_order(part, base));
            let value = node.get("value").and_then(Raw::text);
            self.seen.push_back(Seen {
                path: parts.collect::<Vec<_>>().join("/"),
                modified: modified - base,
                value: value.map(|value| percent_encode(&value)),
                event: !matches!(op.request.method.as_str(), "GET" | "HEAD"),
            });
            if self.seen.len() > 64 {
                self.seen.pop_front();
            }
        }
    }

    /// The next request; it never waits. `newest` is the current index relative to the fresh server's.
    pub(crate) fn next(&mut self, newest: u64) -> Op {
        match self.rng.weighted(&[70, 12, 5, 4, 3, 3, 3]) {
            0 => self.write_or_read(),
            1 => self.with_bad_parameter(),
            2 => self.history_watch(newest),
            3 => self.odd_content_type(),
            4 => self.odd_method(),
            5 => self.raw_target(),
            _ => self.odd_path(),
        }
    }

    /// A well-formed write, for blocks that watch what writes do.
    pub(crate) fn write(&mut self) -> Op {
        loop {
            let op = self.write_or_read();
            if !matches!(op.request.method.as_str(), "GET" | "HEAD") {
                return op;
            }
        }
    }

    /// A path below the root of this generator.
    pub(crate) fn path(&mut self) -> String {
        if self.rng.chance(35) && !self.seen.is_empty() {
            let at = self.rng.below(self.seen.len() as u64) as usize;
            return self.seen[at].path.clone();
        }
        let depth = self.rng.weighted(&[0, 45, 35, 15, 5]);
        let mut path = self.root.clone();
        for _ in 0..depth {
            path.push('/');
            path.push_str(match self.rng.chance(12) {
                true => self.rng.choose(&ODD_NAMES),
                false => self.rng.choose(&NAMES),
            });
        }
        path
    }

    fn value(&mut self) -> String {
        if self.rng.chance(5) {
            return self.rng.choose(&BROKEN_VALUES).to_owned();
        }
        if self.rng.chance(2) {
            // Past 2 KiB answers come in chunks; a request line past 4 KiB is left out (see the table of `known`).
            return "v".repeat(self.rng.between(1500, 3500) as usize);
        }
        let value = self.rng.choose(&VALUES);
        percent_encode(value.as_bytes())
    }

    fn boolean(&mut self, value: bool) -> &'static str {
        if value {
            self.rng.choose(&TRUE)
        } else {
            self.rng.choose(&FALSE)
        }
    }

    fn seen(&mut self) -> Option<Seen> {
        if self.seen.is_empty() {
            return None;
        }
        // Newer ones are likelier to still be there.
        let back = self.rng.below(self.seen.len() as u64);
        let back = self.rng.below(back + 1) as usize;
        Some(self.seen[self.seen.len() - 1 - back].clone())
    }

    fn write_or_read(&mut self) -> Op {
        let mut parameters = Vec::new();
        let mut path = None;
        let method = match self.rng.weighted(&[22, 6, 7, 8, 11, 8, 6, 9, 9, 7, 14, 4]) {
            0 => self.set(&mut parameters),
            1 => self.set_directory(&mut parameters),
            2 => self.with_exist(false, &mut parameters),
            3 => self.with_exist(true, &mut parameters),
            4 => {
                path = self.condition(&mut parameters);
                if self.rng.chance(30) {
                    parameters.push(("prevExist", self.boolean(true).to_owned()));
                }
                self.set(&mut parameters)
            }
            5 => {
                if self.rng.chance(15) {
                    parameters.push(("dir", self.boolean(true).to_owned()));
                }
                self.set(&mut parameters);
                "POST"
            }
            6 => self.refresh(&mut parameters),
            7 => "DELETE",
            8 => self.delete_directory(&mut parameters),
            9 => {
                path = self.condition(&mut parameters);
                "DELETE"
            }
            10 => self.get(&mut parameters),
            _ => {
                self.get(&mut parameters);
                "HEAD"
            }
        };
        let path = path.unwrap_or_else(|| self.path());
        self.assemble(method, &path, parameters)
    }

    fn set(&mut self, parameters: &mut Vec<(&'static str, String)>) -> &'static str {
        if self.rng.chance(92) {
            parameters.push(("value", self.value()));
        }
        if self.rng.chance(12) {
            parameters.push(("ttl", self.ttl()));
        }
        if self.rng.chance(6) {
            let set = self.rng.chance(70);
            parameters.push(("noValueOnSuccess", self.boolean(set).to_owned()));
        }
        "PUT"
    }

    /// Far enough ahead that nothing lapses during a run.
    fn ttl(&mut self) -> String {
        match self.rng.weighted(&[70, 10, 10, 10]) {
            0 => self.rng.between(10_000, 99_999).to_string(),
            1 => String::new(),
            2 => "000070000".to_owned(),
            _ => "3000000000".to_owned(),
        }
    }

    fn set_directory(&mut self, parameters: &mut Vec<(&'static str, String)>) -> &'static str {
        parameters.push(("dir", self.boolean(true).to_owned()));
        if self.rng.chance(20) {
            parameters.push(("ttl", self.ttl()));
        }
        if self.rng.chance(20) {
            parameters.push(("value", self.value()));
        }
        "PUT"
    }

    fn with_exist(
        &mut self,
        exist: bool,
        parameters: &mut Vec<(&'static str, String)>,
    ) -> &'static str {
        parameters.push(("prevExist", self.boolean(exist).to_owned()));
        if self.rng.chance(15) {
            parameters.push(("dir", self.boolean(true).to_owned()));
        }
        if self.rng.chance(10) {
            parameters.push(("prevIndex", "0".to_owned()));
        }
        self.set(parameters)
    }

    /// `prevValue`, `prevIndex` or both, mostly the right ones; returns the path they were right for.
    fn condition(&mut self, parameters: &mut Vec<(&'static str, String)>) -> Option<String> {
        let seen = self.seen();
        let which = self.rng.weighted(&[40, 40, 20]);
        if which != 1 {
            let value = seen.as_ref().and_then(|seen| seen.value.clone());
            let value = value.filter(|value| !value.is_empty() && self.rng.chance(75));
            let value = match value {
                Some(value) => value,
                None => format!("w{}", self.value()),
            };
            parameters.push(("prevValue", value));
        }
        if which != 0 {
            let index = match &seen {
                Some(seen) if self.rng.chance(75) => op::index(seen.modified),
                Some(seen) if self.rng.chance(50) => op::index(seen.modified + 1),
                _ => self
                    .rng
                    .choose(&["1", "0", "18446744073709551615", "00999999999"])
                    .to_owned(),
            };
            parameters.push(("prevIndex", index));
        }
        seen.map(|seen| seen.path)
    }

    fn refresh(&mut self, parameters: &mut Vec<(&'static str, String)>) -> &'static str {
        let on = self.rng.chance(90);
        parameters.push(("refresh", self.boolean(on).to_owned()));
        if self.rng.chance(90) {
            parameters.push(("ttl", self.rng.between(10_000, 99_999).to_string()));
        }
        match self.rng.weighted(&[40, 25, 10, 10, 10, 5]) {
            0 => {}
            1 => parameters.push(("prevExist", self.boolean(true).to_owned())),
            2 => parameters.push(("prevExist", self.boolean(false).to_owned())),
            3 => parameters.push(("dir", self.boolean(true).to_owned())),
            4 => {
                self.condition(parameters);
            }
            _ => parameters.push(("value", self.value())),
        }
        "PUT"
    }

    fn delete_directory(&mut self, parameters: &mut Vec<(&'static str, String)>) -> &'static str {
        let name = self.rng.choose(&["dir", "recursive", "recursive"]);
        parameters.push((name, self.boolean(true).to_owned()));
        if self.rng.chance(10) {
            parameters.push(("prevExist", self.boolean(true).to_owned()));
        }
        "DELETE"
    }

    fn get(&mut self, parameters: &mut Vec<(&'static str, String)>) -> &'static str {
        for name in ["recursive", "sorted", "quorum"] {
            if self.rng.chance(30) {
                let on = self.rng.chance(80);
                parameters.push((name, self.boolean(on).to_owned()));
            }
        }
        if self.rng.chance(5) {
            parameters.push(("consistent", "maybe".to_owned()));
        }
        "GET"
    }

    /// A watch that a remembered event answers at once, or that asks at the edge of the history.
    fn history_watch(&mut self, newest: u64) -> Op {
        let full = newest > 1010;
        let (path, index, recursive) = match self.seen().filter(|seen| seen.event) {
            Some(seen) if !full || self.rng.chance(70) => {
                let back = self.rng.choose(&[0, 0, 1, 5, 50]);
                let index = seen.modified.saturating_sub(back).max(1);
                (seen.path, index, self.rng.chance(40))
            }
            // The whole tree has events everywhere; the oldest index kept is newest - 999.
            _ if full => (String::new(), newest - 1001 + self.rng.below(5), true),
            // Nothing to aim at: a quorum read wins over the watch and returns at once.
            _ => return Op::line("GET /v2/keys/a?wait=true&quorum=true"),
        };
        let mut target = format!("/v2/keys{path}?wait=true&waitIndex={}", op::index(index));
        if recursive {
            target.push_str("&recursive=true");
        }
        if self.rng.chance(5) {
            target.push_str("&stream=false");
        }
        Op::new(Request::get(&target))
    }

    /// Puts each parameter into query or body, some of them twice.
    fn assemble(
        &mut self,
        method: &str,
        path: &str,
        mut parameters: Vec<(&'static str, String)>,
    ) -> Op {
        let carries = matches!(method, "PUT" | "POST");
        if self.rng.chance(4) && !parameters.is_empty() {
            let (name, _) = parameters[0];
            parameters.push((name, "second".to_owned())); // Neither used nor validated.
        }
        if self.rng.chance(3) {
            parameters.push(("unknown", "x".to_owned()));
        }
        let mut split = (Vec::new(), Vec::new());
        let body_percent = self.rng.choose(&[0, 100, 100, 50]);
        let repeated = |name: &str| parameters.iter().filter(|(have, _)| *have == name).count() > 1;
        for (name, value) in &parameters {
            // The two of a repeated name stay together, so that the first remains first.
            let into_body = carries && (repeated(name) || self.rng.chance(body_percent));
            let part = if into_body {
                &mut split.0
            } else {
                &mut split.1
            };
            part.push((*name, value.clone()));
        }
        let (body, query) = split;
        let mut target = format!("/v2/keys{path}");
        if !query.is_empty() || self.rng.chance(3) {
            target = format!("{target}?{}", join(&query));
        }
        let mut request = Request::new(method, target);
        if !body.is_empty() {
            request = request.form(join(&body));
            if self.rng.chance(10) {
                request.chunk_bytes = Some(self.rng.between(1, 40) as usize);
            }
        } else if !carries && self.rng.chance(4) {
            request = request.form("dir=true&recursive=true&value=ignored");
        }
        Op::new(request)
    }
}

fn join(parameters: &[(&'static str, String)]) -> String {
    let pieces: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pieces.join("&")
}

/// A path component of an answer as it stands in a request: in-order names relative, everything else encoded.
fn in_order(part: &[u8], base: u64) -> String {
    let digits = part.len() == 20 && part.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(part)
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    match number.filter(|number| digits && *number >= base) {
        Some(number) => op::name(number - base),
        None => percent_encode(part),
    }
}
