//! From an opened store and log to running threads.

use std::sync::Arc;
use std::time::Duration;

use wal::fs::OsFs;

use crate::node::alone::is_alone;
use crate::node::consensus::{ConsensusLoop, ConsensusOptions};
use crate::node::context::NodeContext;
use crate::node::data_dir::DataDir;
use crate::node::flusher::Flusher;
use crate::node::log_worker::LogWorker;
use crate::node::peer::Peers;
use crate::node::recovery::origin::LogOrigin;
use crate::node::recovery::{RecoveryError, Replayed};
use crate::node::runtime::Runtime;
use crate::node::snapshot::depot::SnapshotDepot;
use crate::node::snapshot::owner::SnapshotOwner;
use crate::raft::{Parameters, RaftCore, Randomness};

use super::catch_up::{CaughtUp, catch_up, report};
use super::error::StartError;
use super::option::{NewNode, NodeOptions};
use super::phase::Phases;
use super::prepared::{Prepared, Writable, prepare};
use super::read_only::ReadOnlyStore;
use super::started::StartedNode;

/// From open data to running threads. Damage of the store that applying the log meets makes a node that only reads.
pub(super) fn launch(
    options: &NodeOptions,
    data_dir: DataDir,
    writable: Writable,
    phases: &Phases,
) -> Result<StartedNode, StartError> {
    let (mut prepared, source) = prepare(options, writable);
    let new = matches!(source, LogOrigin::Founded(..));
    let log_options = options.wal.clone();
    let caught_up = match catch_up(&data_dir, source, log_options, &mut prepared, phases) {
        Ok(caught_up) => caught_up,
        Err(error) => {
            let store = around(error, &prepared)?;
            return Ok(store.serve(options, data_dir, phases));
        }
    };
    let context = prepared.context.clone();
    report(options, &caught_up.log, &context, new, phases.took());
    let identity = caught_up.log.wal.identity();
    let marker = prepared.worker.marker();
    let disk = marker.disk;
    let learner = marker.conf_state.learners.contains(&identity.member);
    let voters = marker.conf_state.voters.len();
    // Where the log holds a change that is not applied, others may have a say already.
    let alone = is_alone(&marker.conf_state, identity.member) && !caught_up.replayed.changes;
    let depot = depot(options, &context, identity, disk);
    depot.clean();
    let log = &caught_up.log.wal;
    // A lone member has a network, too: others may be added while it runs.
    let peers = (options.connect)(
        &NewNode {
            identity,
            disk,
            learner,
            begun: log.last_index() > 0 || caught_up.replayed.applied > 0,
            files: depot.clone(),
        },
        &context,
    )?;
    let runtime = Some(run(options, prepared, caught_up, peers, depot)?);
    Ok(StartedNode {
        context,
        identity,
        alone,
        learner,
        voters,
        disk,
        runtime,
        data_dir,
    })
}

/// Consensus, the other workers, and their threads.
fn run(
    options: &NodeOptions,
    prepared: Prepared,
    caught_up: CaughtUp,
    peers: Arc<dyn Peers>,
    depot: Arc<SnapshotDepot<OsFs>>,
) -> Result<Runtime<OsFs>, StartError> {
    let Prepared {
        context,
        worker,
        witness,
        flush_requests,
    } = prepared;
    let log = caught_up.log.wal;
    let member = log.identity().member;
    let consensus = consensus(options, member, &context, caught_up.replayed)?;
    let mut log_worker = LogWorker::new(
        log,
        options.data_dir.clone(),
        options.space.clone(),
        witness.clone(),
        context.status.clone(),
        context.metrics.clone(),
    );
    log_worker.delay_syncs(options.sync_delay);
    let flusher = Flusher::new(
        context.store.clone(),
        witness,
        caught_up.witness_file,
        context.status.clone(),
        context.metrics.clone(),
        options.data_dir.clone(),
        options.space.clone(),
    );
    Ok(Runtime::start(
        consensus,
        log_worker,
        worker,
        (flusher, flush_requests),
        context,
        peers,
        depot,
    )?)
}

fn depot(
    options: &NodeOptions,
    context: &NodeContext,
    identity: wal::Identity,
    disk: u64,
) -> Arc<SnapshotDepot<OsFs>> {
    Arc::new(SnapshotDepot::new(SnapshotOwner {
        fs: OsFs,
        data_dir: options.data_dir.clone(),
        space: options.space.clone(),
        store: context.store.clone(),
        storage: options.storage.clone(),
        identity,
        disk,
        clock: context.clock.clone(),
        status: context.status.clone(),
        intake: context.intake.clone(),
        metrics: context.metrics.clone(),
    }))
}

/// What was applied before applying the log met damage of the store. A loss of the log that was accepted stays as it is,
/// for a start with a store that is whole: the log is not touched before all of it is applied.
fn around(error: RecoveryError, prepared: &Prepared) -> Result<ReadOnlyStore, RecoveryError> {
    let damage = error.damage().ok_or(error)?;
    Ok(ReadOnlyStore {
        store: prepared.context.store.clone(),
        marker: prepared.worker.marker().clone(),
        complete: false,
        met: vec![damage],
    })
}

fn consensus(
    options: &NodeOptions,
    member: u64,
    context: &NodeContext,
    replayed: Replayed<OsFs>,
) -> Result<ConsensusLoop<wal::Reader<OsFs>>, StartError> {
    let Replayed { view, applied, .. } = replayed;
    let heartbeat = options.heartbeat.max(Duration::from_millis(1));
    let election_ticks = options.election.as_nanos().div_ceil(heartbeat.as_nanos());
    let parameters = Parameters {
        id: member,
        heartbeat_ticks: 1,
        election_ticks: usize::try_from(election_ticks).unwrap_or(usize::MAX).max(2),
        applied,
    };
    let mut random = SystemRandom::new()?;
    let consensus_options = ConsensusOptions {
        id: member,
        tick: heartbeat,
        first_request: random.next(),
    };
    let core = RaftCore::new(&parameters, view, Box::new(random))?;
    Ok(ConsensusLoop::new(
        core,
        consensus_options,
        context.clock.clone(),
        context.status.clone(),
        context.waiters.clone(),
        context.metrics.clone(),
        applied,
    ))
}

/// For time-outs and request ids, which need to differ between members and between lives of one, not to be secret.
struct SystemRandom(fastrand::Rng);

impl SystemRandom {
    /// Seeded by the kernel.
    fn new() -> std::io::Result<Self> {
        Ok(Self(fastrand::Rng::with_seed(getrandom::u64()?)))
    }
}

impl Randomness for SystemRandom {
    fn next(&mut self) -> u64 {
        self.0.u64(..)
    }
}
