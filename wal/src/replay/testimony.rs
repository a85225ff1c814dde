//! What the witnesses say. Guarantees that each witness whose place the log still holds is held against the
//! chain value there, and that one nobody can check is told from one that is contradicted.

use std::sync::Arc;

use crate::fs::Fs;
use crate::replay::decision::WitnessSays;
use crate::segment::Segment;
use crate::tail::Tail;
use crate::witness::Witness;

/// A witness, and what came of it while reading.
#[derive(Clone, Copy, Debug)]
struct Testimony {
    witness: Witness,
    /// Whether the chain value at the witness's place is the witness's; `None` when no group ended there.
    met: Option<bool>,
}

/// All witnesses that a log is read with, the newest first.
pub(crate) struct Testimonies(Vec<Testimony>);

impl Testimonies {
    pub(crate) fn new<'a>(witnesses: impl IntoIterator<Item = &'a Witness>) -> Self {
        let unheard = |witness: &Witness| Testimony {
            witness: *witness,
            met: None,
        };
        let mut all: Vec<Testimony> = witnesses.into_iter().map(unheard).collect();
        all.sort_by_key(|said| std::cmp::Reverse(said.witness.place));
        Self(all)
    }

    pub(crate) fn newest(&self) -> Option<&Witness> {
        self.0.first().map(|said| &said.witness)
    }

    /// Looks out for their places: the log was read up to `tail`.
    pub(crate) fn see(&mut self, tail: &Tail) {
        for said in &mut self.0 {
            if said.witness.place == tail.place {
                said.met = Some(said.witness.chain == tail.chain);
            }
        }
    }

    /// What they say about a log of these segments that was read up to `tail`: every one must be borne out
    /// whose place is still there, and how far the log must reach is for the newest to say.
    pub(crate) fn say<F: Fs>(&self, segments: &[Arc<Segment<F>>], tail: &Tail) -> WitnessSays {
        let mut all = self.0.iter().map(|said| said.says(segments, tail));
        let newest = all.next().unwrap_or(WitnessSays::Nothing);
        match all.any(|says| says == WitnessSays::Differs) {
            true => WitnessSays::Differs,
            false => newest,
        }
    }
}

impl Testimony {
    fn says<F: Fs>(&self, segments: &[Arc<Segment<F>>], tail: &Tail) -> WitnessSays {
        let witness = &self.witness;
        let holds = |holds| match holds {
            true => WitnessSays::Holds,
            false => WitnessSays::Differs,
        };
        if let Some(met) = self.met {
            return holds(met);
        }
        let place = witness.place;
        if place > tail.place {
            return WitnessSays::Beyond;
        }
        let mut headers = segments.iter().map(|segment| &segment.header).enumerate();
        let Some((at, next)) = headers.find(|(_, next)| next.sequence > place.sequence) else {
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
        match at {
            0 => WitnessSays::Gone,
            _ => WitnessSays::Differs,
        }
    }
}
