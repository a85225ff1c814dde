//! Makes cases: steps drawn with weights from a seed. The generator runs a model of its own, so
//! that it can aim at what exists, compare with what is stored, and expire what is due; the steps
//! themselves are plain data, so that a failing case can be cut down and run again.

use std::fmt;

use bytes::Bytes;
use storage::{Content, KeyPath, Operation, Write, WriteMode};

use super::draw::{Draw, SECOND};
use super::random::Random;
use super::{Command, Model};

/// One thing done to the store under test.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Commands committed as one batch.
    Batch(Vec<Command>),
    /// Commands applied to a batch that is dropped instead of committed.
    Abandon(Vec<Command>),
    /// A flush, after which nothing so far may be lost.
    Flush,
    /// The process ends without a flush; what was lost is applied again.
    Crash,
    /// Compaction of RocksDB's tables.
    CompactTables,
    /// One round of compaction, with this budget.
    Compact(u64),
    /// All rows become a store in another directory, which takes the place of this one.
    Move,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, commands) = match self {
            Self::Batch(commands) => ("Batch", commands),
            Self::Abandon(commands) => ("Abandon", commands),
            other => return write!(f, "{other:?}"),
        };
        f.write_str(name)?;
        commands
            .iter()
            .try_for_each(|command| write!(f, "\n    {command:?}"))
    }
}

/// The steps of one case.
pub(crate) fn case(seed: u64, steps: usize) -> Vec<Step> {
    let draw = Draw {
        random: Random::new(seed),
        now: SECOND,
    };
    let mut generator = Generator {
        draw,
        model: Model::new(),
        index: 0,
        wide: None,
    };
    let wide = generator
        .draw
        .random
        .percent(60)
        .then(|| generator.draw.random.below(steps as u64) as usize);
    (0..steps)
        .map(|at| generator.step(wide == Some(at)))
        .collect()
}

struct Generator {
    draw: Draw,
    model: Model,
    index: u64,
    /// A directory with hundreds of children, once it was made.
    wide: Option<KeyPath>,
}

impl Generator {
    fn step(&mut self, wide: bool) -> Step {
        if wide {
            return Step::Batch(self.wide_directory());
        }
        match self.draw.random.weighted(&[72, 4, 8, 6, 5, 5, 4]) {
            0 => Step::Batch(self.commands()),
            1 => {
                let (model, index) = (self.model.clone(), self.index);
                let step = Step::Abandon(self.commands());
                (self.model, self.index) = (model, index);
                step
            }
            2 => Step::Flush,
            3 => Step::Crash,
            4 => Step::CompactTables,
            5 => Step::Compact(self.draw.random.pick(&[1, 10, 1_000])),
            _ => Step::Move,
        }
    }

    fn commands(&mut self) -> Vec<Command> {
        let count = self.draw.random.pick(&[1, 1, 1, 2, 3, 8, 20]);
        (0..count).map(|_| self.command()).collect()
    }

    fn command(&mut self) -> Command {
        let reborn = match self.draw.random.below(100) {
            0..5 => self.draw.directory(&self.model),
            5..9 => self.wide.clone(),
            _ => None,
        };
        let operations = match reborn {
            Some(path) => self.draw.rebirth(&self.model, path),
            None => self.operations(),
        };
        self.issue(operations)
    }

    /// One to four operations, each drawn with the ones before it in sight.
    fn operations(&mut self) -> Vec<Operation> {
        let size = self.draw.random.pick(&[1, 1, 1, 2, 3, 4]);
        let mut shadow = self.model.clone_present();
        let mut operations = Vec::new();
        while operations.len() < size {
            let operation = self.draw.operation(&shadow);
            let (index, cluster_time) = (shadow.index + 1, self.draw.now);
            shadow.apply(&Command {
                index,
                cluster_time,
                operations: vec![operation.clone()],
            });
            operations.push(operation);
        }
        operations
    }

    /// Stamps operations with the next log index, which may leave a gap, and with a time, which may
    /// run backwards.
    fn issue(&mut self, operations: Vec<Operation>) -> Command {
        self.index += self.draw.random.pick(&[1, 1, 1, 1, 2, 7]);
        let late = if self.draw.random.percent(4) {
            SECOND
        } else {
            0
        };
        let cluster_time = self.draw.now.saturating_sub(late);
        self.draw.now += self.draw.random.below(4) * SECOND / 2;
        let command = Command {
            index: self.index,
            cluster_time,
            operations,
        };
        self.model.apply(&command);
        command
    }

    /// More children than are removed one by one, so that their removal is a range; some with
    /// children of their own.
    fn wide_directory(&mut self) -> Vec<Command> {
        let top = self.draw.path(&self.model, 0).child(b"w");
        let width = self.draw.random.between(250, 330);
        let child = |child: u64| {
            let name = format!("{child:03}");
            let mut path = top.child(name.as_bytes());
            if child % 7 == 3 {
                path = path.child(b"_h");
            }
            let (content, lifetime) = (Content::File(Bytes::from(name)), self.draw.lifetime(15));
            self.issue(vec![Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content,
                lifetime,
                refresh: false,
            })])
        };
        let commands = (0..width).map(child).collect();
        self.wide = Some(top);
        commands
    }
}
