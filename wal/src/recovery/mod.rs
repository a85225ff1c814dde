//! Opening a log. Guarantees that nothing on disk changes before the log was read to its end and judged,
//! and that everything the opened log returns is durable.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | 1 read and judge ([`chain`], [`replay`], [`decide`]) | – | nothing was changed |
//! | 2 sync the directory | nothing was changed | names that were only in the cache are durable |
//! | 3 remove `*.tmp`, surplus spares | as 2 | nothing of the log was touched |
//! | 4 copy the cut tail to `torn-*`, sync it | as 3 | a copy more; the next open makes it again |
//! | 5 write the unproven groups into a fresh segment, publish it | as 4: the old segment still has them | they are durable; the old segment ends where the new one says |
//! | 6 remove surplus segments, sync the directory | the next open finds them surplus again | done |
//!
//! Step 5 is one rename (see `segment.rs`), so there is no state between. It is skipped when nothing is
//! unproven and nothing was cut. Running out of space in any step fails the open and changes nothing
//! of the log.

mod chain;
mod decide;
mod later;
mod replay;
mod rewrite;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::entry::{HardState, Identity, Place, Position};
use crate::error::{Context, Damage, Error, Proof, Reason};
use crate::format::name::Name;
use crate::fs::Fs;
use crate::log::{Parts, Wal};
use crate::options::Options;
use crate::segment::sync_dir;
use crate::spare::Spares;
use crate::witness::Witness;
use chain::{Chain, Loader};
use decide::{Decision, Evidence, Remains, WitnessSays, decide};
use replay::Replay;

/// What open found, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Last hard state of the log.
    pub hard_state: HardState,
    /// The entry before the first one.
    pub base: Position,
    /// Index of the first entry, or where it would be.
    pub first_index: u64,
    /// Index of the last entry, of the base when there is none.
    pub last_index: u64,
    /// Term of that entry.
    pub last_term: u64,
    /// The torn tail, if there was one.
    pub cut: Option<Cut>,
    /// Segments of the log, before open added one.
    pub segments: usize,
    /// Bytes of groups that were read and checked.
    pub bytes: u64,
    /// Bytes of groups that were not proven durable and so written again.
    pub rewritten_bytes: u64,
    /// Groups that were written again.
    pub rewritten_groups: usize,
}

/// A torn tail: bytes after the last valid group that nothing proves to have been synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub file: PathBuf,
    /// Where the tail began.
    pub offset: u64,
    /// Its length, as far as it can be told from what was there before.
    pub bytes: u64,
    /// Index of the last entry before it.
    pub after_index: u64,
    /// Where its bytes are kept.
    pub kept_aside: PathBuf,
}

/// A log that was read and judged.
struct Judged<F: Fs> {
    chain: Chain<F>,
    replay: Replay<F>,
    cut: Option<Cut>,
}

/// Reads a whole log as open does and changes nothing: for offline checks. What open would cut or write
/// again is reported as if it had been done.
///
/// # Errors
/// As [`Wal::open`](crate::Wal::open).
pub fn inspect<F: Fs>(
    fs: &F,
    dir: &Path,
    expected: Option<Identity>,
    witness: Option<&Witness>,
) -> Result<Recovery, Error> {
    let names = list(fs, dir)?;
    let loader = Loader {
        fs,
        dir,
        expected,
        writable: false,
    };
    let mut judged = judge(&loader, &names, witness)?;
    let unproven = std::mem::take(&mut judged.replay.unproven);
    let mut report = judged.report();
    report.rewritten_groups = unproven.len();
    report.rewritten_bytes = judged.replay.end.place.offset - judged.replay.proven.place.offset;
    for group in &unproven {
        if judged.replay.index.apply(group).is_err() {
            break;
        }
    }
    report.base = judged.replay.index.base();
    report.first_index = judged.replay.index.first();
    Ok(report)
}

