//! How a log ends. Guarantees that a log is either whole up to a place that is named, or damaged, with the file,
//! the offset and the entries that are lost.

use std::path::PathBuf;

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::directory::segments_of;
use crate::entry::Place;
use crate::error::Error;
use crate::format::name::Name;
use crate::fs::Fs;
use crate::replay::cursor::{Replay, ReplayStop};
use crate::replay::decision::{Decision, Evidence, Remains, WitnessSays, decide};
use crate::replay::extent;
use crate::replay::head::{BrokenSegment, Loader};
use crate::replay::remainder::{self, Remainder};
use crate::witness::WitnessCheck;

/// How a log ends: the verdict about what lies after its last valid group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEnd {
    /// Nothing of it: the log is whole.
    Clean,
    /// A write that nothing proves to have been synced. The log is whole without it.
    TornTail(TornTail),
    /// Records that were durable are gone. The groups that were given are those before them, or, if the proof is
    /// [`Proof::Witness`], maybe another history.
    Damaged(Box<LogDamage>),
}

/// A torn tail: bytes after the last valid group that nothing proves to have been synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment file.
    pub file: PathBuf,
    /// Where the tail began.
    pub offset: u64,
    /// Its length, as far as it can be told from what was there before.
    pub bytes: u64,
    /// Index of the last entry before it.
    pub after_index: u64,
    /// Where an open keeps its bytes; `None` when the disk had no room for them.
    pub kept_aside: Option<PathBuf>,
}

/// The verdict, and what recovery needs of its grounds.
pub(crate) struct LogVerdict {
    pub(crate) end: LogEnd,
    pub(crate) witness: WitnessSays,
    /// Where the torn tail of the newest segment ends, if it has one.
    pub(crate) torn_end: Option<u64>,
}

impl WitnessSays {
    /// What a log that is not refused says of its witness.
    pub(crate) fn check(self) -> WitnessCheck {
        match self {
            Self::Nothing => WitnessCheck::NotGiven,
            Self::Holds => WitnessCheck::Found,
            Self::Gone | Self::Beyond | Self::Differs => WitnessCheck::Gone,
        }
    }
}

