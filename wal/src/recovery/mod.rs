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
mod directory;
mod judge;
mod later;
mod replay;
mod rewrite;

use std::path::{Path, PathBuf};

use crate::entry::{HardState, Identity, Position};
use crate::error::Error;
use crate::fs::Fs;
use crate::log::{Parts, Wal};
use crate::options::Options;
use crate::segment::sync_dir;
use crate::witness::Witness;
use chain::Loader;
pub(crate) use directory::{adopt_spares, list, remove_set_aside, set_aside};
use judge::judge;

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
    });
    Ok((log, report))
}
