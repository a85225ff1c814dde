//! Nodes and events as JSON, in the field order of keys-api 2.4. 0.4 ended no success with a newline, named the root, and
//! did not call an expired directory one (keys-api 11).

use bytes::Bytes;
use storage::operation::{Action, Event, Lifetime, Node};

use super::time::{rfc3339, seconds_left};
use crate::config::Vocabulary;
use crate::json::{number, string};

/// A node up to its `nodes`: the opening brace, then key, value or `dir`, expiration and ttl. [`close_node`] ends it.
/// `value` is `None` for a directory and for the node of a removal; the root has no `key`, but in the words of 0.4.
pub(crate) fn open_node(
    out: &mut Vec<u8>,
    path: &[u8],
    value: Option<&[u8]>,
    dir: bool,
    lifetime: Option<Lifetime>,
    now: u64,
    vocabulary: Vocabulary,
) {
    let start = out.len();
    out.push(b'{');
    if path != b"/" || vocabulary == Vocabulary::Classic {
        out.extend_from_slice(b"\"key\":");
        string(out, path);
    }
    if let Some(value) = value {
        separate(out, start);
        out.extend_from_slice(b"\"value\":");
        string(out, value);
    }
    if dir {
        separate(out, start);
        out.extend_from_slice(b"\"dir\":true");
    }
    if let Some(lifetime) = lifetime {
        separate(out, start);
        out.extend_from_slice(b"\"expiration\":\"");
        rfc3339(out, lifetime.expiration);
        out.push(b'"');
        let left = seconds_left(lifetime.deadline, now);
        if left != 0 {
            out.extend_from_slice(b",\"ttl\":");
            number(out, left);
        }
    }
}

/// The indexes (not shown where they are 0, which is the root) and the closing brace.
pub(crate) fn close_node(out: &mut Vec<u8>, modified: u64, created: u64) {
    for (name, index) in [("modifiedIndex", modified), ("createdIndex", created)] {
        if index != 0 {
            // Only the root may have nothing before its indexes, and it has none.
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            number(out, index);
        }
    }
    out.push(b'}');
}

/// The brace that closes a success, and the newline behind it.
pub(crate) fn end(out: &mut Vec<u8>, vocabulary: Vocabulary) {
    out.extend_from_slice(match vocabulary {
        Vocabulary::Classic => b"}",
        Vocabulary::Modern => b"}\n",
    });
}

/// The body of a read of one file.
pub(crate) fn file(out: &mut Vec<u8>, file: &Node, now: u64, vocabulary: Vocabulary) {
    out.extend_from_slice(b"{\"action\":\"get\",\"node\":");
    node(out, file, file.dir, now, vocabulary);
    end(out, vocabulary);
}

/// The body of a write, and the object of a watch. A TTL is what was left of it when the event took place. History of
/// earlier releases does not say when that was: then it counts from `now`, cluster time in nanoseconds.
pub(crate) fn event(out: &mut Vec<u8>, event: &Event, now: u64, vocabulary: Vocabulary) {
    let now = event.time.unwrap_or(now);
    action_only(out, event.action);
    out.extend_from_slice(b",\"node\":");
    let unsaid = event.action == Action::Expire && vocabulary == Vocabulary::Classic;
    node(out, &event.node, event.node.dir && !unsaid, now, vocabulary);
    if let Some(previous) = &event.prev {
        out.extend_from_slice(b",\"prevNode\":");
        node(out, previous, previous.dir, now, vocabulary);
    }
    end(out, vocabulary);
}

/// Whether [`event`] says the same whenever it is asked.
pub(crate) fn is_settled(event: &Event) -> bool {
    let lasts = |node: &Node| node.lifetime.is_none();
    event.time.is_some() || (lasts(&event.node) && event.prev.as_ref().is_none_or(lasts))
}

/// What is left of [`event`] under `noValueOnSuccess` (keys-api 2.4).
pub(crate) fn brief_event(out: &mut Vec<u8>, action: Action, vocabulary: Vocabulary) {
    action_only(out, action);
    end(out, vocabulary);
}