/// See [`Wal::open`](crate::Wal::open).
pub(crate) fn open<F: Fs>(
    fs: F,
    dir: &Path,
    expected: Option<Identity>,
    witness: Option<&Witness>,
    options: Options,
) -> Result<(Wal<F>, Recovery), Error> {
    let options = options.normal();
    let names = list(&fs, dir)?;
    let loader = Loader {
        fs: &fs,
        dir,
        expected,
        writable: true,
    };
    let judged = judge(&loader, &names, witness)?;
    judged.log(dir);
    sync_dir(&fs, dir)?;
    let spares = adopt_spares(&fs, dir, &options, &names)?;
    let mut report = judged.report();
    let ready = rewrite::make_durable(&fs, dir, &spares, &options, judged, &names)?;
    report.rewritten_bytes = ready.rewritten_bytes;
    report.rewritten_groups = ready.rewritten_groups;
    report.base = ready.index.base();
    report.first_index = ready.index.first();
    let log = Wal::assemble(Parts {
        fs,
        dir: dir.to_path_buf(),
        identity: ready.current.header.identity,
        options,
        index: ready.index,
        current: ready.current,
        next_sequence: ready.next_sequence,
        tail: ready.tail,
        spares,
    })?;
    Ok((log, report))
}

/// What is in the directory, foreign names apart.
pub(crate) fn list<F: Fs>(fs: &F, dir: &Path) -> Result<Vec<Name>, Error> {
    let names = match fs.list(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::NoLog {
                path: dir.to_path_buf(),
            });
        }
        other => other.context("list", dir)?,
    };
    Ok(names.iter().filter_map(|name| Name::parse(name)).collect())
}

/// Takes over the spares that are there and removes what was left half made.
pub(crate) fn adopt_spares<F: Fs>(
    fs: &F,
    dir: &Path,
    options: &Options,
    names: &[Name],
) -> Result<Spares<F>, Error> {
    let spares = Spares::new(
        fs.clone(),
        dir,
        options.segment_bytes,
        options.spare_segments,
    );
    for name in names {
        let path = dir.join(name.to_string());
        let wanted = match *name {
            Name::Spare(number) => {
                spares.avoid(number);
                spares.offer(number, fs.len(&path).context("measure", &path)?)
            }
            Name::Unfinished(number) => {
                spares.avoid(number);
                false
            }
            _ => continue,
        };
        if !wanted {
            fs.remove(&path).context("remove", &path)?;
        }
    }
    Ok(spares)
}

/// Renames the segments of a log that was replaced, so that they are out of the way but not gone.
pub(crate) fn set_aside<F: Fs>(fs: &F, dir: &Path, names: &[Name]) -> Result<(), Error> {
    for name in names {
        if let Name::Segment {
            sequence,
            first_index,
        } = *name
        {
            let from = dir.join(name.to_string());
            let to = dir.join(
                Name::Damaged {
                    sequence,
                    first_index,
                }
                .to_string(),
            );
            fs.rename(&from, &to).context("rename", &from)?;
        }
    }
    sync_dir(fs, dir)
}

/// Removes what an earlier [`set_aside`] left: one damaged log is kept, not all there ever were.
pub(crate) fn remove_set_aside<F: Fs>(fs: &F, dir: &Path) -> Result<(), Error> {
    for name in list(fs, dir)? {
        if matches!(name, Name::Damaged { .. }) {
            let path = dir.join(name.to_string());
            fs.remove(&path).context("remove", &path)?;
        }
    }
    Ok(())
}

fn judge<F: Fs>(
    loader: &Loader<'_, F>,
    names: &[Name],
    witness: Option<&Witness>,
) -> Result<Judged<F>, Error> {
    let chain = loader.load(names)?;
    let replay = replay::replay(&chain, witness)?;
    let says = match witness {
        None => WitnessSays::Nothing,
        Some(witness) => witness_says(&chain, &replay, witness),
    };
    let torn = replay
        .later
        .torn_end
        .filter(|end| *end > replay.end.place.offset);
    let remains = match torn.is_some() || chain.short.is_some() {
        true => Remains::Torn,
        false => Remains::Nothing,
    };
    let evidence = Evidence {
        // Segments that have one were read whole, or `replay` has refused them.
        successor: false,
        later_claim: replay
            .later
            .claim
            .is_some_and(|claim| claim.0 > replay.end.place.offset),
        witness: says,
        remains,
    };
    let cut = match decide(evidence) {
        Decision::End => None,
        Decision::Cut => Some(cut_of(loader.dir, &chain, &replay, torn)),
        Decision::Damage(proof) => {
            return Err(damage_of(&chain, &replay, witness, says, proof).into());
        }
    };
    Ok(Judged { chain, replay, cut })
}

