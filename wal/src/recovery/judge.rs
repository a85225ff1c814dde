//! Weighing the evidence. Guarantees that a log is either whole up to a place that is named, or refused
//! with the file, the offset and the entries that are lost.

use std::path::Path;

use crate::entry::Place;
use crate::error::{Damage, Error, Proof, Reason};
use crate::format::name::Name;
use crate::fs::Fs;
use crate::recovery::chain::{Chain, Loader};
use crate::recovery::decide::{Decision, Evidence, Remains, WitnessSays, decide};
use crate::recovery::replay::{self, Replay};
use crate::recovery::{Cut, Recovery};
use crate::witness::Witness;

/// A log that was read and judged.
pub(super) struct Judged<F: Fs> {
    pub(super) chain: Chain<F>,
    pub(super) replay: Replay<F>,
    pub(super) cut: Option<Cut>,
}

/// Reads the log in a directory and decides what it is.
pub(super) fn judge<F: Fs>(
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
    let released = released_too_early(chain, replay, witness).filter(|_| proof == Proof::Witness);
    if let Some(damage) = released {
        return damage;
    }
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

/// The oldest segments are gone although the store has not seen all of them.
fn released_too_early<F: Fs>(
    chain: &Chain<F>,
    replay: &Replay<F>,
    witness: Option<&Witness>,
) -> Option<Damage> {
    let (oldest, base) = (chain.oldest(), replay.index.base());
    let witness = witness.filter(|witness| {
        witness.place.sequence < oldest.header.sequence && witness.index < base.index
    })?;
    Some(Damage {
        file: oldest.path.clone(),
        offset: 0,
        first_index: witness.index + 1,
        last_index: base.index,
        proof: Proof::Witness,
        reason: Reason::MissingSegment,
    })
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
    pub(super) fn report(&self) -> Recovery {
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

    pub(super) fn log(&self, dir: &Path) {
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
