//! What is left of a damaged log. Guarantees that it holds nothing but the valid entries before the first
//! damage, in order and without a gap, and that reading it changes nothing.

use std::path::Path;
use std::sync::{Arc, RwLock};

use crate::entry::{HardState, Identity, Position};
use crate::error::Error;
use crate::fs::{Fs, OsFs};
use crate::reader::Reader;
use crate::recovery::groups::ValidGroups;
use crate::replay::{Replay, WitnessSays};
use crate::witness::{Witness, WitnessCheck};

/// The valid entries of a damaged log before its first damage.
///
/// They may be in the page cache alone: make them durable elsewhere before they are relied on.
#[derive(Debug)]
pub struct Prefix<F: Fs = OsFs> {
    reader: Reader<F>,
    identity: Identity,
    base: Position,
    last: Position,
    hard_state: HardState,
    witness: WitnessCheck,
}

impl<F: Fs> Prefix<F> {
    /// Reads the entries.
    #[must_use]
    pub fn reader(&self) -> Reader<F> {
        self.reader.clone()
    }

    /// Whose log it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The entry before the first one.
    #[must_use]
    pub fn base(&self) -> Position {
        self.base
    }

    /// The last valid entry; the base when there is none.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last
    }

    /// The last valid hard state, at or after which everything else is lost.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// Whether the witness vouches for these entries. [`WitnessCheck::Gone`] also when its place lies
    /// behind the damage: then nothing shows that these entries are the store's own history, but for
    /// their identity.
    #[must_use]
    pub fn witness(&self) -> WitnessCheck {
        self.witness
    }
}

/// Reads what a log that [`judge`](crate::judge) refuses holds before its first damage, for an owner who has
/// accepted the loss of the rest: apply these entries, make that durable, then call
/// [`Wal::replace`](crate::Wal::replace). Opens files for reading only and changes nothing.
///
/// It is not for a log that is refused by [`Proof::Witness`](crate::Proof::Witness): that may be another
/// history as a whole. One that contradicts a witness before the damage is refused here too.
///
/// # Errors
/// [`Error::Damaged`] when nothing before the damage can be read,
/// [`Error::NoLog`], [`Error::Foreign`], [`Error::NewerVersion`], [`Error::Io`].
pub fn prefix<'a, F: Fs>(
    fs: &F,
    dir: &Path,
    expected: Option<Identity>,
    witnesses: impl IntoIterator<Item = &'a Witness>,
) -> Result<Prefix<F>, Error> {
    let mut replay = Replay::open(fs.clone(), dir, expected, witnesses)?;
    let ValidGroups { mut index, end, .. } = ValidGroups::read(&mut replay)?;
    let witness = replay.witness_says();
    if witness == WitnessSays::Differs {
        return Err(replay.other_history().into());
    }
    if let Some(lost) = replay.first_lost() {
        index.truncate_after(lost.saturating_sub(1));
    }
    let last = index.last();
    let base = index.base();
    Ok(Prefix {
        identity: replay.identity(),
        base,
        last: Position {
            term: index.term(last).unwrap_or(end.last.term),
            index: last,
        },
        hard_state: end.hard_state,
        witness: witness.check(),
        reader: Reader::new(Arc::new(RwLock::new(index))),
    })
}
