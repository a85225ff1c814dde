//! Several watchers on both servers at once, opened before a burst of writes: each must deliver the same events.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::body;
use super::compare;
use super::generate::Generator;
use super::known::{DOUBLE_DELIVERY, MUTE_STREAM};
use super::op::{self, Op};
use super::pair::{Difference, Pair};
use crate::support::http::{Connection, Head, Request, show};
use crate::support::json::Raw;
use crate::support::server::Kind;

/// How long an event that must come may take.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A watch open on both servers.
#[derive(Debug)]
pub(crate) struct Watcher {
    op: Op,
    path: String,
    stream: bool,
    /// A stream that starts in the past: the reference sends one event and falls silent.
    mute: bool,
    /// It delivers nothing below this index (relative).
    from: u64,
    ends: [End; 2],
    /// The write that this watcher cannot miss, by its relative index.
    sentinel: Option<u64>,
}

/// One server's end of a watch.
#[derive(Debug)]
struct End {
    connection: Connection,
    head: Head,
    events: Vec<Vec<u8>>,
    over: bool,
}

impl Watcher {
    /// Opens the watch on both servers, and compares the heads, which come before any event.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn open(
        pair: &mut Pair,
        path: &str,
        query: &str,
        from: u64,
    ) -> Result<Watcher, Difference> {
        let op = Op::new(Request::get(&format!("/v2/keys{path}?wait=true{query}")));
        let fail =
            |what: String| Difference::Silence(format!("watch {path}?wait=true{query}: {what}"));
        let mut ends = Vec::new();
        for side in &mut pair.sides {
            let mut connection = side.open(&op).map_err(|error| fail(error.to_string()))?;
            let head = connection.read_head(EVENT_TIMEOUT);
            let head =
                head.map_err(|error| fail(format!("{:?}: no head: {error}", side.origin.kind)))?;
            ends.push(End {
                connection,
                head,
                events: Vec::new(),
                over: false,
            });
        }
        let ends: [End; 2] = ends.try_into().expect("there are two sides");
        let [left, right] = &mut pair.sides;
        let found = compare::heads(
            &mut left.origin,
            &mut right.origin,
            [&ends[0].head, &ends[1].head],
            &mut pair.met,
        );
        pair.compared += 1;
        let watcher = Watcher {
            stream: query.contains("stream=true"),
            mute: query.contains("stream=true")
                && query.contains("waitIndex")
                && from <= pair.newest,
            from,
            path: path.to_owned(),
            op,
            ends,
            sentinel: None,
        };
        match found.is_empty() {
            true => Ok(watcher),
            false => Err(watcher.difference(pair, &found)),
        }
    }

    /// Reads events until both ends have the one at relative index `last` (or their body is over), then compares all
    /// of them.
    ///
    /// # Errors
    /// The first difference, or an event that did not come.
    pub(crate) fn finish(&mut self, pair: &mut Pair, last: u64) -> Result<(), Difference> {
        for at in 0..2 {
            let base = pair.sides[at].origin.base;
            let deadline = Instant::now() + EVENT_TIMEOUT;
            while !self.complete(at, base + last) {
                if let Err(error) = self.ends[at].read(deadline) {
                    let who = pair.sides[at].origin.kind;
                    let message = format!("{who:?}: no event up to index {}: {error}", base + last);
                    return Err(self.difference(pair, &[message]));
                }
            }
        }
        self.compare(pair)
    }

    fn complete(&self, at: usize, last: u64) -> bool {
        let end = &self.ends[at];
        if !self.stream {
            return end.over;
        }
        if self.mute && !end.events.is_empty() {
            return true;
        }
        end.over
            || end
                .events
                .last()
                .and_then(|event| index_of(event))
                .is_some_and(|index| index >= last)
    }

    /// Compares what has arrived on a watcher that need not deliver anything: it has until a deadline to become equal.
    fn settle(&mut self, pair: &mut Pair) -> Result<(), Difference> {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            for end in &mut self.ends {
                while !end.over && end.read(Instant::now()).is_ok() {}
            }
            match self.compare(pair) {
                Err(difference) if Instant::now() > deadline => return Err(difference),
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
    }

    fn compare(&mut self, pair: &mut Pair) -> Result<(), Difference> {
        let mut lists: Vec<Vec<Vec<u8>>> = Vec::new();
        for (end, side) in self.ends.iter().zip(&pair.sides) {
            let mut events = end.events.clone();
            if side.origin.kind == Kind::Debian && self.stream {
                let before = events.len();
                events.dedup();
                if events.len() < before {
                    pair.met.count(DOUBLE_DELIVERY);
                }
            }
            if self.mute {
                pair.met.count(MUTE_STREAM);
                events.truncate(1);
            }
            lists.push(events);
        }
        let mut found = Vec::new();
        if lists[0].len() != lists[1].len() {
            found.push(format!("events: {} / {}", lists[0].len(), lists[1].len()));
        }
        for (left, right) in lists[0].iter().zip(&lists[1]) {
            found.extend(self.compare_event(pair, left, right));
            pair.compared += 1;
        }
        match found.is_empty() {
            true => Ok(()),
            false => Err(self.difference(pair, &found)),
        }
    }

    fn compare_event(&self, pair: &mut Pair, left: &[u8], right: &[u8]) -> Vec<String> {
        let parse = |event: &[u8]| match event.strip_suffix(b"\n") {
            Some(event) => Raw::parse(event),
            None => Err("a chunk is not one event and its newline".to_owned()),
        };
        match (parse(left), parse(right)) {
            (Ok(left), Ok(right)) => {
                let origins = pair.sides.each_ref().map(|side| &side.origin);
                body::documents(&self.op, origins, [left, right], &mut pair.met)
            }
            (left, right) => vec![format!("{:?} / {:?}", left.err(), right.err())],
        }
    }

    fn difference(&self, pair: &Pair, found: &[String]) -> Difference {
        let received = self.ends.each_ref().map(|end| {
            let events: String = end.events.iter().map(|event| show(event)).collect();
            format!("{}{events}(body over: {})", show(&end.head.raw), end.over)
        });
        pair.difference(&self.op, received, found)
    }
}

