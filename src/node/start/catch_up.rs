//! The log is brought in order, and the store up to it.

use std::time::Duration;

use wal::fs::OsFs;

use crate::node::context::NodeContext;
use crate::node::data_dir::DataDir;
use crate::node::recovery::{self, OpenLog, RecoveryError, Replayed};
use crate::node::recovery::{origin::LogOrigin, resume};
use crate::node::witness_file::WitnessFile;

use super::option::NodeOptions;
use super::phase::Phases;
use super::prepared::Prepared;

/// A store that holds all that its open log has for it.
pub(super) struct CaughtUp {
    pub(super) log: OpenLog<OsFs>,
    pub(super) witness_file: WitnessFile<OsFs>,
    pub(super) replayed: Replayed<OsFs>,
}

/// Nothing is cut from the log, and nothing appended to it, before all of it is applied.
pub(super) fn catch_up(
    data_dir: &DataDir,
    source: LogOrigin<OsFs>,
    options: wal::Options,
    prepared: &mut Prepared,
    phases: &Phases,
) -> Result<CaughtUp, RecoveryError> {
    let Prepared {
        context,
        worker,
        witness,
        ..
    } = prepared;
    let conf_state = worker.marker().conf_state.clone();
    let (path, store) = (data_dir.path(), &context.store);
    let resumed = resume::log(&OsFs, path, source, options, store, worker, witness)?;
    let mut log = resumed.log;
    phases.enter("reading the log".to_owned());
    let applied = store.applied().index;
    let replayed = recovery::replay(&mut log, conf_state, applied, worker, &mut |done, all| {
        phases.enter(format!("replaying the log, entry {done} of {all}"));
    })?;
    replayed.clocks.set(&context.clock, &worker.last_stamp());
    if worker.note_boot()? {
        // One that is under way, or asked for, does as well.
        let _ = worker.flush_request().try_send(());
    }
    context.status.set_applied(replayed.applied);
    Ok(CaughtUp {
        log,
        witness_file: resumed.witness_file,
        replayed,
    })
}

/// Says what a start found; `new` where it founded.
pub(super) fn report(
    options: &NodeOptions,
    log: &OpenLog<OsFs>,
    context: &NodeContext,
    new: bool,
    took: Duration,
) {
    let report = &log.report;
    let kept = context.store.retention();
    if !new && kept != options.retention {
        tracing::info!(
            "history keeps {} events and {} bytes, as decided when the cluster was founded",
            kept.events,
            kept.bytes
        );
    }
    context.metrics.wal_cut_bytes.inc_by(report.cut_bytes);
    if report.restarted {
        context.metrics.log_replaced.inc();
        context.metrics.wal_damage.inc();
    } else if let Some(entry) = options.accept_log_loss {
        tracing::warn!("--accept-log-loss={entry} has no effect: nothing of the log is lost");
    }
    if new {
        tracing::info!("a new data directory was made in {:?}", took);
        return;
    }
    tracing::info!(
        "recovered revision {} in {:?}: {} entries replayed from the log, which holds {} to {}; {} bytes of an \
         unsynced tail were cut",
        context.store.revision(),
        took,
        report.replayed,
        log.wal.first_index(),
        log.wal.last_index(),
        report.cut_bytes
    );
}