/// The room an event needs if nothing in it is escaped; a guess that spares growing the buffer.
pub(crate) fn event_size(event: &Event) -> usize {
    64 + node_size(&event.node) + event.prev.as_ref().map_or(0, node_size)
}

/// As [`event_size`], for a node.
pub(crate) fn node_size(node: &Node) -> usize {
    144 + node.path.as_bytes().len() + node.value.as_ref().map_or(0, Bytes::len)
}

/// The word for an action (keys-api 2.3).
pub(crate) fn action_name(action: Action) -> &'static str {
    match action {
        Action::Set => "set",
        Action::Create => "create",
        Action::Update => "update",
        Action::CompareAndSwap => "compareAndSwap",
        Action::Delete => "delete",
        Action::CompareAndDelete => "compareAndDelete",
        Action::Expire => "expire",
    }
}

fn action_only(out: &mut Vec<u8>, action: Action) {
    out.extend_from_slice(b"{\"action\":\"");
    out.extend_from_slice(action_name(action).as_bytes());
    out.push(b'"');
}

/// `dir` says whether the node is called a directory.
fn node(out: &mut Vec<u8>, node: &Node, dir: bool, now: u64, vocabulary: Vocabulary) {
    open_node(
        out,
        node.path.as_bytes(),
        node.value.as_deref(),
        dir,
        node.lifetime,
        now,
        vocabulary,
    );
    close_node(out, node.modified, node.created);
}

