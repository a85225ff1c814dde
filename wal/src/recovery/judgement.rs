//! A log that was judged and not yet touched. Guarantees that judging changes nothing, and that what is
//! opened afterwards is what was judged: the log is not read a second time, but for the bytes that are
//! written again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::Identity;
use crate::error::{Context, Error};
use crate::format::name::Name;
use crate::fs::Fs;
use crate::index::Index;
use crate::log::{Parts, Wal};
use crate::options::Options;
use crate::recovery::chain::{Loader, Named};
use crate::recovery::decide::WitnessSays;
use crate::recovery::judge::{self, Judged};
use crate::recovery::{Recovery, adopt_spares, aside, in_place, list, relocate, set_aside};
use crate::segment::{Segment, sync_dir};
use crate::spare::Spares;
use crate::tail::Tail;
use crate::witness::{Witness, WitnessCheck};

/// A log that was read to its end and found whole, or cut at a torn tail. Nothing was changed; until
/// [`Judgement::open`] nothing will be. It holds one open file for each segment.
pub struct Judgement<F: Fs> {
    fs: F,
    dir: PathBuf,
    names: Vec<Name>,
    judged: Judged<F>,
    recovery: Recovery,
}

impl<F: Fs> std::fmt::Debug for Judgement<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judgement")
            .field("dir", &self.dir)
            .field("recovery", &self.recovery)
            .finish_non_exhaustive()
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
) -> Result<Judgement<F>, Error> {
    let witnesses: Vec<Witness> = witnesses.into_iter().copied().collect();
    let names = list(&fs, dir)?;
    let loader = Loader {
        fs: &fs,
        dir,
        expected,
    };
    let judged = judge::judge(&loader, &names, &witnesses)?;
    let recovery = report(&judged);
    Ok(Judgement {
        dir: dir.to_path_buf(),
        fs,
        names,
        judged,
        recovery,
    })
}

/// What was found; what has to be written again as if it had been.
fn report<F: Fs>(judged: &Judged<F>) -> Recovery {
    let (replay, end) = (&judged.replay, &judged.replay.end);
    Recovery {
        identity: judged.chain.newest().header.identity,
        hard_state: end.hard_state,
        base: judged.index.base(),
        first_index: judged.index.first(),
        last_index: end.last.index,
        last_term: end.last.term,
        end: end.durable().into(),
        witness: match judged.says {
            WitnessSays::Nothing => WitnessCheck::NotGiven,
            WitnessSays::Gone => WitnessCheck::Gone,
            // The others were refused.
            WitnessSays::Holds | WitnessSays::Beyond | WitnessSays::Differs => WitnessCheck::Found,
        },
        cut: judged.cut.clone(),
        segments: judged.chain.segments.len(),
        bytes: judged.bytes,
        rewritten_bytes: end.place.offset - replay.proven.place.offset,
        rewritten_groups: replay.unproven.len(),
    }
}

/// A log that is durable to its end.
pub(super) struct Ready<F: Fs> {
    pub(super) index: Index<F>,
    pub(super) current: Arc<Segment<F>>,
    pub(super) tail: Tail,
    /// A segment file of which nothing counts any more.
    pub(super) emptied: Option<PathBuf>,
}

impl<F: Fs> Judgement<F> {
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

    /// Makes what was judged durable and opens it: the steps of **open** at the
    /// [crate root](crate#durable-steps).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::Poisoned`]: the log is as it was or
    /// as it shall be; judge it again. [`Error::Damaged`] when it changed since it was judged.
    pub fn open(self, options: Options) -> Result<(Wal<F>, Recovery), Error> {
        let Self {
            fs,
            dir,
            names,
            mut judged,
            mut recovery,
        } = self;
        let options = options.normal();
        sync_dir(&fs, &dir)?;
        let spares = adopt_spares(&fs, &dir, &options, &names)?;
        if let Some(cut) = &mut recovery.cut {
            aside::keep(&fs, &dir, cut, options.torn_files, &names)?;
        }
        log_what_was_read(&dir, &recovery);
        let sequence = judged.chain.newest_sequence + 1;
        let replaced = std::mem::take(&mut judged.chain.replaced);
        let mut surplus = std::mem::take(&mut judged.chain.surplus);
        surplus.extend(judged.chain.short.take().map(|short| short.path));
        let ready = make_durable(&fs, &dir, &spares, &options, judged, sequence)?;
        recovery.end = ready.tail.durable().into();
        surplus.extend(ready.emptied);
        put_away(&fs, &dir, &surplus, &replaced)?;
        let log = Wal::assemble(Parts {
            fs,
            dir,
            identity: ready.current.header.identity,
            options,
            index: ready.index,
            next_sequence: sequence.max(ready.current.header.sequence + 1),
            current: ready.current,
            tail: ready.tail,
            spares,
        });
        Ok((log, recovery))
    }
}

/// Steps 5 and 6; `sequence` is free for a new segment.
fn make_durable<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    options: &Options,
    mut judged: Judged<F>,
    sequence: u64,
) -> Result<Ready<F>, Error> {
    let newest = Arc::new(judged.chain.newest().writable(fs)?);
    match in_place::write_again(&newest, &judged.replay, judged.torn_end) {
        Ok(()) => {
            judged.index.replace_newest(Arc::clone(&newest));
            Ok(Ready {
                index: judged.index,
                current: newest,
                tail: judged.replay.end,
                emptied: None,
            })
        }
        Err(error @ (Error::Io { .. } | Error::Poisoned { .. })) => {
            tracing::error!(%error, "the log's end could not be written again in its place: it moves to a new segment");
            relocate::relocate(fs, dir, spares, options, &newest, judged.replay, sequence)
        }
        Err(error) => Err(error),
    }
}

/// Step 7. One sync makes all of it durable.
fn put_away<F: Fs>(
    fs: &F,
    dir: &Path,
    surplus: &[PathBuf],
    replaced: &[Named],
) -> Result<(), Error> {
    for path in surplus {
        fs.remove(path).context("remove", path)?;
    }
    set_aside(fs, dir, replaced)?;
    match surplus.is_empty() && replaced.is_empty() {
        true => Ok(()),
        false => sync_dir(fs, dir),
    }
}

fn log_what_was_read(dir: &Path, recovery: &Recovery) {
    if let Some(cut) = &recovery.cut {
        let kept = match &cut.kept_aside {
            Some(path) => format!("kept in {}", path.display()),
            None => "dropped, since the disk has no room to keep them".to_owned(),
        };
        tracing::error!(
            file = %cut.file.display(),
            offset = cut.offset,
            bytes = cut.bytes,
            after_index = cut.after_index,
            "cut {} bytes of a torn write after entry {}, {kept}",
            cut.bytes,
            cut.after_index,
        );
    }
    tracing::info!(
        dir = %dir.display(),
        segments = recovery.segments,
        bytes = recovery.bytes,
        first_index = recovery.first_index,
        last_index = recovery.last_index,
        unproven_groups = recovery.rewritten_groups,
        "log read"
    );
}
