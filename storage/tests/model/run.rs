//! Runs a case against the store and the model side by side, and says where they part.

use std::collections::BTreeMap;

use storage::{Applied, Error, Outcome};

use super::compare::{self, Difference};
use super::generator::Step;
use super::random::Random;
use super::subject::{self, Subject, marker};
use super::{Command, Model};

/// Where the store can come back to after a crash: the end of a batch.
#[derive(Clone)]
struct Boundary {
    applied: Applied,
    /// How many commands of the log were applied.
    commands: usize,
    model: Model,
}

/// One store and its model, moved step by step.
struct Run {
    subject: Subject,
    model: Model,
    /// The commands that were committed, as the log would hold them.
    log: Vec<Command>,
    /// The ends of batches that a crash may go back to, oldest first.
    boundaries: Vec<Boundary>,
    /// The hash at each applied index at which a batch ever ended; grouping must not change it.
    hashes: BTreeMap<u64, u64>,
    random: Random,
}

/// Runs all steps, then replays the log with other batches into a second store.
pub(crate) fn run(seed: u64, steps: &[Step]) -> Result<(), Difference> {
    let mut run = Run::new(seed)?;
    for (at, step) in steps.iter().enumerate() {
        run.step(step)
            .map_err(|difference| difference.within(format!("step {at}, {}", name(step))))?;
    }
    run.twin()
        .map_err(|difference| difference.within("the twin with other batches".into()))
}

fn name(step: &Step) -> String {
    match step {
        Step::Batch(commands) => format!("batch of {} commands", commands.len()),
        Step::Abandon(commands) => format!("abandoned batch of {} commands", commands.len()),
        other => format!("{other:?}"),
    }
}

impl Run {
    fn new(seed: u64) -> Result<Self, Difference> {
        let mut random = Random::new(seed);
        let subject = Subject::create(subject::options(&mut random))?;
        let model = Model::new();
        let fresh = Boundary {
            applied: subject.store().applied(),
            commands: 0,
            model: model.clone(),
        };
        let (log, hashes) = (Vec::new(), BTreeMap::new());
        Ok(Self {
            subject,
            model,
            log,
            boundaries: vec![fresh],
            hashes,
            random,
        })
    }

