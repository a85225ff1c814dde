//! Making a judged log durable. Guarantees that everything it hands over is durable, and that the log is as it was or
//! as it shall be when it fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::directory::{Named, set_aside};
use crate::error::{Context, Error};
use crate::fs::Fs;
use crate::options::Options;
use crate::recovery::groups::ValidGroups;
use crate::recovery::judgement::JudgedLog;
use crate::recovery::parts::{DurableLog, Parts};
use crate::recovery::relocation::relocate;
use crate::recovery::report::Recovery;
use crate::recovery::rewrite;
use crate::recovery::torn_tail;
use crate::segment::{Segment, sync_dir};
use crate::spare::Spares;

impl<F: Fs> JudgedLog<F> {
    /// The steps of the room's head, from 2 on.
    pub(crate) fn recover(self, options: Options) -> Result<(Parts<F>, Recovery), Error> {
        let Self {
            fs,
            dir,
            names,
            mut chain,
            groups,
            torn_end,
            mut recovery,
        } = self;
        let options = options.normal();
        sync_dir(&fs, &dir)?;
        let spares = Spares::adopt(&fs, &dir, &options, &names)?;
        if let Some(tail) = &mut recovery.torn_tail {
            torn_tail::keep_aside(&fs, &dir, tail, options.torn_files, &names)?;
        }
        log_what_was_read(&dir, &recovery);
        let sequence = chain.newest_sequence + 1;
        let replaced = std::mem::take(&mut chain.replaced);
        let mut surplus = std::mem::take(&mut chain.surplus);
        surplus.extend(chain.short.take().map(|short| short.path));
        let durable = make_durable(
            &fs,
            &dir,
            &spares,
            chain.newest(),
            groups,
            torn_end,
            sequence,
        )?;
        recovery.end = durable.tail.durable().into();
        surplus.extend(durable.emptied);
        put_away(&fs, &dir, &surplus, &replaced)?;
        let parts = Parts {
            fs,
            dir,
            identity: durable.current.header.identity,
            options,
            index: durable.index,
            next_sequence: sequence.max(durable.current.header.sequence + 1),
            current: durable.current,
            tail: durable.tail,
            spares,
        };
        Ok((parts, recovery))
    }
}

/// Steps 5 and 6; `sequence` is free for a new segment.
fn make_durable<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    newest: &Segment<F>,
    mut groups: ValidGroups<F>,
    torn_end: Option<u64>,
    sequence: u64,
) -> Result<DurableLog<F>, Error> {
    let newest = Arc::new(newest.writable(fs)?);
    match rewrite::write_again(&newest, &groups, torn_end) {
        Ok(()) => {
            groups.index.replace_newest(Arc::clone(&newest));
            Ok(DurableLog {
                index: groups.index,
                current: newest,
                tail: groups.end,
                emptied: None,
            })
        }
        Err(error @ (Error::Io { .. } | Error::Poisoned { .. })) => {
            tracing::error!(%error, "the log's end could not be written again in its place: it moves to a new segment");
            relocate(fs, dir, spares, &newest, groups, sequence)
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
    if let Some(tail) = &recovery.torn_tail {
        let kept = match &tail.kept_aside {
            Some(path) => format!("kept in {}", path.display()),
            None => "dropped, since the disk has no room to keep them".to_owned(),
        };
        tracing::error!(
            file = %tail.file.display(),
            offset = tail.offset,
            bytes = tail.bytes,
            after_index = tail.after_index,
            "cut {} bytes of a torn write after entry {}, {kept}",
            tail.bytes,
            tail.after_index,
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