impl<F: Fs> Replay<F> {
    /// Reads what is left of the log and says how it ends.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<LogEnd, Error> {
        Ok(self.verdict()?.end)
    }

    /// Refuses a log of which files are broken or missing, before anything else is read of it.
    pub(crate) fn refuse_broken(&self) -> Result<(), Error> {
        match &self.broken {
            Some(broken) => Err(self.complete_broken(&broken.newest)?.into()),
            None => Ok(()),
        }
    }

    /// The verdict, by the table.
    pub(crate) fn verdict(&mut self) -> Result<LogVerdict, Error> {
        let stop = self.run_to_stop()?;
        let (newest, end) = (self.chain.newest(), self.tail.place.offset);
        let later = match stop {
            ReplayStop::Newest(_) => remainder::look(newest, end, newest.bytes)?,
            ReplayStop::Sealed(_) | ReplayStop::Broken(_) => Remainder::default(),
        };
        let torn_end = later.torn_end.filter(|torn| *torn > end);
        let witness = self.witness_says();
        let evidence = Evidence {
            successor: !matches!(stop, ReplayStop::Newest(_)),
            later_claim: later.claim.is_some_and(|claim| claim.0 > end),
            short: newest.short.is_some(),
            witness,
            remains: match torn_end.is_some() || self.chain.short.is_some() {
                true => Remains::Torn,
                false => Remains::Nothing,
            },
        };
        let end = match decide(evidence) {
            Decision::End => LogEnd::Clean,
            Decision::TornTail => LogEnd::TornTail(self.torn_tail(torn_end)),
            Decision::Damage(_) if witness == WitnessSays::Differs => {
                LogEnd::Damaged(Box::new(self.other_history()))
            }
            Decision::Damage(proof) => LogEnd::Damaged(Box::new(self.damage(stop, &later, proof)?)),
        };
        Ok(LogVerdict {
            end,
            witness,
            torn_end,
        })
    }

    fn run_to_stop(&mut self) -> Result<ReplayStop, Error> {
        loop {
            match &self.stopped {
                Some(stop) => return Ok(stop.clone()),
                None => self.step(|_, _| {})?,
            };
        }
    }

    /// What the witnesses say about the log, as far as it was read.
    pub(crate) fn witness_says(&self) -> WitnessSays {
        self.witnesses.say(&self.chain.segments, &self.tail)
    }

    /// Row A, also where reading stopped at damage: what was read before it may show already that the log is not the
    /// store's.
    pub(crate) fn other_history(&self) -> LogDamage {
        let stopped = self.tail.place;
        let mut segments = self.chain.segments.iter();
        let at = segments.find(|segment| segment.header.sequence == stopped.sequence);
        LogDamage {
            file: at.unwrap_or(self.chain.newest()).path.clone(),
            offset: stopped.offset,
            lost: Lost::Log,
            shown: None,
            proof: Proof::Witness,
            reason: Defect::WitnessDiffers,
        }
    }

    /// Rows B to E.
    fn damage(
        &self,
        stop: ReplayStop,
        later: &Remainder,
        proof: Proof,
    ) -> Result<LogDamage, Error> {
        let segments = &self.chain.segments;
        match stop {
            ReplayStop::Newest(reason) => {
                extent::complete(self.damage_at_end(reason, later, proof), segments)
            }
            ReplayStop::Sealed(damage) => extent::complete(damage, segments),
            ReplayStop::Broken(broken) => self.complete_broken(&broken),
        }
    }

    fn complete_broken(&self, broken: &BrokenSegment) -> Result<LogDamage, Error> {
        let loader = Loader {
            fs: &self.fs,
            dir: &self.dir,
            expected: self.expected,
        };
        extent::complete_broken(&loader, &segments_of(&self.names), broken)
    }

    /// Rows C to E.
    fn damage_at_end(&self, stopped: Defect, later: &Remainder, proof: Proof) -> LogDamage {
        let newest = self.chain.newest();
        let witness = self.witnesses.newest();
        let place = self.tail.place;
        let after = self.tail.last.index;
        let claimed = later.claim.map_or(0, |claim| claim.1);
        let until = later.lost_until(after + 1).unwrap_or(claimed);
        let missing = witness.is_some_and(|witness| witness.place.sequence > place.sequence);
        let witnessed = witness.map(|witness| witness.index);
        let (lost, reason) = match (proof, newest.short) {
            (Proof::LaterGroup, _) => (Lost::up_to(after + 1, until), stopped),
            (_, short) => (
                Lost::Everything {
                    after,
                    at_least: witnessed.filter(|index| *index > after),
                },
                match short {
                    Some(short) => short,
                    None if missing => Defect::MissingSegment,
                    None => stopped,
                },
            ),
        };
        LogDamage {
            file: newest.path.clone(),
            offset: match (proof, newest.short) {
                (Proof::Naming, Some(_)) => newest.bytes,
                _ => place.offset,
            },
            lost,
            shown: None,
            proof,
            reason,
        }
    }

    fn torn_tail(&self, torn_end: Option<u64>) -> TornTail {
        let (file, place, bytes) = match (torn_end, &self.chain.short) {
            (None, Some(short)) => {
                let place = Place {
                    sequence: short.sequence,
                    offset: 0,
                };
                (short.path.clone(), place, short.bytes)
            }
            (torn_end, _) => {
                let place = self.tail.place;
                let bytes = torn_end.unwrap_or(place.offset) - place.offset;
                (self.chain.newest().path.clone(), place, bytes)
            }
        };
        let aside = Name::Torn {
            sequence: place.sequence,
            offset: place.offset,
        };
        TornTail {
            file,
            offset: place.offset,
            bytes,
            after_index: self.tail.last.index,
            kept_aside: Some(self.dir.join(aside.to_string())),
        }
    }
}
