//! A write as its reply, the watch and history tell it: all three must be the same document, remaining TTLs aside.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// One event or one reply to a write, without the `ttl` fields (they shrink while time passes).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event(Value);

impl Event {
    /// Reads a reply's or a watch's body.
    ///
    /// # Panics
    /// When it is not an event.
    pub(crate) fn parse(body: &[u8]) -> Event {
        let shown = || String::from_utf8_lossy(body).into_owned();
        let mut value: Value = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{error} in the body {:?}", shown()));
        for name in ["node", "prevNode"] {
            if let Some(node) = value.get_mut(name).and_then(Value::as_object_mut) {
                node.remove("ttl");
            }
        }
        let event = Event(value);
        let whole = event.0["action"].is_string()
            && event.0["node"]["key"].is_string()
            && event.0["node"]["modifiedIndex"].is_u64();
        assert!(whole, "not an event: {:?}", shown());
        event
    }

    /// `set`, `create`, …
    pub(crate) fn action(&self) -> &str {
        self.0["action"].as_str().unwrap_or("")
    }

    /// The node's key.
    pub(crate) fn key(&self) -> &str {
        self.0["node"]["key"].as_str().unwrap_or("")
    }

    /// The node's new value; none for removals.
    pub(crate) fn value(&self) -> Option<&str> {
        self.0["node"]["value"].as_str()
    }

    /// The index this write took.
    pub(crate) fn index(&self) -> u64 {
        self.0["node"]["modifiedIndex"].as_u64().unwrap_or(0)
    }

    /// The node after the write; none for removals.
    pub(crate) fn node(&self) -> Option<Node> {
        (!self.is_removal()).then(|| Node(self.0["node"].clone()))
    }

    /// The node before the write.
    pub(crate) fn previous(&self) -> Option<Node> {
        self.0.get("prevNode").cloned().map(Node)
    }

    fn is_removal(&self) -> bool {
        matches!(self.action(), "delete" | "compareAndDelete" | "expire")
    }
}

/// A file as a reply shows it, without its `ttl`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node(Value);

impl Node {
    /// Its value.
    pub(crate) fn value(&self) -> &str {
        self.0["value"].as_str().unwrap_or("")
    }

    /// Its `modifiedIndex`.
    pub(crate) fn modified(&self) -> u64 {
        self.0["modifiedIndex"].as_u64().unwrap_or(0)
    }

    /// When it expires; none without a TTL.
    pub(crate) fn expiration(&self) -> Option<SystemTime> {
        self.0["expiration"].as_str().map(time)
    }
}

/// The files of a tree, by key.
pub(crate) type Tree = BTreeMap<String, Node>;

/// Applies one event to a tree.
///
/// # Errors
/// When the event's `prevNode` is not what the tree holds: then history and the writes before it disagree.
pub(crate) fn apply(tree: &mut Tree, event: &Event) -> Result<(), String> {
    let before = match event.node() {
        Some(node) => tree.insert(event.key().to_owned(), node),
        None => tree.remove(event.key()),
    };
    if before == event.previous() {
        Ok(())
    } else {
        Err(format!("the node before {event:?} was {before:?}"))
    }
}

/// The files of a recursive listing.
///
/// # Panics
/// When the body is not a listing.
pub(crate) fn listing(body: &[u8]) -> Tree {
    let value: Value = serde_json::from_slice(body).expect("a listing is JSON");
    let mut tree = Tree::new();
    collect(&value["node"], &mut tree);
    tree
}

fn collect(node: &Value, tree: &mut Tree) {
    if node["dir"] == Value::Bool(true) {
        for child in node["nodes"].as_array().into_iter().flatten() {
            collect(child, tree);
        }
        return;
    }
    let mut node = node.clone();
    if let Some(fields) = node.as_object_mut() {
        fields.remove("ttl");
    }
    let key = node["key"].as_str().expect("a file has a key").to_owned();
    tree.insert(key, Node(node));
}

/// `2026-11-22T05:56:13.566931111Z` as a time.
fn time(text: &str) -> SystemTime {
    let number = |from: usize, to: usize| -> i64 {
        text.get(from..to)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("{text:?} is not a time"))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let fraction = text[19..].trim_start_matches('.').trim_end_matches('Z');
    let nanos: u32 = format!("{fraction:0<9}")
        .parse()
        .unwrap_or_else(|_| panic!("{text:?} is not a time"));
    // Days from civil: years begin in March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH
        + Duration::new(
            u64::try_from(seconds).expect("the time is past 1970"),
            nanos,
        )
}

#[test]
fn times_are_read_as_written() {
    for (text, seconds, nanos) in [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("2000-02-29T23:59:59.5Z", 951_868_799, 500_000_000),
        ("2026-11-22T05:56:13.566931111Z", 1_795_326_973, 566_931_111),
    ] {
        assert_eq!(time(text), UNIX_EPOCH + Duration::new(seconds, nanos));
    }
}
