//! Weighing the evidence. Guarantees that a log is either whole up to a place that is named, or refused
//! with the file, the offset and the entries that are lost.

use std::path::Path;

use crate::damage::{Damage, Lost, Proof, Reason};
use crate::entry::Place;
use crate::error::Error;
use crate::format::name::Name;
use crate::fs::Fs;
use crate::index::Index;
use crate::recovery::Cut;
use crate::recovery::chain::{Chain, Loader, segments_of};
use crate::recovery::decide::{Decision, Evidence, Remains, WitnessSays, decide};
use crate::recovery::replay::{Reading, Replay, Testimony};
use crate::recovery::shown;
use crate::witness::Witness;

/// A log that was read and judged.
pub(super) struct Judged<F: Fs> {
    pub(super) chain: Chain<F>,
    /// All valid groups, proven or not.
    pub(super) index: Index<F>,
    pub(super) replay: Replay<F>,
    pub(super) says: WitnessSays,
    pub(super) cut: Option<Cut>,
    /// Where the torn tail of the newest segment ends, if it has one.
    pub(super) torn_end: Option<u64>,
    /// Bytes of groups read.
    pub(super) bytes: u64,
}

/// Reads the log in a directory and decides what it is.
pub(super) fn judge<F: Fs>(
    loader: &Loader<'_, F>,
    names: &[Name],
    witnesses: &[Witness],
) -> Result<Judged<F>, Error> {
    let named = segments_of(names);
    let loaded = loader.load(&named);
    let chain =
        loaded.map_err(|unloadable| shown::complete_unloadable(loader, &named, unloadable))?;
    let mut reading = Reading::new(&chain, witnesses);
    let replay = match reading.read(&chain) {
        Err(Error::Damaged(damage)) => {
            refuse_other_history(&chain, &reading)?;
            return Err(shown::complete(*damage, &chain.segments)?.into());
        }
        replay => replay?,
    };
    let says = witnesses_say(&chain, &reading);
    let end = replay.end.place.offset;
    let torn_end = replay.later.torn_end.filter(|torn| *torn > end);
    let evidence = Evidence {
        // Segments that have one were read whole, or reading has refused them.
        successor: false,
        later_claim: replay.later.claim.is_some_and(|claim| claim.0 > end),
        short: chain.newest().short.is_some(),
        witness: says,
        remains: match torn_end.is_some() || chain.short.is_some() {
            true => Remains::Torn,
            false => Remains::Nothing,
        },
    };
    let cut = match decide(evidence) {
        Decision::End => None,
        Decision::Cut => Some(cut_of(loader.dir, &chain, &replay, torn_end)),
        Decision::Damage(_) if says == WitnessSays::Differs => {
            return Err(other_history(&chain, replay.end.place).into());
        }
        Decision::Damage(proof) => {
            let damage = damage_of(&chain, &replay, reading.newest_witness(), proof);
            return Err(shown::complete(damage, &chain.segments)?.into());
        }
    };
    Ok(Judged {
        chain,
        index: reading.index,
        replay,
        says,
        cut,
        torn_end,
        bytes: reading.bytes,
    })
}

/// Row A where reading stopped at damage: what was read before it may show already that the log is not the
/// store's.
pub(super) fn refuse_other_history<F: Fs>(
    chain: &Chain<F>,
    reading: &Reading<F>,
) -> Result<(), Error> {
    match witnesses_say(chain, reading) {
        WitnessSays::Differs => Err(other_history(chain, reading.tail.place).into()),
        _ => Ok(()),
    }
}

/// What the witnesses say about a log that was read as far as `reading` got: every one must be borne out
/// whose place is still there, and how far the log must reach is for the newest to say.
pub(super) fn witnesses_say<F: Fs>(chain: &Chain<F>, reading: &Reading<F>) -> WitnessSays {
    let mut all = reading
        .witnesses
        .iter()
        .map(|said| witness_says(chain, reading, said));
    let newest = all.next().unwrap_or(WitnessSays::Nothing);
    match all.any(|says| says == WitnessSays::Differs) {
        true => WitnessSays::Differs,
        false => newest,
    }
}

fn witness_says<F: Fs>(chain: &Chain<F>, reading: &Reading<F>, said: &Testimony) -> WitnessSays {
    let witness = &said.witness;
    let holds = |holds| match holds {
        true => WitnessSays::Holds,
        false => WitnessSays::Differs,
    };
    if let Some(met) = said.met {
        return holds(met);
    }
    let place = witness.place;
    if place > reading.tail.place {
        return WitnessSays::Beyond;
    }
    let oldest = chain.oldest().header.sequence;
    let mut headers = chain.segments.iter().map(|segment| &segment.header);
    let Some(next) = headers.find(|next| next.sequence > place.sequence) else {
        // In the newest segment, at a place where no group ends.
        return WitnessSays::Differs;
    };
    if next.starts_log {
        return WitnessSays::Gone;
    }
    if place == next.previous {
        return holds(witness.chain == next.chain_before);
    }
    if place > next.previous {
        // An open that could not write in place repeated in the next segment what lay there, under
        // another chain. Nothing else ends a segment below what was synced of it.
        return match next.rewritten {
            true => WitnessSays::Gone,
            false => WitnessSays::Differs,
        };
    }
    // A witness from before the last release says nothing against the log: the store may have flushed
    // since, and it finds out by its applied index whether the log reaches back far enough. In a segment
    // that is there, no group ends at this place.
    match next.sequence == oldest {
        true => WitnessSays::Gone,
        false => WitnessSays::Differs,
    }
}

fn other_history<F: Fs>(chain: &Chain<F>, stopped: Place) -> Damage {
    let at = chain
        .segments
        .iter()
        .find(|segment| segment.header.sequence == stopped.sequence);
    Damage {
        file: at.unwrap_or(chain.newest()).path.clone(),
        offset: stopped.offset,
        lost: Lost::Log,
        shown: None,
        proof: Proof::Witness,
        reason: Reason::WitnessDiffers,
    }
}

/// Rows C to E.
fn damage_of<F: Fs>(
    chain: &Chain<F>,
    replay: &Replay<F>,
    witness: Option<&Witness>,
    proof: Proof,
) -> Damage {
    let newest = chain.newest();
    let place = replay.end.place;
    let after = replay.end.last.index;
    let claimed = replay.later.claim.map_or(0, |claim| claim.1);
    let until = replay.later.lost_until(after + 1).unwrap_or(claimed);
    let missing = witness.is_some_and(|witness| witness.place.sequence > place.sequence);
    let witnessed = witness.map(|witness| witness.index);
    let (lost, reason) = match (proof, newest.short) {
        (Proof::LaterGroup, _) => (Lost::up_to(after + 1, until), replay.stopped),
        (_, short) => (
            Lost::Everything {
                after,
                at_least: witnessed.filter(|index| *index > after),
            },
            match short {
                Some(short) => short,
                None if missing => Reason::MissingSegment,
                None => replay.stopped,
            },
        ),
    };
    Damage {
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

fn cut_of<F: Fs>(dir: &Path, chain: &Chain<F>, replay: &Replay<F>, torn_end: Option<u64>) -> Cut {
    let (file, place, bytes) = match (torn_end, &chain.short) {
        (None, Some(short)) => {
            let place = Place {
                sequence: short.sequence,
                offset: 0,
            };
            (short.path.clone(), place, short.bytes)
        }
        (torn_end, _) => {
            let place = replay.end.place;
            let bytes = torn_end.unwrap_or(place.offset) - place.offset;
            (chain.newest().path.clone(), place, bytes)
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
        kept_aside: Some(dir.join(aside.to_string())),
    }
}
