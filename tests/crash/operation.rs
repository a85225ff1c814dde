//! The writes of the load: every kind the API has, each with a value that no other write of the run carries.

use std::fmt::Write as _;

use super::event::{Event, Node, Tree};
use super::support::http::{Request, percent_encode};
use super::support::seed::Rng;

/// The size of every value, bytes.
const VALUE_BYTES: usize = 128;

/// Keys a writer sets, swaps and deletes again and again.
const PLAIN_KEYS: u64 = 8;

/// Keys a writer only sets with a TTL.
const TTL_KEYS: u64 = 4;

/// In-order children a writer lets pile up before it deletes some.
const MAX_CHILDREN: usize = 40;

/// What a compare-and-swap or compare-and-delete compares with.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The current value.
    Value(String),
    /// The current `modifiedIndex`.
    Index(u64),
}

/// One write.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Plain PUT, with a TTL in seconds or without.
    Set {
        /// The key.
        key: String,
        /// The new value.
        value: String,
        /// Seconds to live.
        ttl: Option<u64>,
    },
    /// PUT with `prevExist=false`.
    Create {
        /// The key.
        key: String,
        /// The new value.
        value: String,
    },
    /// PUT with a condition.
    Swap {
        /// The key.
        key: String,
        /// The new value.
        value: String,
        /// What must hold.
        condition: Condition,
    },
    /// DELETE, with a condition or without.
    Delete {
        /// The key.
        key: String,
        /// What must hold.
        condition: Option<Condition>,
    },
    /// POST: an in-order child.
    Append {
        /// The directory.
        directory: String,
        /// The new value.
        value: String,
    },
}

impl Operation {
    /// The next write of the writer that owns `prefix` and knows its keys to be `known`.
    pub(crate) fn random(rng: &mut Rng, prefix: &str, sequence: u64, known: &Tree) -> Operation {
        let value = value(rng, prefix, sequence);
        let key = format!("{prefix}/k{}", rng.below(PLAIN_KEYS));
        let queue = format!("{prefix}/queue");
        let children: Vec<&String> = known.keys().filter(|key| key.starts_with(&queue)).collect();
        if children.len() > MAX_CHILDREN {
            let key = (*rng.pick(&children)).clone();
            return Operation::Delete {
                key,
                condition: None,
            };
        }
        let present = known.get(&key);
        match (rng.weighted(&[30, 10, 18, 8, 6, 14, 14]), present) {
            (1, None) => Operation::Create { key, value },
            (2, Some(node)) => Operation::Swap {
                key,
                value,
                condition: condition(rng, node),
            },
            (3, Some(_)) => Operation::Delete {
                key,
                condition: None,
            },
            (4, Some(node)) => Operation::Delete {
                key,
                condition: Some(condition(rng, node)),
            },
            (5, _) => Operation::Append {
                directory: queue,
                value,
            },
            (6, _) => Operation::Set {
                key: format!("{prefix}/t{}", rng.below(TTL_KEYS)),
                value,
                ttl: Some(*rng.pick(&[1, 2, 1_000, 100_000])),
            },
            _ => Operation::Set {
                key,
                value,
                ttl: None,
            },
        }
    }

    /// The request that asks for it.
    pub(crate) fn request(&self) -> Request {
        match self {
            Operation::Set { key, value, ttl } => {
                let mut form = format!("value={value}");
                if let Some(seconds) = ttl {
                    let _ = write!(form, "&ttl={seconds}"); // Writing to a String cannot fail.
                }
                Request::put(&target(key), &form)
            }
            Operation::Create { key, value } => {
                Request::put(&target(key), &format!("value={value}&prevExist=false"))
            }
            Operation::Swap {
                key,
                value,
                condition,
            } => {
                let target = format!("{}?{}", target(key), query(condition));
                Request::put(&target, &format!("value={value}"))
            }
            Operation::Delete { key, condition } => Request::delete(&match condition {
                Some(condition) => format!("{}?{}", target(key), query(condition)),
                None => target(key),
            }),
            Operation::Append { directory, value } => {
                Request::post(&target(directory), &format!("value={value}"))
            }
        }
    }

    /// The action its event carries.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Operation::Set { .. } => "set",
            Operation::Create { .. } | Operation::Append { .. } => "create",
            Operation::Swap { .. } => "compareAndSwap",
            Operation::Delete {
                condition: None, ..
            } => "delete",
            Operation::Delete { .. } => "compareAndDelete",
        }
    }

    /// Whether `event` can be the effect of this write.
    pub(crate) fn explains(&self, event: &Event) -> bool {
        let same_place = match self {
            Operation::Append { directory, .. } => {
                let wanted = format!("{directory}/{:020}", event.index());
                event.key() == wanted
            }
            Operation::Set { key, .. }
            | Operation::Create { key, .. }
            | Operation::Swap { key, .. }
            | Operation::Delete { key, .. } => event.key() == key,
        };
        same_place && event.action() == self.action() && event.value() == self.value()
    }

    fn value(&self) -> Option<&str> {
        match self {
            Operation::Set { value, .. }
            | Operation::Create { value, .. }
            | Operation::Swap { value, .. }
            | Operation::Append { value, .. } => Some(value),
            Operation::Delete { .. } => None,
        }
    }
}

/// `prefix` and `sequence` make it unique in the run, random letters fill it up to its size.
fn value(rng: &mut Rng, prefix: &str, sequence: u64) -> String {
    let mut value = format!("{}.{sequence}.", prefix.trim_start_matches('/'));
    while value.len() < VALUE_BYTES {
        value.push(char::from(b'a' + (rng.below(26) as u8)));
    }
    value
}

fn condition(rng: &mut Rng, node: &Node) -> Condition {
    if rng.chance(50) {
        Condition::Value(node.value().to_owned())
    } else {
        Condition::Index(node.modified())
    }
}

fn query(condition: &Condition) -> String {
    match condition {
        Condition::Value(value) => format!("prevValue={}", percent_encode(value.as_bytes())),
        Condition::Index(index) => format!("prevIndex={index}"),
    }
}

fn target(key: &str) -> String {
    format!("/v2/keys{key}")
}
