//! What became of a command, as one member tells another. Field numbers are the format: never reused, never renumbered.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use storage::operation::{Action, Condition, Event, Lifetime, Node, Outcome, Refusal};
use storage::path::{KeyPath, PathError};

#[derive(Clone, PartialEq, prost::Message)]
struct OutcomesMessage {
    #[prost(message, repeated, tag = "1")]
    outcomes: Vec<OutcomeMessage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum OutcomeKind {
    Unknown = 0,
    Done = 1,
    Expired = 2,
    Accepted = 3,
    Ended = 4,
    Refused = 5,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OutcomeMessage {
    #[prost(enumeration = "OutcomeKind", tag = "1")]
    kind: i32,
    /// One of what is done; any number of an expiry.
    #[prost(message, repeated, tag = "2")]
    events: Vec<EventMessage>,
    #[prost(bool, tag = "3")]
    more: bool,
    #[prost(message, optional, boxed, tag = "4")]
    refusal: Option<Box<RefusedMessage>>,
    #[prost(uint64, tag = "5")]
    revision: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EventMessage {
    #[prost(uint64, tag = "1")]
    revision: u64,
    /// As in the rows of history: 1 set, 2 create, 3 update, 4 compareAndSwap, 5 delete, 6 compareAndDelete, 7 expire.
    #[prost(uint32, tag = "2")]
    action: u32,
    #[prost(message, optional, boxed, tag = "3")]
    node: Option<Box<NodeMessage>>,
    #[prost(message, optional, boxed, tag = "4")]
    prev: Option<Box<NodeMessage>>,
    #[prost(bool, tag = "5")]
    refresh: bool,
    #[prost(bool, tag = "6")]
    system: bool,
    #[prost(uint64, optional, tag = "7")]
    time: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NodeMessage {
    #[prost(bytes = "bytes", tag = "1")]
    path: Bytes,
    #[prost(bytes = "bytes", optional, tag = "2")]
    value: Option<Bytes>,
    #[prost(bool, tag = "3")]
    dir: bool,
    #[prost(uint64, tag = "4")]
    created: u64,
    #[prost(uint64, tag = "5")]
    modified: u64,
    #[prost(uint64, optional, tag = "6")]
    expiration: Option<u64>,
    #[prost(uint64, tag = "7")]
    deadline: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum RefusedKind {
    Unknown = 0,
    KeyNotFound = 1,
    CompareFailed = 2,
    NotFile = 3,
    NotDirectory = 4,
    AlreadyExists = 5,
    ReadOnly = 6,
    DirectoryNotEmpty = 7,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RefusedMessage {
    #[prost(enumeration = "RefusedKind", tag = "1")]
    kind: i32,
    #[prost(bytes = "bytes", optional, tag = "2")]
    path: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    wanted_value: Option<Bytes>,
    #[prost(uint64, tag = "4")]
    wanted_index: u64,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
    #[prost(uint64, tag = "6")]
    index: u64,
}

/// Why bytes are no outcomes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutcomeError {
    #[error("it does not decode: {0}")]
    Decode(#[from] prost::DecodeError),
    #[error("a path in it is none: {0}")]
    Path(#[from] PathError),
    #[error("it lacks {0}")]
    Missing(&'static str),
    #[error("{0} {1} is not known")]
    Unknown(&'static str, i64),
}

/// The outcomes of a command, one for each operation, as bytes.
pub(crate) fn encode_outcomes(outcomes: &[Outcome]) -> Vec<u8> {
    let outcomes = outcomes.iter().map(of_outcome).collect();
    OutcomesMessage { outcomes }.encode_to_vec()
}

/// The reverse. Values stay slices.
///
/// # Errors
/// See [`OutcomeError`]; bytes of any kind give one or outcomes.
pub(crate) fn decode_outcomes(bytes: Bytes) -> Result<Vec<Outcome>, OutcomeError> {
    let message = OutcomesMessage::decode(bytes)?;
    message.outcomes.into_iter().map(outcome).collect()
}

fn of_outcome(outcome: &Outcome) -> OutcomeMessage {
    let new = |kind: OutcomeKind| OutcomeMessage {
        kind: kind as i32,
        ..OutcomeMessage::default()
    };
    match outcome {
        Outcome::Done(event) => OutcomeMessage {
            events: vec![of_event(event)],
            ..new(OutcomeKind::Done)
        },
        Outcome::Expired { events, more } => OutcomeMessage {
            events: events.iter().map(|event| of_event(event)).collect(),
            more: *more,
            ..new(OutcomeKind::Expired)
        },
        Outcome::Accepted => new(OutcomeKind::Accepted),
        Outcome::Ended => new(OutcomeKind::Ended),
        Outcome::Refused { refusal, revision } => OutcomeMessage {
            refusal: Some(Box::new(of_refusal(refusal))),
            revision: *revision,
            ..new(OutcomeKind::Refused)
        },
    }
}

fn outcome(message: OutcomeMessage) -> Result<Outcome, OutcomeError> {
    let mut events = message.events.into_iter().map(event);
    let unknown = OutcomeError::Unknown("outcome", message.kind.into());
    match OutcomeKind::try_from(message.kind) {
        Ok(OutcomeKind::Done) => {
            let event = events.next();
            Ok(Outcome::Done(
                event.ok_or(OutcomeError::Missing("what was done"))??,
            ))
        }
        Ok(OutcomeKind::Expired) => Ok(Outcome::Expired {
            events: events.collect::<Result<_, OutcomeError>>()?,
            more: message.more,
        }),
        Ok(OutcomeKind::Accepted) => Ok(Outcome::Accepted),
        Ok(OutcomeKind::Ended) => Ok(Outcome::Ended),
        Ok(OutcomeKind::Refused) => Ok(Outcome::Refused {
            refusal: refusal(*message.refusal.ok_or(OutcomeError::Missing("the reason"))?)?,
            revision: message.revision,
        }),
        Ok(OutcomeKind::Unknown) | Err(_) => Err(unknown),
    }
}

fn of_event(event: &Event) -> EventMessage {
    let node = |node: &Node| {
        Box::new(NodeMessage {
            path: node.path.to_bytes(),
            value: node.value.clone(),
            dir: node.dir,
            created: node.created,
            modified: node.modified,
            expiration: node.lifetime.map(|lifetime| lifetime.expiration),
            deadline: node.lifetime.map_or(0, |lifetime| lifetime.deadline),
        })
    };
    EventMessage {
        revision: event.revision,
        action: event.action as u32,
        node: Some(node(&event.node)),
        prev: event.prev.as_ref().map(node),
        refresh: event.refresh,
        system: event.system,
        time: event.time,
    }
}

fn event(message: EventMessage) -> Result<Arc<Event>, OutcomeError> {
    let node = message.node.ok_or(OutcomeError::Missing("a node"))?;
    Ok(Arc::new(Event {
        revision: message.revision,
        action: action(message.action)?,
        node: decode_node(*node)?,
        prev: message.prev.map(|node| decode_node(*node)).transpose()?,
        refresh: message.refresh,
        system: message.system,
        time: message.time,
    }))
}

fn action(code: u32) -> Result<Action, OutcomeError> {
    const ALL: [Action; 7] = [
        Action::Set,
        Action::Create,
        Action::Update,
        Action::CompareAndSwap,
        Action::Delete,
        Action::CompareAndDelete,
        Action::Expire,
    ];
    let found = ALL.into_iter().find(|action| *action as u32 == code);
    found.ok_or(OutcomeError::Unknown("action", code.into()))
}

fn decode_node(message: NodeMessage) -> Result<Node, OutcomeError> {
    let deadline = message.deadline;
    let lifetime = message.expiration.map(|expiration| Lifetime {
        expiration,
        deadline,
    });
    Ok(Node {
        path: KeyPath::new(message.path)?,
        value: message.value,
        dir: message.dir,
        created: message.created,
        modified: message.modified,
        lifetime,
    })
}

fn of_refusal(refusal: &Refusal) -> RefusedMessage {
    let new = |kind: RefusedKind, path: Option<&KeyPath>| RefusedMessage {
        kind: kind as i32,
        path: path.map(KeyPath::to_bytes),
        ..RefusedMessage::default()
    };
    match refusal {
        Refusal::KeyNotFound(path) => new(RefusedKind::KeyNotFound, Some(path)),
        Refusal::CompareFailed {
            condition,
            value,
            index,
        } => RefusedMessage {
            wanted_value: condition.value.clone(),
            wanted_index: condition.index,
            value: value.clone(),
            index: *index,
            ..new(RefusedKind::CompareFailed, None)
        },
        Refusal::NotFile(path) => new(RefusedKind::NotFile, path.as_ref()),
        Refusal::NotDirectory(path) => new(RefusedKind::NotDirectory, Some(path)),
        Refusal::AlreadyExists(path) => new(RefusedKind::AlreadyExists, Some(path)),
        Refusal::ReadOnly(path) => new(RefusedKind::ReadOnly, Some(path)),
        Refusal::DirectoryNotEmpty(path) => new(RefusedKind::DirectoryNotEmpty, Some(path)),
    }
}

fn refusal(message: RefusedMessage) -> Result<Refusal, OutcomeError> {
    let path = message.path.map(KeyPath::new).transpose()?;
    let unknown = OutcomeError::Unknown("reason", message.kind.into());
    let with_path = |make: fn(KeyPath) -> Refusal| {
        let path = path.clone().ok_or(OutcomeError::Missing("a path"));
        path.map(make)
    };
    match RefusedKind::try_from(message.kind) {
        Ok(RefusedKind::KeyNotFound) => with_path(Refusal::KeyNotFound),
        Ok(RefusedKind::NotFile) => Ok(Refusal::NotFile(path)),
        Ok(RefusedKind::NotDirectory) => with_path(Refusal::NotDirectory),
        Ok(RefusedKind::AlreadyExists) => with_path(Refusal::AlreadyExists),
        Ok(RefusedKind::ReadOnly) => with_path(Refusal::ReadOnly),
        Ok(RefusedKind::DirectoryNotEmpty) => with_path(Refusal::DirectoryNotEmpty),
        Ok(RefusedKind::CompareFailed) => Ok(Refusal::CompareFailed {
            condition: Condition {
                value: message.wanted_value,
                index: message.wanted_index,
            },
            value: message.value,
            index: message.index,
        }),
        Ok(RefusedKind::Unknown) | Err(_) => Err(unknown),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn path(path: &'static str) -> KeyPath {
        KeyPath::new(path).expect("canonical")
    }

    fn node(value: Option<&'static str>, lifetime: Option<Lifetime>) -> Node {
        Node {
            path: path("/a/b"),
            value: value.map(Bytes::from),
            dir: value.is_none(),
            created: 7,
            modified: 9,
            lifetime,
        }
    }

    fn event(action: Action, prev: Option<Node>) -> Arc<Event> {
        let lifetime = Lifetime {
            expiration: 1 << 60,
            deadline: 5,
        };
        Arc::new(Event {
            revision: 9,
            action,
            node: node(Some(""), Some(lifetime)),
            prev,
            refresh: true,
            system: false,
            time: Some(4),
        })
    }

    /// One of each kind.
    pub(crate) fn outcomes_of_each_kind() -> Vec<Outcome> {
        let refused = |refusal| Outcome::Refused {
            refusal,
            revision: 12,
        };
        vec![
            Outcome::Done(event(Action::Set, None)),
            Outcome::Done(event(Action::CompareAndDelete, Some(node(Some("x"), None)))),
            Outcome::Expired {
                events: vec![event(Action::Expire, Some(node(None, None)))],
                more: true,
            },
            Outcome::Accepted,
            Outcome::Ended,
            refused(Refusal::KeyNotFound(path("/"))),
            refused(Refusal::CompareFailed {
                condition: Condition {
                    value: Some(Bytes::from_static(b"wanted")),
                    index: 4,
                },
                value: Bytes::from_static(b"found"),
                index: 3,
            }),
            refused(Refusal::NotFile(None)),
            refused(Refusal::NotFile(Some(path("/dir")))),
            refused(Refusal::NotDirectory(path("/file"))),
            refused(Refusal::AlreadyExists(path("/there"))),
            refused(Refusal::ReadOnly(path("/_etcd"))),
            refused(Refusal::DirectoryNotEmpty(path("/dir"))),
        ]
    }

    #[test]
    fn each_outcome_comes_as_it_went() {
        let outcomes = outcomes_of_each_kind();
        let read = decode_outcomes(encode_outcomes(&outcomes).into());
        assert_eq!(read.expect("it was encoded"), outcomes);
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused() {
        let refused = |break_it: fn(&mut OutcomeMessage), why: &str| {
            let mut message = of_outcome(&outcomes_of_each_kind()[0]);
            break_it(&mut message);
            let outcomes = vec![message];
            let bytes = OutcomesMessage { outcomes }.encode_to_vec();
            let error = decode_outcomes(bytes.into()).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        };
        refused(|outcome| outcome.kind = 0, "outcome 0 is not known");
        refused(|outcome| outcome.kind = 99, "outcome 99 is not known");
        refused(|outcome| outcome.events.clear(), "lacks what was done");
        refused(|outcome| outcome.events[0].node = None, "lacks a node");
        refused(|outcome| outcome.events[0].action = 8, "action 8");
        refused(
            |outcome| {
                let node = outcome.events[0].node.as_mut().expect("it has one");
                node.path = Bytes::from_static(b"a//b");
            },
            "a path in it is none",
        );
        refused(
            |outcome| outcome.kind = OutcomeKind::Refused as i32,
            "lacks the reason",
        );
    }
}
