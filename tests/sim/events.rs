//! What a store says that happened, and what that made of one key.

use std::collections::BTreeMap;

use storage::operation::{Action, Event};
use storage::{EventFilter, Search, Store};

/// Every event of a store in `[from, until]`.
pub(super) fn events(store: &Store, from: u64, until: u64) -> Vec<Event> {
    let mut search = Search::new(EventFilter::all(), from, until);
    let lease = store.lease().expect("open");
    let view = lease.view();
    let mut events = Vec::new();
    while !search.is_finished() {
        let step = view.search(&mut search, 4_096).expect("all is kept");
        events.extend(step.map(|event| event.expect("readable")));
    }
    events
}

/// The values of one key, each from its revision on, with what made it.
#[derive(Debug, Default)]
pub(super) struct Register(BTreeMap<u64, (Action, Option<String>)>);

/// One change of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) revision: u64,
    pub(super) action: Action,
    pub(super) found: Option<&'a String>,
    pub(super) left: Option<&'a String>,
}

impl Register {
    /// As its events say, in their order. Each has to find what the one before it left.
    pub(super) fn of<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let mut register = Self::default();
        for event in events {
            let value = |node: &storage::operation::Node| {
                let value = node.value.as_ref().map(|value| value.to_vec());
                value.map(|value| String::from_utf8(value).expect("ours"))
            };
            let (found, left) = (event.prev.as_ref().and_then(value), value(&event.node));
            assert_eq!(
                register.at(event.revision),
                found.as_ref(),
                "the event of revision {} finds another value",
                event.revision
            );
            register.0.insert(event.revision, (event.action, left));
        }
        register
    }

    /// The value at an index.
    pub(super) fn at(&self, index: u64) -> Option<&String> {
        let (_, (_, value)) = self.0.range(..=index).next_back()?;
        value.as_ref()
    }

    /// What a revision changed.
    pub(super) fn change(&self, revision: u64) -> Change<'_> {
        let made = self.0.get(&revision);
        let (action, left) = made.unwrap_or_else(|| panic!("revision {revision} is another key's"));
        Change {
            revision,
            action: *action,
            found: self.at(revision - 1),
            left: left.as_ref(),
        }
    }

    /// The changes that are none of `claimed`, which is sorted.
    pub(super) fn unclaimed(&self, claimed: &[u64]) -> impl Iterator<Item = Change<'_>> {
        let revisions = self.0.keys().copied();
        let unclaimed = revisions.filter(|revision| claimed.binary_search(revision).is_err());
        unclaimed.map(|revision| self.change(revision))
    }
}
