//! The log of a node that was here before: opened, salvaged or replaced as the judgement says, and the small files
//! beside it brought up to date.

use std::path::Path;
use std::sync::PoisonError;

use wal::fs::Fs;

use super::error::{RecoveryError, io};
use super::open_log::{OpenLog, RecoveryReport};
use super::origin::LogOrigin;
use super::replay::log_source;
use super::salvage::LostLog;
use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::SharedWitness;
use crate::node::identity_file;
use crate::node::judgement::{PlannedLog, StartPlan};
use crate::node::witness_file::{self, WitnessFile};

/// An open log, with its witness file.
pub struct Resumed<F: Fs> {
    /// The log.
    pub log: OpenLog<F>,
    /// To be kept fresh.
    pub witness_file: WitnessFile<F>,
}

/// Brings the log in order; nothing may be appended before this returned. The worker's log is set on the way, and what
/// it let rest by then stays at rest.
pub fn log<F: Fs>(
    fs: &F,
    data_dir: &Path,
    source: LogOrigin<F>,
    options: wal::Options,
    store: &storage::Store,
    worker: &mut ApplyWorker,
    witness: &SharedWitness,
) -> Result<Resumed<F>, RecoveryError> {
    let resumed = bring_in_order(fs, data_dir, source, options, store, worker, witness)?;
    worker.set_log(log_source(resumed.log.wal.reader()));
    Ok(resumed)
}

fn bring_in_order<F: Fs>(
    fs: &F,
    data_dir: &Path,
    source: LogOrigin<F>,
    options: wal::Options,
    store: &storage::Store,
    worker: &mut ApplyWorker,
    witness: &SharedWitness,
) -> Result<Resumed<F>, RecoveryError> {
    let plan = match source {
        LogOrigin::Founded(wal, witness_file) => {
            let log = OpenLog::new(*wal, 0, worker.marker(), RecoveryReport::default());
            return Ok(Resumed { log, witness_file });
        }
        LogOrigin::Judged(plan) => *plan,
    };
    let StartPlan {
        identity,
        identity_file,
        witness_file,
        applied,
        log,
        ..
    } = plan;
    let lost = LostLog {
        fs: fs.clone(),
        directory: &data_dir.join("wal"),
        identity,
        witness: witness_file.testimony().map(|said| said.witness),
        options,
    };
    let log = match log {
        PlannedLog::Open(judged) => {
            OpenLog::open(*judged, lost.options, applied.index, worker.marker())?
        }
        PlannedLog::Replace(loss) => {
            let marker = worker.marker().clone();
            lost.replace(
                applied.index,
                &marker,
                wal::HardState::default(),
                &loss.why(),
            )?
        }
        PlannedLog::Salvage(loss, prefix) => {
            lost.salvage(&loss, &prefix, applied.index, worker, store)?
        }
        PlannedLog::Finish(judged) => {
            OpenLog::reset(*judged, lost.options, applied.index, worker.marker())?
        }
        PlannedLog::Leave => unreachable!("a store that is only read resumes no log"),
    };
    *witness.lock().unwrap_or_else(PoisonError::into_inner) = log.wal.witness();
    // A log that was reset before the store said so is reset now.
    if log.report.restarted || worker.marker().installed.is_some() {
        worker.refresh_marker()?;
        store.flush()?;
    }
    let first = identity_file == identity_file::FoundIdentity::First;
    let witness_file = bring_up(fs, data_dir, &witness_file, first, &log)?;
    name(fs, data_dir, identity, &identity_file)?;
    Ok(Resumed { log, witness_file })
}

/// A mark of a clean stop is removed, and a file that is damaged or missing made anew; otherwise nothing is written.
fn bring_up<F: Fs>(
    fs: &F,
    directory: &Path,
    found: &witness_file::FoundWitness,
    first_release: bool,
    log: &OpenLog<F>,
) -> Result<WitnessFile<F>, RecoveryError> {
    let failed = io("cannot write", witness_file::path(directory));
    if !log.report.restarted
        && let Some(file) = WitnessFile::resume(fs, directory, found)
            .map_err(io("cannot open", witness_file::path(directory)))?
    {
        return Ok(file);
    }
    if !first_release && !found.is_whole() {
        tracing::error!(
            "{} is {}: it is written anew from the log, which ends at entry {}. It would have told whether the log lost its \
             end: if the disk is to blame, or somebody removed files here, look whether the newest writes are all there",
            witness_file::path(directory).display(),
            found.fault(),
            log.wal.last_index()
        );
    }
    let identity = log.wal.identity();
    WitnessFile::begin(fs, directory, found, identity, log.wal.witness()).map_err(failed)
}

/// Writes an identity file where there is no whole one.
fn name<F: Fs>(
    fs: &F,
    directory: &Path,
    identity: wal::Identity,
    found: &identity_file::FoundIdentity,
) -> Result<(), RecoveryError> {
    let path = identity_file::path(directory);
    match found {
        identity_file::FoundIdentity::Known(_) => return Ok(()),
        identity_file::FoundIdentity::First => {
            tracing::info!("{} is brought to format 2", path.display());
        }
        identity_file::FoundIdentity::Missing
        | identity_file::FoundIdentity::Damaged(_)
        | identity_file::FoundIdentity::Newer(_) => {
            let reason = match found {
                identity_file::FoundIdentity::Damaged(reason) => reason,
                _ => "it is missing",
            };
            tracing::error!(
                "{} is damaged ({reason}): log and store agree on member {:x} of cluster {:x}, so it is written anew",
                path.display(),
                identity.member,
                identity.cluster
            );
        }
    }
    identity_file::write(fs, directory, identity).map_err(io("cannot write", path))
}
