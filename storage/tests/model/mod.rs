//! An independent model of the tree: the reference's words (keys-api 3-8, design 13-20) over plain
//! maps, with a full copy of the tree for every revision. Slow, and simple enough to be believed;
//! the property test holds `storage` against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use storage::{BYTES_PERIOD, Event, KeyPath, Node, Operation, Outcome, Retention};

mod apply;
pub(crate) mod beside;
pub(crate) mod compare;
pub(crate) mod decision_table;
mod draw;
pub(crate) mod generator;
mod notes;
pub(crate) mod random;
mod reach;
pub(crate) mod run;
pub(crate) mod shrink;
pub(crate) mod subject;
pub(crate) mod tree;

use tree::{Place, Tree};

/// One log entry: where it stands in the log, when it was stamped, and what it asks.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) index: u64,
    pub(crate) cluster_time: u64,
    pub(crate) operations: Vec<Operation>,
}

/// The whole replicated state and its past.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) revision: u64,
    pub(crate) index: u64,
    pub(crate) cluster_time: u64,
    pub(crate) oldest_event: u64,
    pub(crate) retention: Retention,
    pub(crate) records: BTreeMap<Bytes, Bytes>,
    pub(crate) tree: Tree,
    pub(crate) events: BTreeMap<u64, Arc<Event>>,
    trees: BTreeMap<u64, Arc<Tree>>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            revision: 0,
            index: 0,
            cluster_time: 0,
            oldest_event: 1,
            retention: Retention {
                events: 1_000_000,
                bytes: 1 << 30,
            },
            records: BTreeMap::new(),
            tree: Tree::default(),
            events: BTreeMap::new(),
            trees: BTreeMap::from([(0, Arc::default())]),
        }
    }

    /// Applies one command; one outcome for each operation, up to the one that ends it.
    pub(crate) fn apply(&mut self, command: &Command) -> Vec<Outcome> {
        assert!(command.index > self.index, "log indexes rise");
        self.index = command.index;
        self.cluster_time = self.cluster_time.max(command.cluster_time);
        let mut ended = false;
        let operations = command.operations.iter();
        operations
            .map_while(|operation| {
                let outcome = (!ended).then(|| self.operate(operation))?;
                ended = outcome == Outcome::Ended;
                Some(outcome)
            })
            .collect()
    }

    /// The same state without its past: enough to apply operations to.
    pub(crate) fn clone_present(&self) -> Self {
        let trees = BTreeMap::from([(self.revision, Arc::new(self.tree.clone()))]);
        let (records, tree) = (self.records.clone(), self.tree.clone());
        Self {
            records,
            tree,
            trees,
            events: BTreeMap::new(),
            ..*self
        }
    }

    /// The tree as the last operation up to `revision` left it.
    pub(crate) fn tree_at(&self, revision: u64) -> &Tree {
        &self.trees[&revision]
    }

    /// The events from a revision on that a watch on `path` may see (8.3, with the boundary it
    /// recommends).
    pub(crate) fn events_matching(&self, from: u64, path: &KeyPath, recursive: bool) -> Vec<Event> {
        let watched = Place::of(path);
        let matches = |event: &Event| {
            let changed = Place::of(&event.node.path);
            let took_it_along =
                event.action.is_removal() && event.node.dir && watched.is_below(&changed);
            changed == watched || (recursive && changed.is_below(&watched)) || took_it_along
        };
        let range = self
            .events
            .range(from..)
            .map(|(_, event)| (**event).clone());
        range.filter(matches).collect()
    }

    /// What revisions made of one path, newest first: writes of it, removals of it by name, and
    /// last what it was in the state before the oldest event. Going with a directory above leaves
    /// no trace of its own.
    pub(crate) fn history(&self, path: &KeyPath) -> Vec<(u64, Option<Node>)> {
        let place = Place::of(path);
        let entry_at = |revision| self.trees.get(revision).and_then(|tree| tree.entry(&place));
        let mut versions = Vec::new();
        for (revision, event) in self.events.iter().rev() {
            match entry_at(revision).filter(|entry| entry.written == *revision) {
                Some(entry) => versions.push((*revision, Some(entry.node(&place)))),
                None if event.action.is_removal() && event.node.path == *path => {
                    versions.push((*revision, None));
                }
                None => {}
            }
        }
        let base = entry_at(&(self.oldest_event - 1));
        versions.extend(base.map(|entry| (entry.written, Some(entry.node(&place)))));
        versions
    }

    fn retain(&mut self, retention: Retention) {
        self.retention = Retention {
            events: retention.events.max(1),
            ..retention
        };
        self.keep_events();
        self.keep_bytes();
        self.forget();
    }

    fn publish(&mut self, event: Event) -> Arc<Event> {
        let event = Arc::new(event);
        self.revision = event.revision;
        self.events.insert(event.revision, event.clone());
        self.trees
            .insert(event.revision, Arc::new(self.tree.clone()));
        self.keep_events();
        if self.revision.is_multiple_of(BYTES_PERIOD) {
            self.keep_bytes();
        }
        self.forget();
        event
    }

    /// The newest events, as many as asked for. The oldest event never falls: what was given up stays
    /// given up.
    fn keep_events(&mut self) {
        let oldest = (self.revision + 1).saturating_sub(self.retention.events);
        self.oldest_event = self.oldest_event.max(oldest);
    }

    /// The rule that `storage` documents for `BYTES_PERIOD`: as many events as fit, and at least
    /// the newest.
    fn keep_bytes(&mut self) {
        while self.oldest_event < self.revision && self.history_bytes() > self.retention.bytes {
            self.oldest_event += 1;
        }
    }

    fn history_bytes(&self) -> u64 {
        let bytes = |event: &Event| {
            let value = event.node.value.as_ref().map_or(0, Bytes::len);
            event.node.path.as_bytes().len() + value
        };
        self.events
            .range(self.oldest_event..)
            .map(|(_, event)| bytes(event) as u64)
            .sum()
    }

    /// Lets go of the events below the oldest event, and of the trees below the state before its event.
    fn forget(&mut self) {
        while self
            .events
            .first_key_value()
            .is_some_and(|(revision, _)| *revision < self.oldest_event)
        {
            self.events.pop_first();
        }
        while self
            .trees
            .first_key_value()
            .is_some_and(|(revision, _)| *revision + 1 < self.oldest_event)
        {
            self.trees.pop_first();
        }
    }
}
