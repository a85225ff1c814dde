//! From an opened store and log to running threads.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wal::fs::OsFs;

use crate::metrics::Metrics;
use crate::node::apply::{context::ApplyContext, worker::ApplyWorker};
use crate::node::consensus::{ConsensusLoop, ConsensusOptions};
use crate::node::context::NodeContext;
use crate::node::data_dir::DataDir;
use crate::node::disk_space::DiskSpace;
use crate::node::flusher::Flusher;
use crate::node::recovery::{RecoveryError, Replayed};
use crate::node::recovery::{origin::LogOrigin, store::OpenedStore};
use crate::node::runtime::Runtime;
use crate::node::runtime::peers::NoPeers;
use crate::node::{batch::SharedWitness, log_worker::LogWorker};
use crate::raft::{Parameters, RaftCore, Randomness};

use super::catch_up::{CaughtUp, catch_up, report};
use super::error::StartError;
use super::option::NodeOptions;
use super::phase::Phases;
use super::read_only::ReadOnlyStore;
use super::started::StartedNode;

/// A store that takes writes.
pub(super) struct Writable {
    pub(super) opened: Box<OpenedStore<OsFs>>,
    /// Families of history that are never compacted again, since they are damaged.
    pub(super) resting: Vec<&'static str>,
    /// The damage that is known.
    pub(super) met: Vec<storage::Damage>,
}

/// From open data to running threads. Damage of the store that applying the log meets makes a node that only reads.
pub(super) fn launch(
    options: &NodeOptions,
    data_dir: DataDir,
    writable: Writable,
    phases: &Phases,
) -> Result<StartedNode, StartError> {
    let OpenedStore {
        store,
        writer,
        marker,
        source,
    } = *writable.opened;
    let metrics = Metrics::new(options.server_version);
    let context = NodeContext::new(
        phases.clock().clone(),
        store,
        &marker,
        options.watchers_max,
        metrics,
    );
    let met = writable.met.iter();
    met.for_each(|damage| context.status.damaged(damage));
    let witness = Arc::new(Mutex::new(source.newest_witness(&marker)));
    let (flush, flush_requests) = sync_channel(1);
    let shared = shared(&context, witness.clone());
    let mut worker = ApplyWorker::new(writer, marker, shared, options.snapshot_count, flush);
    worker.set_resting(writable.resting);
    let new = matches!(source, LogOrigin::Founded(..));
    let log_options = options.wal.clone();
    let caught_up = catch_up(
        &data_dir,
        source,
        log_options,
        &context,
        &mut worker,
        &witness,
        phases,
    );
    let CaughtUp {
        log,
        witness_file,
        replayed,
    } = match caught_up {
        Ok(caught_up) => caught_up,
        Err(error) => {
            let store = around(error, &context, &worker)?;
            return Ok(store.serve(options, data_dir, phases));
        }
    };
    report(options, &log, &context, new, phases.took());
    let identity = log.wal.identity();
    let consensus = consensus(options, identity.member, &context, replayed)?;
    let log_worker = LogWorker::new(
        log.wal,
        options.data_dir.clone(),
        DiskSpace::system(),
        witness.clone(),
        context.status.clone(),
        context.metrics.clone(),
    );
    let flusher = Flusher::new(
        context.store.clone(),
        witness,
        witness_file,
        context.status.clone(),
        context.metrics.clone(),
        options.data_dir.clone(),
    );
    let runtime = Runtime::start(
        consensus,
        log_worker,
        worker,
        flusher,
        flush_requests,
        context.clone(),
        Arc::new(NoPeers),
    )?;
    Ok(StartedNode {
        context,
        identity,
        runtime: Some(runtime),
        data_dir,
    })
}

/// What was applied before applying the log met damage of the store. A loss of the log that was accepted stays as it is,
/// for a start with a store that is whole: the log is not touched before all of it is applied.
fn around(
    error: RecoveryError,
    context: &NodeContext,
    worker: &ApplyWorker,
) -> Result<ReadOnlyStore, RecoveryError> {
    let damage = error.damage().ok_or(error)?;
    Ok(ReadOnlyStore {
        store: context.store.clone(),
        marker: worker.marker().clone(),
        complete: false,
        met: vec![damage],
    })
}

fn shared(context: &NodeContext, witness: SharedWitness) -> ApplyContext {
    ApplyContext {
        hub: context.hub.clone(),
        waiters: context.waiters.clone(),
        status: context.status.clone(),
        counters: context.counters.clone(),
        clock: context.clock.clone(),
        metrics: context.metrics.clone(),
        witness,
    }
}

fn consensus(
    options: &NodeOptions,
    member: u64,
    context: &NodeContext,
    replayed: Replayed<OsFs>,
) -> Result<ConsensusLoop<wal::Reader<OsFs>>, StartError> {
    let Replayed { view, applied } = replayed;
    let heartbeat = options.heartbeat.max(Duration::from_millis(1));
    let election_ticks = options.election.as_nanos().div_ceil(heartbeat.as_nanos());
    let parameters = Parameters {
        id: member,
        heartbeat_ticks: 1,
        election_ticks: usize::try_from(election_ticks).unwrap_or(usize::MAX).max(2),
        applied,
    };
    let mut random = SystemRandom;
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

/// The kernel's generator.
struct SystemRandom;

impl Randomness for SystemRandom {
    fn next(&mut self) -> u64 {
        use std::hash::{BuildHasher, Hasher, RandomState};
        // The standard library seeds its hash maps from the kernel: enough for time-outs and request ids, which
        // need to differ, not to be secret.
        RandomState::new().build_hasher().finish()
    }
}
