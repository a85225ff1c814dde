//! Faults of this kind that were found, each with the numbers it was found with.

use storage::{
    Bounds, Content, KeyPath, Lifetime, Operation, Outcome, Store, StoreOptions, Write, WriteMode,
    Writer,
};

/// Fewer rows than a server's, and still so many that they are deleted as one range.
fn low() -> Bounds {
    Bounds {
        stale_rows: 500,
        ..Bounds::default()
    }
}

struct Tree {
    store: Store,
    writer: Writer,
    index: u64,
}

impl Tree {
    fn new(bounds: Bounds) -> Self {
        let options = StoreOptions {
            in_memory: true,
            bounds,
            ..StoreOptions::default()
        };
        let (store, writer) = storage::open("memory".as_ref(), options).expect("opens");
        Self {
            store,
            writer,
            index: 0,
        }
    }

    /// Applies the operations as one command each, all in one batch.
    fn together(&mut self, operations: &[Operation]) -> Vec<Outcome> {
        let mut batch = self.writer.batch();
        let mut outcomes = Vec::new();
        for operation in operations {
            self.index += 1;
            outcomes.push(batch.apply_one(self.index, 0, operation).expect("applies"));
        }
        batch.commit().expect("commits");
        outcomes
    }

    fn apart(&mut self, operations: &[Operation]) -> Vec<Outcome> {
        operations
            .iter()
            .flat_map(|operation| self.together(std::slice::from_ref(operation)))
            .collect()
    }
}

fn set(path: &str, deadline: u64) -> Operation {
    Operation::Write(Write {
        path: KeyPath::new(path.as_bytes().to_vec()).expect("canonical"),
        mode: WriteMode::Set,
        content: Content::File("v".into()),
        lifetime: Some(Lifetime {
            expiration: deadline,
            deadline,
        }),
        refresh: false,
    })
}

fn delete(path: &str) -> Operation {
    Operation::Delete {
        path: KeyPath::new(path.as_bytes().to_vec()).expect("canonical"),
        dir: true,
        recursive: true,
    }
}

fn expire(cutoff: u64) -> Operation {
    Operation::Expire {
        cutoff,
        limit: 9,
        bytes: None,
    }
}

/// A store with `/renewed` (deadline 5), exactly as many rows without a node as one expiry looks at
/// (deadline 10), and `/due` (deadline 20).
fn with_stale_rows(bounds: Bounds) -> Tree {
    let mut tree = Tree::new(bounds);
    let files: Vec<_> = (0..bounds.stale_rows)
        .map(|number| set(&format!("/gone/{number:05}"), 10))
        .collect();
    tree.together(&files);
    tree.together(&[delete("/gone"), set("/renewed", 5), set("/due", 20)]);
    tree
}

/// Applies the commands one at a time and in one batch; `expired` nodes go in each of the expiries.
fn hold(bounds: Bounds, commands: &[Operation], expired: &[usize]) {
    let (mut apart, mut together) = (with_stale_rows(bounds), with_stale_rows(bounds));
    assert_eq!(apart.store.applied(), together.store.applied());
    let one = apart.apart(commands);
    let counts: Vec<usize> = one
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Expired { events, .. } => Some(events.len()),
            _ => None,
        })
        .collect();
    assert_eq!(counts, expired, "one entry at a time");
    assert_eq!(together.together(commands), one);
    assert_eq!(together.store.applied(), apart.store.applied());
    assert_eq!(together.store.next_deadline(), apart.store.next_deadline());
    together
        .store
        .lease()
        .expect("open")
        .view()
        .verify()
        .expect("fits together");
}

/// The row of the old deadline was deleted by the batch and still counted: nothing expired.
#[test]
fn a_renewal_and_an_expiry() {
    hold(Bounds::default(), &[set("/renewed", 100), expire(50)], &[1]);
}

/// The row stood in the store and in the batch, and counted twice: once for its node, once without
/// it.
#[test]
fn a_renewal_with_the_same_deadline_and_an_expiry() {
    hold(low(), &[set("/renewed", 5), expire(50)], &[2]);
}

/// The first expiry deletes the rows without a node as one range; the second met them again.
#[test]
fn two_expiries() {
    hold(low(), &[expire(15), set("/again", 5), expire(50)], &[1, 2]);
}

/// A removal deletes the rows below it one by one.
#[test]
fn a_removal_and_an_expiry() {
    hold(low(), &[delete("/renewed"), expire(50)], &[1]);
}