    fn step(&mut self, step: &Step) -> Result<(), Difference> {
        match step {
            Step::Batch(commands) if self.random.percent(30) => {
                self.batch_beside_old_readers(commands)?
            }
            Step::Batch(commands) => self.batch(commands)?,
            Step::Abandon(commands) => self.abandon(commands)?,
            Step::Flush => self.flush()?,
            Step::CompactTables => self.subject.store().compact_tables()?,
            Step::Compact(budget) => self.compact(*budget)?,
            Step::Move => self.move_on()?,
            Step::Crash => return self.crash(),
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<(), Difference> {
        compare::present(self.subject.store(), &self.model, &mut self.random)
    }

    fn batch(&mut self, commands: &[Command]) -> Result<(), Difference> {
        let outcomes = self.subject.apply(commands, true)?;
        check_outcomes(&mut self.model, commands, &outcomes)?;
        self.log.extend_from_slice(commands);
        let applied = self.subject.store().applied();
        check_applied(&applied, &self.model)?;
        let hash = *self.hashes.entry(applied.index).or_insert(applied.hash);
        compare::equal("hash at this applied index", &applied.hash, &hash)?;
        self.boundaries.push(Boundary {
            applied,
            commands: self.log.len(),
            model: self.model.clone(),
        });
        Ok(())
    }

    /// Readers opened before a batch see what was there before it, whatever is compacted meanwhile.
    fn batch_beside_old_readers(&mut self, commands: &[Command]) -> Result<(), Difference> {
        let store = self.subject.store().clone();
        let (before, mut random) = (self.model.clone(), Random::new(self.random.next()));
        let oldest = before.oldest_event - 1;
        // A view holds what it may need by itself; a pin must not make that worse.
        let pin = random.percent(50).then(|| store.pin(oldest));
        let lease = store.lease()?;
        let view = lease.view();
        let revision = random.between(oldest, before.revision);
        let past = view.at(revision)?;
        self.batch(commands)?;
        if random.percent(50) {
            self.flush()?;
            self.subject.store().compact_tables()?;
            self.compact(1_000)?;
        }
        let old = |difference: Difference| difference.within("a view from before the batch".into());
        compare::past(&past, before.tree_at(revision), &mut random).map_err(old)?;
        compare::view(&view, &before, &mut random).map_err(old)?;
        if let Some(pin) = &pin {
            let pinned = |difference: Difference| difference.within(format!("pinned at {oldest}"));
            let now_lease = store.lease()?;
            let now = now_lease.view();
            compare::past(&now.at_pin(pin)?, before.tree_at(oldest), &mut random)
                .map_err(pinned)?;
        }
        Ok(())
    }

    fn abandon(&mut self, commands: &[Command]) -> Result<(), Difference> {
        let before = self.subject.store().applied();
        let outcomes = self.subject.apply(commands, false)?;
        check_outcomes(&mut self.model.clone(), commands, &outcomes)?;
        compare::equal(
            "applied after an abandoned batch",
            &self.subject.store().applied(),
            &before,
        )
    }

    fn flush(&mut self) -> Result<(), Difference> {
        let flushed = self.subject.store().flush()?;
        compare::equal(
            "applied of a flush",
            &flushed,
            &self.subject.store().applied(),
        )?;
        compare::equal(
            "durable after a flush",
            &self.subject.store().durable(),
            &flushed,
        )?;
        let newest = self.boundaries.split_off(self.boundaries.len() - 1);
        self.boundaries = newest;
        Ok(())
    }

    /// Readers opened before a move see the old store to their end.
    fn move_on(&mut self) -> Result<(), Difference> {
        let before = self.subject.store().applied();
        let lease = self.subject.store().lease()?;
        let view = lease.view();
        let mut random = Random::new(self.random.next());
        let retired = self.subject.move_on()?;
        compare::equal(
            "applied after a move",
            &self.subject.store().applied(),
            &before,
        )?;
        compare::equal(
            "durable after a move",
            &self.subject.store().durable(),
            &before,
        )?;
        compare::view(&view, &self.model, &mut random)
            .map_err(|difference| difference.within("a view from before the move".into()))?;
        compare::equal("closed under a view", &retired.is_closed(), &false)?;
        drop(view);
        drop(lease);
        compare::equal("closed without one", &retired.is_closed(), &true)?;
        let newest = self.boundaries.split_off(self.boundaries.len() - 1);
        self.boundaries = newest;
        Ok(())
    }

    fn compact(&mut self, budget: u64) -> Result<(), Difference> {
        let before = self.subject.store().applied();
        self.subject.writer().compact(budget as usize)?;
        compare::equal(
            "applied after compaction",
            &self.subject.store().applied(),
            &before,
        )
    }
}

impl Run {
    /// After a crash the store is at the end of some batch, the last flushed one or later; the log
    /// brings it back.
    fn crash(&mut self) -> Result<(), Difference> {
        self.subject.crash()?;
        let applied = self.subject.store().applied();
        let place = self
            .boundaries
            .iter()
            .position(|boundary| boundary.applied.index == applied.index);
        let Some(place) = place else {
            let indexes: Vec<u64> = self
                .boundaries
                .iter()
                .map(|boundary| boundary.applied.index)
                .collect();
            return Err(Difference::new(format!(
                "reopened at index {}, batches ended at {indexes:?}",
                applied.index
            )));
        };
        let boundary = self.boundaries[place].clone();
        compare::equal("applied after a crash", &applied, &boundary.applied)?;
        compare::equal(
            "durable after a crash",
            &self.subject.store().durable(),
            &applied,
        )?;
        self.boundaries = vec![boundary.clone()];
        self.model = boundary.model;
        let lost = self.log.split_off(boundary.commands);
        let context =
            |difference: Difference| difference.within(format!("reopened at {}", applied.index));
        self.compare().map_err(context)?;
        self.replay(&lost).map_err(context)
    }

    /// Applies commands again, grouped anew.
    fn replay(&mut self, commands: &[Command]) -> Result<(), Difference> {
        let mut rest = commands;
        while !rest.is_empty() {
            let size = self.random.between(1, 12).min(rest.len() as u64) as usize;
            self.batch(&rest[..size])?;
            rest = &rest[size..];
        }
        self.compare()
    }

    /// The same log in other batches gives the same state, outcomes and hashes.
    fn twin(mut self) -> Result<(), Difference> {
        let mut twin = Self::new(self.random.next())?;
        twin.hashes = self.hashes;
        twin.replay(&self.log)?;
        compare::equal(
            "applied",
            &twin.subject.store().applied(),
            &self.subject.store().applied(),
        )?;
        compare::equal("tree", &twin.model.tree, &self.model.tree)
    }
}

fn check_outcomes(
    model: &mut Model,
    commands: &[Command],
    outcomes: &[Vec<Outcome>],
) -> Result<(), Difference> {
    for (command, outcomes) in commands.iter().zip(outcomes) {
        let expected = model.apply(command);
        compare::equal("outcomes", outcomes, &expected)
            .map_err(|difference| difference.within(format!("{command:#?}")))?;
    }
    Ok(())
}

fn check_applied(applied: &Applied, model: &Model) -> Result<(), Difference> {
    compare::equal("applied index", &applied.index, &model.index)?;
    compare::equal("applied revision", &applied.revision, &model.revision)?;
    compare::equal("cluster time", &applied.cluster_time, &model.cluster_time)?;
    compare::equal("marker", &applied.marker, &marker(model.index))
}

impl From<Error> for Difference {
    fn from(error: Error) -> Self {
        Self::new(format!("the store failed: {error}"))
    }
}
