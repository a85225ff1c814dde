//! What is left of a damaged log. Guarantees that it holds nothing but the valid entries before the first
//! damage, in order and without a gap, and that reading it changes nothing.

use std::path::Path;
use std::sync::{Arc, RwLock};

use crate::entry::{HardState, Identity, Position};
use crate::error::Error;
use crate::fs::{Fs, OsFs};
use crate::reader::Reader;
use crate::recovery::chain::{Chain, Loader, Named, Unloadable, segments_of};
use crate::recovery::decide::WitnessSays;
use crate::recovery::judge::{refuse_other_history, witnesses_say};
use crate::recovery::list;
use crate::recovery::replay::Reading;
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
    let witnesses: Vec<Witness> = witnesses.into_iter().copied().collect();
    let named = segments_of(&list(fs, dir)?);
    let loader = Loader { fs, dir, expected };
    let (chain, first_lost) = load(&loader, named)?;
    let mut reading = Reading::new(&chain, &witnesses);
    match reading.read(&chain) {
        Ok(_) | Err(Error::Damaged(_)) => {}
        Err(error) => return Err(error),
    }
    refuse_other_history(&chain, &reading)?;
    let says = witnesses_say(&chain, &reading);
    let (mut index, tail) = (reading.index, reading.tail);
    index.cut_after(first_lost.saturating_sub(1));
    let last = index.last();
    let base = index.base();
    Ok(Prefix {
        identity: chain.newest().header.identity,
        base,
        last: Position {
            term: index.term(last).unwrap_or(tail.last.term),
            index: last,
        },
        hard_state: tail.hard_state,
        witness: match says {
            WitnessSays::Nothing => WitnessCheck::NotGiven,
            WitnessSays::Holds => WitnessCheck::Found,
            WitnessSays::Gone | WitnessSays::Beyond | WitnessSays::Differs => WitnessCheck::Gone,
        },
        reader: Reader::new(Arc::new(RwLock::new(index))),
    })
}

/// The segments before the first broken or missing file, and the first entry that is lost with it. What a log
/// that was started again has left behind ends before that entry too.
fn load<F: Fs>(loader: &Loader<'_, F>, mut named: Vec<Named>) -> Result<(Chain<F>, u64), Error> {
    let mut first_lost = u64::MAX;
    loop {
        match loader.load(&named) {
            Ok(chain) => return Ok((chain, first_lost)),
            Err(Unloadable::Other(error)) => return Err(error),
            Err(Unloadable::Broken {
                error,
                sequence,
                first_lost: first,
            }) => {
                named.retain(|segment| segment.sequence < sequence);
                if named.is_empty() {
                    return Err(error);
                }
                first_lost = first;
            }
        }
    }
}
