//! A log that was judged and not yet touched. Guarantees that judging changes nothing, and that what is
//! opened afterwards is what was judged: the log is not read a second time, but for the bytes that are
//! written again.

use std::path::{Path, PathBuf};

use crate::entry::Identity;
use crate::error::Error;
use crate::format::name::Name;
use crate::fs::Fs;
use crate::recovery::groups::ValidGroups;
use crate::recovery::report::Recovery;
use crate::replay::{Chain, LogEnd, Replay, TornTail};
use crate::witness::{Witness, WitnessCheck};

/// A log that was read to its end and found whole, its torn tail apart. Nothing was changed; until
/// [`JudgedLog::open`] nothing will be. It holds one open file for each segment.
pub struct JudgedLog<F: Fs> {
    pub(super) fs: F,
    pub(super) dir: PathBuf,
    pub(super) names: Vec<Name>,
    pub(super) chain: Chain<F>,
    pub(super) groups: ValidGroups<F>,
    /// Where the torn tail of the newest segment ends, if it has one.
    pub(super) torn_end: Option<u64>,
    pub(super) recovery: Recovery,
}

impl<F: Fs> std::fmt::Debug for JudgedLog<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JudgedLog")
            .field("dir", &self.dir)
            .field("recovery", &self.recovery)
            .finish_non_exhaustive()
    }
}

impl<F: Fs> JudgedLog<F> {
    /// What the log holds, and what opening it would do.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The end of the log. Equal to a witness taken when the log was last written exactly when not a byte
    /// has come or gone since.
    #[must_use]
    pub fn end(&self) -> Witness {
        self.recovery.end
    }
}

/// Reads the log in `dir` to its end and decides what it is, by the table under "Recovery" at the
/// [crate root](crate#recovery). Opens files for reading only and changes nothing.
///
/// `expected` is whose log it must be, `witnesses` what its owner has seen of it (none, `Some(&one)`, or
/// several kept in different places): each must be borne out as far as the log still holds its place.
///
/// # Errors
/// [`Error::NoLog`], [`Error::Damaged`], [`Error::Foreign`], [`Error::NewerVersion`]: the log is refused. After [`Proof::Witness`](crate::Proof::Witness) it must not be
/// judged again without the witnesses. [`Error::Io`]: it could not be read.
pub fn judge<'a, F: Fs>(
    fs: F,
    dir: &Path,
    expected: Option<Identity>,
    witnesses: impl IntoIterator<Item = &'a Witness>,
) -> Result<JudgedLog<F>, Error> {
    let mut replay = Replay::open(fs, dir, expected, witnesses)?;
    replay.refuse_broken()?;
    let groups = ValidGroups::read(&mut replay)?;
    let verdict = replay.verdict()?;
    let torn_tail = match verdict.end {
        LogEnd::Clean => None,
        LogEnd::TornTail(tail) => Some(tail),
        LogEnd::Damaged(damage) => return Err(Error::Damaged(damage)),
    };
    let recovery = report(&replay, &groups, verdict.witness.check(), torn_tail);
    Ok(JudgedLog {
        fs: replay.fs,
        dir: replay.dir,
        names: replay.names,
        chain: replay.chain,
        groups,
        torn_end: verdict.torn_end,
        recovery,
    })
}

/// Reads a whole log as open does and changes nothing: for offline checks. What open would drop or write
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

/// What was found; what has to be written again as if it had been.
fn report<F: Fs>(
    replay: &Replay<F>,
    groups: &ValidGroups<F>,
    witness: WitnessCheck,
    torn_tail: Option<TornTail>,
) -> Recovery {
    let end = &groups.end;
    Recovery {
        identity: replay.identity(),
        hard_state: end.hard_state,
        base: groups.index.base(),
        first_index: groups.index.first(),
        last_index: end.last.index,
        last_term: end.last.term,
        end: end.durable().into(),
        witness,
        torn_tail,
        segments: replay.chain.segments.len(),
        bytes: replay.bytes,
        rewritten_bytes: end.place.offset - groups.proven.place.offset,
        rewritten_groups: groups.unproven.len(),
    }
}
