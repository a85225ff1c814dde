//! What clients were told, for each key: what one register tells, whoever is asked.
//!
//! Every answer names its place: the index of its event, or the one at which a read, or a refusal, held. The events that the
//! store has in the end are then the order that explains all answers, if
//! - no answer stands below what anybody was told before it was asked for (that is checked when it comes);
//! - each finds what the events before its place left there;
//! - each event was asked for by one call, which may have no answer, and at its place the condition of that call holds.
//!
//! A search for such an order (`tests/support/linearizable.rs`) would need none of the indexes, and takes for ever where calls
//! stay open for as long as a member is cut off.

use std::collections::BTreeMap;

use storage::operation::{Action, Event, Node, Outcome, Refusal};

use super::events::{Change, Register};

/// What a client asks of a key. Values are unique.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Read,
    Set(String),
    /// Where nothing stands.
    Create(String),
    /// The second value where the first one stands.
    Swap(String, String),
    Delete,
    /// Where this value stands.
    DeleteIf(String),
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    /// Nobody knows.
    Open,
    /// It did nothing, and tells nothing.
    Refused,
    /// Its event is that of this index.
    Done(u64),
    /// It did nothing, and found this at that index.
    Found(u64, Option<String>),
}

/// One call; the number of its place among all of them is who made it.
#[derive(Debug, Clone)]
struct Noted {
    key: u64,
    wish: Wish,
    /// The highest index that anybody was told before it was asked for.
    floor: u64,
    ending: Ending,
}

/// A call that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenCall(usize);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    calls: Vec<Noted>,
    told: u64,
    /// What was last told of each key.
    seen: BTreeMap<u64, Option<String>>,
    /// Answers to writes of values that are numbers.
    written: Vec<u64>,
    pub(super) reads: u64,
}

impl Wish {
    /// Whether it is carried out where this is found.
    fn allows(&self, found: Option<&String>) -> bool {
        match self {
            Self::Read | Self::Set(_) => true,
            Self::Create(_) => found.is_none(),
            Self::Swap(wanted, _) | Self::DeleteIf(wanted) => found == Some(wanted),
            Self::Delete => found.is_some(),
        }
    }

    /// Whether this is what it does there.
    fn makes(&self, change: &Change<'_>) -> bool {
        let action = match self {
            Self::Read => return false,
            Self::Set(_) => Action::Set,
            Self::Create(_) => Action::Create,
            Self::Swap(..) => Action::CompareAndSwap,
            Self::Delete => Action::Delete,
            Self::DeleteIf(_) => Action::CompareAndDelete,
        };
        action == change.action && self.leaves() == change.left && self.allows(change.found)
    }

    fn leaves(&self) -> Option<&String> {
        match self {
            Self::Set(value) | Self::Create(value) | Self::Swap(_, value) => Some(value),
            Self::Read | Self::Delete | Self::DeleteIf(_) => None,
        }
    }
}

impl History {
    /// A client asks.
    pub(super) fn begin(&mut self, key: u64, wish: Wish) -> OpenCall {
        self.calls.push(Noted {
            key,
            wish,
            floor: self.told,
            ending: Ending::Open,
        });
        OpenCall(self.calls.len() - 1)
    }

    /// The key that a call is for.
    pub(super) fn key_of(&self, call: OpenCall) -> u64 {
        self.calls[call.0].key
    }

    /// What somebody last saw of a key.
    pub(super) fn seen(&self, key: u64) -> Option<String> {
        self.seen.get(&key).cloned().flatten()
    }

    /// How many writes were answered.
    pub(super) fn acknowledged(&self) -> u64 {
        self.written.len() as u64
    }

    /// How many of the values above this one were acknowledged.
    pub(super) fn written_above(&self, value: u64) -> usize {
        self.written.iter().filter(|seen| **seen > value).count()
    }

    /// Nothing was done, and nothing will be.
    pub(super) fn refused(&mut self, call: OpenCall) {
        self.calls[call.0].ending = Ending::Refused;
    }