fn separate(out: &mut Vec<u8>, start: usize) {
    if out.len() > start + 1 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use storage::path::KeyPath;

    use super::*;

    fn at(path: &'static str, value: Option<&'static str>, modified: u64, created: u64) -> Node {
        Node {
            path: KeyPath::new(path).unwrap(),
            value: value.map(Bytes::from_static_str),
            dir: false,
            created,
            modified,
            lifetime: None,
        }
    }

    trait FromStaticStr {
        fn from_static_str(text: &'static str) -> Self;
    }

    impl FromStaticStr for Bytes {
        fn from_static_str(text: &'static str) -> Self {
            Self::from_static(text.as_bytes())
        }
    }

    fn of(action: Action, node: Node, prev: Option<Node>) -> String {
        said(Vocabulary::Modern, action, node, prev)
    }

    fn said(vocabulary: Vocabulary, action: Action, node: Node, prev: Option<Node>) -> String {
        let whole = Event {
            revision: node.modified,
            action,
            node,
            prev,
            refresh: false,
            system: false,
            time: None,
        };
        let mut out = Vec::new();
        event(&mut out, &whole, 0, vocabulary);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn events_of_the_reference() {
        assert_eq!(
            of(
                Action::Set,
                at("/f1", Some("two"), 5, 5),
                Some(at("/f1", Some("one"), 4, 4))
            ),
            concat!(
                r#"{"action":"set","node":{"key":"/f1","value":"two","modifiedIndex":5,"createdIndex":5},"#,
                r#""prevNode":{"key":"/f1","value":"one","modifiedIndex":4,"createdIndex":4}}"#,
                "\n"
            )
        );
        let directory = |modified| Node {
            dir: true,
            ..at("/d", None, modified, 7)
        };
        assert_eq!(
            of(Action::Delete, directory(20), Some(directory(7))),
            concat!(
                r#"{"action":"delete","node":{"key":"/d","dir":true,"modifiedIndex":20,"createdIndex":7},"#,
                r#""prevNode":{"key":"/d","dir":true,"modifiedIndex":7,"createdIndex":7}}"#,
                "\n"
            )
        );
        assert_eq!(
            of(Action::CompareAndDelete, at("/f", None, 9, 8), None),
            "{\"action\":\"compareAndDelete\",\"node\":{\"key\":\"/f\",\"modifiedIndex\":9,\"createdIndex\":8}}\n"
        );
    }

    #[test]
    fn an_empty_value_is_shown_and_a_ttl_that_has_run_out_is_not() {
        let lifetime = Lifetime {
            expiration: 1_500_000_000,
            deadline: 2_000_000_000,
        };
        let mortal = Node {
            lifetime: Some(lifetime),
            ..at("/t", Some(""), 3, 3)
        };
        for (now, ttl) in [
            (500_000_000, ",\"ttl\":2"),
            (2_000_000_000, ""),
            (4_000_000_000, ""),
        ] {
            let mut out = Vec::new();
            file(&mut out, &mortal, now, Vocabulary::Modern);
            let expected = format!(
                "{{\"action\":\"get\",\"node\":{{\"key\":\"/t\",\"value\":\"\",\"expiration\":\
                 \"1970-01-01T00:00:01.5Z\"{ttl},\"modifiedIndex\":3,\"createdIndex\":3}}}}\n"
            );
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn an_event_shows_the_ttl_of_its_moment() {
        const SECOND: u64 = 1_000_000_000;
        let mortal = |modified, deadline: u64| Node {
            lifetime: Some(Lifetime {
                expiration: 0,
                deadline: deadline * SECOND,
            }),
            ..at("/t", Some("v"), modified, 3)
        };
        let read_at = |time: Option<u64>, now: u64| {
            let whole = Event {
                revision: 4,
                action: Action::Update,
                node: mortal(4, 12),
                prev: Some(mortal(3, 11)),
                refresh: false,
                system: false,
                time: time.map(|seconds| seconds * SECOND),
            };
            let mut out = Vec::new();
            event(&mut out, &whole, now * SECOND, Vocabulary::Modern);
            let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
            [
                json["node"]["ttl"].as_u64(),
                json["prevNode"]["ttl"].as_u64(),
            ]
        };
        assert_eq!(read_at(Some(10), 14), [Some(2), Some(1)]);
        assert_eq!(
            read_at(None, 10),
            [Some(2), Some(1)],
            "history without times"
        );
        assert_eq!(read_at(None, 14), [None, None], "and no time below zero");
    }

    #[test]
    fn the_root_has_neither_key_nor_indexes() {
        let root = Node {
            path: KeyPath::root(),
            dir: true,
            ..at("/x", None, 0, 0)
        };
        let mut out = Vec::new();
        file(&mut out, &root, 0, Vocabulary::Modern);
        assert_eq!(out, b"{\"action\":\"get\",\"node\":{\"dir\":true}}\n");
        out.clear();
        file(&mut out, &root, 0, Vocabulary::Classic);
        assert_eq!(
            out,
            b"{\"action\":\"get\",\"node\":{\"key\":\"/\",\"dir\":true}}"
        );
    }

    #[test]
    fn only_0_4_does_not_call_an_expired_directory_one() {
        let directory = |modified| Node {
            dir: true,
            ..at("/d", None, modified, 7)
        };
        let prev = r#""prevNode":{"key":"/d","dir":true,"modifiedIndex":7,"createdIndex":7}}"#;
        for (vocabulary, action, word, end) in [
            (Vocabulary::Modern, Action::Expire, r#""dir":true,"#, "\n"),
            (Vocabulary::Classic, Action::Expire, "", ""),
            (Vocabulary::Classic, Action::Delete, r#""dir":true,"#, ""),
        ] {
            let name = action_name(action);
            assert_eq!(
                said(vocabulary, action, directory(20), Some(directory(7))),
                format!(
                    r#"{{"action":"{name}","node":{{"key":"/d",{word}"modifiedIndex":20,"createdIndex":7}},{prev}{end}"#
                )
            );
        }
    }

    #[test]
    fn a_brief_event_keeps_the_action() {
        let mut out = Vec::new();
        brief_event(&mut out, Action::CompareAndSwap, Vocabulary::Modern);
        assert_eq!(out, b"{\"action\":\"compareAndSwap\"}\n");
    }
}