/// What the witness says about a log that was read through.
fn witness_says<F: Fs>(chain: &Chain<F>, replay: &Replay<F>, witness: &Witness) -> WitnessSays {
    let (place, end) = (witness.place, replay.end.place);
    if let Some(met) = replay.witness_met {
        return if met {
            WitnessSays::Holds
        } else {
            WitnessSays::Differs
        };
    }
    if place > end {
        return WitnessSays::Beyond;
    }
    let oldest = &chain.oldest().header;
    let successor = chain
        .segments
        .iter()
        .find(|next| next.header.sequence > place.sequence);
    let contradicts = match successor.map(|next| &next.header) {
        // In the newest segment, at a place where no group ends.
        None => true,
        Some(next) if next.sequence == oldest.sequence && next.starts_log => false,
        // An open that did not know this witness repeated what lay there in the next segment. Indexes
        // prove nothing here, since a conflicting tail may have been replaced since: the store finds
        // out by its applied index whether the log reaches far enough.
        Some(next) if place > next.previous => !next.rewritten,
        Some(next) if place == next.previous => witness.chain != next.chain_before,
        // Released since, which needs a witness of a later flush; or no group ends there.
        Some(next) => next.sequence != oldest.sequence || witness.index < replay.index.base().index,
    };
    if contradicts {
        WitnessSays::Differs
    } else {
        WitnessSays::Holds
    }
}

fn damage_of<F: Fs>(
    chain: &Chain<F>,
    replay: &Replay<F>,
    witness: Option<&Witness>,
    says: WitnessSays,
    proof: Proof,
) -> Damage {
    let place = replay.end.place;
    let newest = chain.newest();
    let first_index = replay.end.last.index + 1;
    let claimed = replay.later.claim.map_or(0, |claim| claim.1);
    let witnessed = witness.map_or(0, |witness| witness.index);
    let missing = witness.is_some_and(|witness| witness.place.sequence > place.sequence);
    let reason = match (says, proof) {
        (WitnessSays::Differs, Proof::Witness) => Reason::WitnessDiffers,
        _ if missing => Reason::MissingSegment,
        _ => replay.stopped,
    };
    Damage {
        file: newest.path.clone(),
        offset: place.offset,
        first_index,
        last_index: replay
            .later
            .lost_until(first_index)
            .unwrap_or(claimed.max(witnessed)),
        proof,
        reason,
    }
}

fn cut_of<F: Fs>(dir: &Path, chain: &Chain<F>, replay: &Replay<F>, torn: Option<u64>) -> Cut {
    let newest = chain.newest();
    let (file, place, bytes) = match (torn, &chain.short) {
        (None, Some(short)) => {
            let place = Place {
                sequence: short.sequence,
                offset: 0,
            };
            (short.path.clone(), place, short.bytes)
        }
        (torn, _) => {
            let place = replay.end.place;
            let bytes = torn.unwrap_or(place.offset) - place.offset;
            (newest.path.clone(), place, bytes)
        }
    };
    let aside = Name::Torn {
        sequence: place.sequence,
        offset: place.offset,
    };
    Cut {
        file,
        offset: place.offset,
        bytes,
        after_index: replay.end.last.index,
        kept_aside: dir.join(aside.to_string()),
    }
}

impl<F: Fs> Judged<F> {
    fn report(&self) -> Recovery {
        let end = &self.replay.end;
        Recovery {
            hard_state: end.hard_state,
            base: self.replay.index.base(),
            first_index: self.replay.index.first(),
            last_index: end.last.index,
            last_term: end.last.term,
            cut: self.cut.clone(),
            segments: self.chain.segments.len(),
            bytes: self.replay.bytes,
            rewritten_bytes: 0,
            rewritten_groups: 0,
        }
    }

    fn log(&self, dir: &Path) {
        let end = &self.replay.end;
        if let Some(cut) = &self.cut {
            tracing::error!(
                file = %cut.file.display(),
                offset = cut.offset,
                bytes = cut.bytes,
                after_index = cut.after_index,
                kept_aside = %cut.kept_aside.display(),
                "cut {} bytes of a torn write after entry {}",
                cut.bytes,
                cut.after_index,
            );
        }
        tracing::info!(
            dir = %dir.display(),
            segments = self.chain.segments.len(),
            bytes = self.replay.bytes,
            first_index = self.replay.index.first(),
            last_index = end.last.index,
            unproven_groups = self.replay.unproven.len(),
            "log read"
        );
    }
}
