//! Opening a log. Guarantees that nothing on disk changes before the log was read to its end and judged,
//! and that everything the opened log returns is durable.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | 1 read and judge ([`chain`], [`replay`], [`decide`]): [`judge()`] | – | nothing was changed |
//! | 2 sync the directory: from here on [`Judgement::open`] | nothing was changed | names that were only in the cache are durable |
//! | 3 remove `*.tmp`, surplus spares | as 2 | nothing of the log was touched |
//! | 4 copy the cut tail to `torn-*`, sync copy and directory | as 3 | a copy more; the next open keeps it |
//! | 5 write the unproven groups again in their place, zeros over the torn tail ([`in_place`]) | as 4 | any sector of either is old or new: the groups are the same in both, of the tail any part is left, which the next open cuts |
//! | 6 sync the segment, once | as 5 | all groups are durable, nothing lies behind them |
//! | 6b only if 5 or 6 failed: the unproven groups into a fresh segment, publish it ([`relocate`]) | as 5: the old segment still has them | they are durable; the old segment ends where the new one says |
//! | 7 remove surplus segments, set aside those of a replaced log, sync the directory | the next open finds them surplus again | done |
//!
//! Step 6b is one rename (see `segment.rs`), so there is no state between. Steps 4 to 6 are skipped when
//! nothing is unproven and nothing was cut. None of the steps but 4 and 6b needs room on the disk; without
//! room step 4 is left out, so a full disk does not stop a start.

mod aside;
mod chain;
mod decide;
mod directory;
mod head;
mod in_place;
mod judge;
mod judgement;
mod later;
mod prefix;
mod relocate;
mod replay;
mod shown;

use std::path::{Path, PathBuf};

use crate::entry::{HardState, Identity, Position};
use crate::error::Error;
use crate::fs::Fs;
use crate::witness::{Witness, WitnessCheck};
pub(crate) use chain::segments_of;
pub(crate) use directory::{adopt_spares, list, remove_set_aside, set_aside};
pub use judgement::{Judgement, judge};
pub use prefix::{Prefix, prefix};

/// What a log holds, what open finds to do, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whose log it is.
    pub identity: Identity,
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
    /// The end of the log: a mark made of it names exactly this end.
    pub end: Witness,
    /// What came of the witness that the log was judged with.
    pub witness: WitnessCheck,
    /// The torn tail, if there was one.
    pub cut: Option<Cut>,
    /// Segments of the log when it was read.
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
    /// Where its bytes are kept; `None` when the disk had no room for them.
    pub kept_aside: Option<PathBuf>,
}

/// Reads a whole log as open does and changes nothing: for offline checks. What open would cut or write
/// again is reported as if it had been done.
///
/// # Errors
/// As [`judge()`].
pub fn inspect<'a, F: Fs>(
    fs: &F,
    dir: &Path,
    expected: Option<Identity>,
    witnesses: impl IntoIterator<Item = &'a Witness>,
) -> Result<Recovery, Error> {
    let judgement = judge(fs.clone(), dir, expected, witnesses)?;
    Ok(judgement.recovery().clone())
}