impl End {
    /// Takes one more chunk.
    fn read(&mut self, deadline: Instant) -> std::io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.connection.read_chunk(left) {
            Ok(Some(event)) => self.events.push(event),
            Ok(None) => self.over = true,
            Err(error) if error.kind() == ErrorKind::NotConnected => self.over = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn index_of(event: &[u8]) -> Option<u64> {
    let event = Raw::parse(event.strip_suffix(b"\n")?).ok()?;
    event.at(&["node", "modifiedIndex"])?.number()
}

/// The reference keeps its last 1,000 events: the oldest index it still answers is the newest - 999 (keys-api 8.4).
///
/// # Errors
/// The first difference.
pub(crate) fn history_window(pair: &mut Pair) -> Result<(), Difference> {
    for number in 0..1005 {
        pair.exchange(&Op::new(Request::put(
            "/v2/keys/window/a",
            &format!("value={number}"),
        )))?;
    }
    let newest = pair.newest;
    for (asked, status) in [
        (1, 400),
        (newest - 1000, 400),
        (newest - 999, 200),
        (newest, 200),
    ] {
        for query in ["", "&recursive=true", "&stream=true"] {
            if query == "&stream=true" && status == 200 {
                continue; // A stream that was accepted does not end.
            }
            let target = format!(
                "/v2/keys/window/a?wait=true&waitIndex={}{query}",
                op::index(asked)
            );
            let answers = pair.exchange(&Op::new(Request::get(&target)))?;
            if answers[1].status() != status {
                return Err(Difference::Answer(format!(
                    "the reference's window moved: {}",
                    answers[1].text()
                )));
            }
        }
    }
    pair.exchange(&Op::line("GET /v2/keys/window/b?wait=true&waitIndex=1"))?;
    pair.exchange(&Op::line("DELETE /v2/keys/window?recursive=true"))
        .map(drop)
}

/// Watchers are counted while they are there, and forgotten when their client goes (keys-api 8.6, 10.1).
///
/// # Errors
/// The first difference.
pub(crate) fn registration(pair: &mut Pair) -> Result<(), Difference> {
    let from = pair.newest + 1;
    let mut open = Vec::new();
    for query in ["", "&recursive=true", "&stream=true"] {
        open.push(Watcher::open(pair, "/registered", query, from)?);
    }
    await_watchers(pair, 3)?;
    drop(open);
    await_watchers(pair, 0)
}

fn await_watchers(pair: &Pair, expected: u64) -> Result<(), Difference> {
    let deadline = Instant::now() + EVENT_TIMEOUT;
    loop {
        let counts = pair.sides.each_ref().map(|side| side.counted("watchers"));
        if counts == [Some(expected); 2] {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Difference::Answer(format!(
                "watchers: {counts:?}, expected {expected}"
            )));
        }
    }
}

/// A burst of writes below `/w{number}` seen by several watchers.
///
/// # Errors
/// The first difference.
pub(crate) fn block(pair: &mut Pair, seed: u64, number: u64) -> Result<(), Difference> {
    let root = format!("/w{number}");
    let mut generator = Generator::new(seed, &root);
    let first = pair.newest + 1;
    for _ in 0..generator.rng().between(1, 8) {
        write(pair, &mut generator)?;
    }
    let mut watchers = Vec::new();
    for _ in 0..generator.rng().between(2, 6) {
        watchers.push(random_watcher(pair, &mut generator, &root, first)?);
    }
    for _ in 0..generator.rng().between(3, 20) {
        write(pair, &mut generator)?;
    }
    for watcher in &mut watchers {
        watcher.sentinel = sentinel(pair, &watcher.path)?;
    }
    for watcher in &mut watchers {
        match watcher.sentinel.filter(|index| *index >= watcher.from) {
            Some(index) => watcher.finish(pair, index)?,
            None => watcher.settle(pair)?,
        }
    }
    Ok(())
}

fn write(pair: &mut Pair, generator: &mut Generator) -> Result<(), Difference> {
    let op = generator.write();
    let answers = pair.exchange(&op)?;
    generator.learn(&op, &answers, pair.sides[1].origin.base);
    Ok(())
}

fn random_watcher(
    pair: &mut Pair,
    generator: &mut Generator,
    root: &str,
    first: u64,
) -> Result<Watcher, Difference> {
    let newest = pair.newest;
    let path = match generator.rng().below(4) {
        0 => root.to_owned(),
        _ => generator.path(),
    };
    let rng = generator.rng();
    let mut query = String::new();
    let mut from = newest + 1;
    if rng.chance(60) {
        query.push_str("&recursive=true");
    }
    match rng.weighted(&[50, 25, 20, 5]) {
        0 => {}
        1 => from = rng.between(first.min(newest), newest).max(1),
        2 => from = newest + rng.between(1, 12),
        _ => query.push_str("&waitIndex=0"),
    }
    if !query.contains("waitIndex") && (from != newest + 1 || rng.chance(20)) {
        query.push_str(&format!("&waitIndex={}", op::index(from)));
    }
    if rng.chance(45) {
        query.push_str("&stream=true");
    }
    Watcher::open(pair, &path, &query, from)
}

/// Writes at exactly `path`, so that a watcher there has a last event; `None` where no write can succeed.
fn sentinel(pair: &mut Pair, path: &str) -> Result<Option<u64>, Difference> {
    for form in ["prevExist=true", "value=end"] {
        let op = Op::new(Request::put(&format!("/v2/keys{path}"), form));
        let answers = pair.exchange(&op)?;
        if matches!(answers[1].status(), 200 | 201) {
            return Ok(Some(pair.newest));
        }
    }
    Ok(None)
}
