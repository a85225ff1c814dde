//! Readers on other threads while the writer goes on: whatever revision an answer claims, it must be the model's
//! answer at that revision, and that revision must be the end of a batch.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use storage::{KeyPath, Operation, Store};

use super::compare::{Difference, equal, equal_lists};
use super::generator::{Step, case};
use super::random::Random;
use super::subject::{self, Subject};
use super::{Command, Model};

/// What will have happened at the end: every tree on the way, and the revisions that readers may see.
struct Plan {
    batches: Vec<Vec<Command>>,
    model: Model,
    ends: BTreeSet<u64>,
    /// All paths that ever had an event.
    paths: Vec<KeyPath>,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let (mut model, mut ends, mut batches) = (Model::new(), BTreeSet::from([0]), Vec::new());
        for step in case(seed, 80) {
            let Step::Batch(mut commands) = step else {
                continue;
            };
            for command in &mut commands {
                // All history stays, so that any answer can be checked however late it is looked at.
                command
                    .operations
                    .retain(|operation| !matches!(operation, Operation::Retain(_)));
                model.apply(command);
            }
            ends.insert(model.revision);
            batches.push(commands);
        }
        let paths = model
            .events
            .values()
            .map(|event| event.node.path.clone())
            .collect();
        Self {
            batches,
            model,
            ends,
            paths,
        }
    }

    /// One reader's life; it reads at least once after the writer has ended.
    fn read(&self, store: &Store, seed: u64, ended: &AtomicBool) -> Result<u64, Difference> {
        let (mut random, mut reads, mut newest) = (Random::new(seed), 0, 0);
        loop {
            let last = ended.load(Ordering::Acquire);
            let path = &self.paths[random.below(self.paths.len() as u64) as usize];
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
        let view = store.view();
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

/// Applies a case while `readers` threads look on.
pub(crate) fn read_beside(seed: u64, readers: u64) -> Result<(), Difference> {
    let plan = Plan::new(seed);
    let mut subject = Subject::create(&mut Random::new(seed))?;
    let store = subject.store().clone();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..readers)
            .map(|reader| {
                let (plan, store, ended) = (&plan, &store, &ended);
                scope.spawn(move || plan.read(store, seed ^ reader, ended))
            })
            .collect();
        let written = plan
            .batches
            .iter()
            .try_for_each(|batch| subject.apply(batch, true).map(|_| ()));
        ended.store(true, Ordering::Release);
        for reader in readers {
            reader.join().expect("a reader does not panic")?;
        }
        Ok(written?)
    })
}
