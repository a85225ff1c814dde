//! Readers on other threads while the writer goes on: whatever revision an answer claims, it must
//! be the model's answer at that revision, and that revision must be the end of a batch.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use storage::{Content, KeyPath, Operation, Store, StoreOptions, Write, WriteMode};

use super::compare::{Difference, equal, equal_lists};
use super::generator::{Step, case};
use super::random::Random;
use super::subject::{self, Subject};
use super::{Command, Model};

/// Files of the hot case: all of them are read, the first few are written.
const FILES: u64 = 300;
const HOT_FILES: u64 = 8;

/// What will have happened at the end: every tree on the way, and the revisions that readers may
/// see.
struct Plan {
    batches: Vec<Vec<Command>>,
    model: Model,
    ends: BTreeSet<u64>,
    /// The paths that ever had an event.
    paths: Vec<KeyPath>,
}

impl Plan {
    /// The batches of a case. All history stays, so that any answer can be checked however late it
    /// is looked at.
    fn of_case(seed: u64) -> Self {
        let batches = case(seed, 80).into_iter().filter_map(|step| match step {
            Step::Batch(mut commands) => {
                let keeps = |operation: &Operation| !matches!(operation, Operation::Retain(_));
                commands
                    .iter_mut()
                    .for_each(|command| command.operations.retain(keeps));
                Some(commands)
            }
            _ => None,
        });
        Self::new(batches.collect())
    }

    /// A few files that are written all the time, among many that push them out of a small node
    /// cache: readers often fetch what is just being written.
    fn of_hot_files(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let file = |number: u64| KeyPath::root().child(format!("{number:03}").as_bytes());
        let set = |number| {
            let (path, content) = (file(number), Content::File(Bytes::from(vec![b'v'; 200])));
            Operation::Write(Write::new(path, WriteMode::Set, content))
        };
        let command = |index, operations| {
            vec![Command {
                index,
                cluster_time: 0,
                operations,
            }]
        };
        let mut change = |index| {
            let number = random.below(HOT_FILES);
            let gone = Operation::Delete {
                path: file(number),
                dir: false,
                recursive: false,
            };
            command(
                index,
                vec![if random.percent(20) {
                    gone
                } else {
                    set(number)
                }],
            )
        };
        let mut batches = vec![command(1, (0..FILES).map(set).collect())];
        batches.extend((2..4_000).map(&mut change));
        Self::new(batches)
    }

    fn new(batches: Vec<Vec<Command>>) -> Self {
        let (mut model, mut ends) = (Model::new(), BTreeSet::from([0]));
        for batch in &batches {
            batch.iter().for_each(|command| drop(model.apply(command)));
            ends.insert(model.revision);
        }
        let paths: BTreeSet<_> = model
            .events
            .values()
            .map(|event| event.node.path.clone())
            .collect();
        Self {
            batches,
            model,
            ends,
            paths: paths.into_iter().collect(),
        }
    }

    /// One reader's life; it reads at least once after the writer has ended.
    fn read(&self, store: &Store, seed: u64, ended: &AtomicBool) -> Result<u64, Difference> {
        let (mut random, mut reads, mut newest) = (Random::new(seed), 0, 0);
        loop {
            let last = ended.load(Ordering::Acquire);
            // Half of the looks go to the first few paths, which are the hot files if there are
            // any.
            let among = if random.percent(50) {
                HOT_FILES as usize
            } else {
                self.paths.len()
            };
            let path = &self.paths[random.below(among.min(self.paths.len()) as u64) as usize];
            let (answer, revision) = store.get(path)?;
            self.check_revision(revision, newest)?;
            equal(
                &format!("get of {path:?} at {revision}"),
                &answer,
                &self.model.tree_at(revision).node(path),
            )?;
            newest = revision;
            if last || random.percent(2) {
                newest = self.read_all(store, newest)?;
            }
            reads += 1;
            if last {
                return equal("revision at the end", &newest, &self.model.revision).map(|()| reads);
            }
        }
    }

    fn read_all(&self, store: &Store, newest: u64) -> Result<u64, Difference> {
        let lease = store.lease()?;
        let view = lease.view();
        let revision = view.revision();
        self.check_revision(revision, newest)?;
        let listing = subject::listing(&view, &KeyPath::root(), true, true)?;
        let expected = self
            .model
            .tree_at(revision)
            .list(&KeyPath::root(), true, true);
        equal_lists(
            &format!("the whole tree at {revision}"),
            &listing,
            &expected,
        )?;
        Ok(revision)
    }

    fn check_revision(&self, revision: u64, newest: u64) -> Result<(), Difference> {
        if self.ends.contains(&revision) && revision >= newest {
            return Ok(());
        }
        Err(Difference::new(format!(
            "a reader saw revision {revision} after {newest}; batches end at {:?}",
            self.ends
        )))
    }
}

/// Applies batches while `readers` threads look on.
fn read_beside(
    plan: &Plan,
    seed: u64,
    readers: u64,
    options: StoreOptions,
) -> Result<(), Difference> {
    let mut subject = Subject::create(options)?;
    let store = subject.store().clone();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..readers)
            .map(|reader| {
                let (store, ended) = (&store, &ended);
                scope.spawn(move || plan.read(store, seed ^ reader, ended))
            })
            .collect();
        let written = plan
            .batches
            .iter()
            .try_for_each(|batch| subject.apply(batch, true).map(drop));
        ended.store(true, Ordering::Release);
        for reader in readers {
            reader.join().expect("a reader does not panic")?;
        }
        Ok(written?)
    })
}

/// Readers beside a case of every kind of operation.
pub(crate) fn beside_a_case(seed: u64) -> Result<(), Difference> {
    read_beside(
        &Plan::of_case(seed),
        seed,
        2,
        subject::options(&mut Random::new(seed)),
    )
}

/// Readers beside a writer that changes what they just read, with a node cache that is too small
/// for it.
pub(crate) fn beside_hot_files(seed: u64) -> Result<(), Difference> {
    let options = StoreOptions {
        node_cache_bytes: 64 << 10,
        ..StoreOptions::default()
    };
    read_beside(&Plan::of_hot_files(seed), seed, 3, options)
}
