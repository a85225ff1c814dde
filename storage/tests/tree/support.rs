//! A store with short verbs, and nodes in one line of text.

use std::sync::Arc;

use bytes::Bytes;
use storage::{
    Condition, Content, Event, KeyPath, Lifetime, Node, Operation, Outcome, Refusal, Store,
    StoreOptions, View, Write, WriteMode, Writer,
};

pub(crate) struct Tree {
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    pub(crate) index: u64,
}

/// Small caches, so that tests meet evictions and block reads.
pub(crate) fn options() -> StoreOptions {
    StoreOptions {
        cache_bytes: 1 << 20,
        node_cache_bytes: 64 << 10,
        memtable_bytes: 4 << 20,
        ..StoreOptions::default()
    }
}

impl Tree {
    pub(crate) fn in_memory() -> Self {
        Self::open(
            "memory".as_ref(),
            StoreOptions {
                in_memory: true,
                ..options()
            },
        )
    }

    pub(crate) fn at(path: &std::path::Path) -> Self {
        Self::open(path, options())
    }

    pub(crate) fn open(path: &std::path::Path, options: StoreOptions) -> Self {
        let (store, writer) = storage::open(path, options).expect("the store opens");
        let index = store.applied().index;
        Self {
            store,
            writer,
            index,
        }
    }

    /// One command, one batch.
    pub(crate) fn run(&mut self, operations: &[Operation]) -> Vec<Outcome> {
        self.run_at(0, operations)
    }

    /// The same at a cluster time.
    pub(crate) fn run_at(&mut self, time: u64, operations: &[Operation]) -> Vec<Outcome> {
        self.index += 1;
        let mut batch = self.writer.batch();
        let outcomes = batch.apply(self.index, time, operations).expect("applies");
        batch.commit().expect("commits");
        outcomes
    }

    pub(crate) fn one(&mut self, operation: Operation) -> Outcome {
        self.run(&[operation]).remove(0)
    }

    /// Runs what must succeed.
    pub(crate) fn done(&mut self, operation: Operation) -> Arc<Event> {
        match self.one(operation.clone()) {
            Outcome::Done(event) => event,
            other => panic!("{operation:?} gave {other:?}"),
        }
    }

    /// Runs what must be refused.
    pub(crate) fn refused(&mut self, operation: Operation) -> Refusal {
        let before = self.store.applied();
        match self.one(operation.clone()) {
            Outcome::Refused { refusal, revision } => {
                assert_eq!(revision, before.revision, "{operation:?}");
                assert_eq!(
                    self.store.revision(),
                    before.revision,
                    "{operation:?} took a revision"
                );
                refusal
            }
            other => panic!("{operation:?} gave {other:?}"),
        }
    }

    pub(crate) fn set(&mut self, path: &str, value: &str) -> u64 {
        self.done(set(path, value)).revision
    }

    pub(crate) fn delete(&mut self, path: &str) -> u64 {
        self.done(delete(path)).revision
    }

    pub(crate) fn expire(&mut self, cutoff: u64, limit: u32) -> (Vec<Arc<Event>>, bool) {
        match self.one(Operation::Expire {
            cutoff,
            limit,
            bytes: None,
        }) {
            Outcome::Expired { events, more } => (events, more),
            other => panic!("{other:?}"),
        }
    }

    /// Compacts in small steps until nothing is left to do.
    pub(crate) fn compact(&mut self, budget: usize) {
        while self.writer.compact(budget).expect("compacts").more {}
    }

    pub(crate) fn verify(&self) -> storage::Verified {
        self.store
            .lease()
            .expect("open")
            .view()
            .verify()
            .expect("the store fits together")
    }
}

pub(crate) fn path(text: &str) -> KeyPath {
    KeyPath::new(text.as_bytes().to_vec()).expect("a canonical path")
}

pub(crate) fn bytes_path(bytes: &[u8]) -> KeyPath {
    KeyPath::new(bytes.to_vec()).expect("a canonical path")
}

pub(crate) fn file(value: &str) -> Content {
    Content::File(Bytes::copy_from_slice(value.as_bytes()))
}

pub(crate) fn set(at: &str, value: &str) -> Operation {
    Operation::Write(Write::new(path(at), WriteMode::Set, file(value)))
}

pub(crate) fn set_until(at: &str, value: &str, deadline: u64) -> Operation {
    Operation::Write(Write {
        path: path(at),
        mode: WriteMode::Set,
        content: file(value),
        lifetime: until(deadline),
        refresh: false,
    })
}

pub(crate) fn until(deadline: u64) -> Option<Lifetime> {
    Some(Lifetime {
        expiration: deadline + 1_000,
        deadline,
    })
}

/// A file with a value, a directory without.
pub(crate) fn create(at: &str, value: Option<&str>) -> Operation {
    Operation::Write(Write::new(
        path(at),
        WriteMode::Create,
        value.map_or(Content::Directory, file),
    ))
}

pub(crate) fn update(at: &str, value: &str, deadline: Option<u64>) -> Operation {
    let value = Bytes::copy_from_slice(value.as_bytes());
    Operation::Write(Write {
        path: path(at),
        mode: WriteMode::Update,
        content: Content::File(value),
        lifetime: deadline.and_then(until),
        refresh: false,
    })
}

pub(crate) fn delete(at: &str) -> Operation {
    Operation::Delete {
        path: path(at),
        dir: true,
        recursive: true,
    }
}

pub(crate) fn condition(value: Option<&str>, index: u64) -> Condition {
    Condition {
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        index,
    }
}

/// `/a=v c1 m2 t3`, a directory `/a/ c1 m2`; the lifetime by its deadline.
pub(crate) fn show(node: &Node) -> String {
    let value = match &node.value {
        Some(value) => format!("={}", value.escape_ascii()),
        None if node.dir => "/".to_owned(),
        None => String::new(),
    };
    let lifetime = node
        .lifetime
        .map(|lifetime| format!(" t{}", lifetime.deadline))
        .unwrap_or_default();
    format!(
        "{}{value} c{} m{}{lifetime}",
        node.path, node.created, node.modified
    )
}

/// The whole tree, hidden nodes included.
pub(crate) fn tree(view: &View<'_>) -> Vec<String> {
    let mut walk = view.walk(&KeyPath::root(), true, true);
    let mut lines = Vec::new();
    while let Some(item) = walk.next().expect("readable") {
        lines.push(show(&item.to_node()));
    }
    lines
}

/// The whole tree at an older revision.
pub(crate) fn tree_at(view: &View<'_>, revision: u64) -> Vec<String> {
    let mut walk = view
        .at(revision)
        .expect("kept")
        .walk(&KeyPath::root(), true, true);
    let mut lines = Vec::new();
    while let Some(item) = walk.next().expect("readable") {
        lines.push(show(&item.to_node()));
    }
    lines
}