    /// A write was decided.
    pub(super) fn decided(&mut self, call: OpenCall, outcome: &Outcome) {
        let noted = self.calls[call.0].clone();
        match outcome {
            Outcome::Done(event) => {
                let left = noted.wish.leaves().cloned();
                let number = left.as_ref().and_then(|value| value.parse().ok());
                self.written.push(number.unwrap_or(0));
                self.seen.insert(noted.key, left);
                self.end(call, Ending::Done(event.revision), event.revision);
            }
            Outcome::Refused { refusal, revision } => {
                let found = match refusal {
                    Refusal::KeyNotFound(_) => None,
                    Refusal::CompareFailed { value, .. } => Some(text(value)),
                    // It does not say what is there.
                    Refusal::AlreadyExists(_) if matches!(noted.wish, Wish::Create(_)) => {
                        return self.end(call, Ending::Refused, *revision);
                    }
                    other => panic!("{noted:?} was refused: {other:?}"),
                };
                assert!(
                    !noted.wish.allows(found.as_ref()),
                    "{noted:?} was refused where {found:?} was found"
                );
                self.seen.insert(noted.key, found.clone());
                self.end(call, Ending::Found(*revision, found), *revision);
            }
            other => panic!("{noted:?} has the outcome {other:?}"),
        }
    }

    /// A read was served at an index.
    pub(super) fn read(&mut self, call: OpenCall, node: Option<&Node>, index: u64) {
        let found = node.map(|node| text(node.value.as_ref().expect("a file")));
        self.reads += 1;
        self.seen.insert(self.key_of(call), found.clone());
        self.end(call, Ending::Found(index, found), index);
    }

    fn end(&mut self, call: OpenCall, ending: Ending, index: u64) {
        let noted = &mut self.calls[call.0];
        let least = noted.floor + u64::from(matches!(ending, Ending::Done(_)));
        assert!(
            index >= least,
            "a stale answer at index {index} to {noted:?}: {ending:?}"
        );
        noted.ending = ending;
        self.told = self.told.max(index);
    }

    /// Each key was one register all the time, which these events made of it.
    pub(super) fn judge(&self, events: &[Event], name: impl Fn(u64) -> Vec<u8>) {
        let mut keys: Vec<u64> = self.calls.iter().map(|call| call.key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let name = name(key);
            let of_key = |event: &&Event| event.node.path.as_bytes() == name;
            let register = Register::of(events.iter().filter(of_key));
            let calls = self.calls.iter().filter(|call| call.key == key);
            let mut asked: Vec<_> = calls.filter(|call| explains(&register, call)).collect();
            // Those that counted first may stand at the earlier places.
            asked.sort_by_key(|call| call.floor);
            for change in register.unclaimed(&answered(&asked)) {
                let by = asked.iter().position(|call| {
                    call.ending == Ending::Open
                        && call.floor < change.revision
                        && call.wish.makes(&change)
                });
                let by = by.unwrap_or_else(|| panic!("nobody asked for {change:?} of key {key}"));
                asked.remove(by);
            }
        }
    }
}

/// Whether the register bears a call out; panics where it does not.
fn explains(register: &Register, call: &Noted) -> bool {
    match &call.ending {
        Ending::Open | Ending::Refused => {}
        Ending::Found(index, found) => {
            let stood = register.at(*index);
            assert_eq!(stood, found.as_ref(), "{call:?} found what was not there");
        }
        Ending::Done(index) => {
            let change = register.change(*index);
            assert!(call.wish.makes(&change), "{call:?} is told of {change:?}");
        }
    }
    true
}

/// The places of the events whose calls were answered.
fn answered(calls: &[&Noted]) -> Vec<u64> {
    let places = calls.iter().filter_map(|call| match call.ending {
        Ending::Done(index) => Some(index),
        _ => None,
    });
    let mut places: Vec<u64> = places.collect();
    places.sort_unstable();
    let all = places.len();
    places.dedup();
    assert_eq!(places.len(), all, "two calls were told of one event");
    places
}

fn text(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).expect("ours")
}
