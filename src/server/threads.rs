//! From an opened store and log to running threads.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wal::fs::OsFs;

use crate::config::Config;
use crate::node::apply_worker::{ApplyWorker, Shared};
use crate::node::data_dir::DataDir;
use crate::node::flusher::Flusher;
use crate::node::intake::{Bounds, Intake};
use crate::node::log_worker::LogWorker;
use crate::node::log_worker::SharedWitness;
use crate::node::recovery::{self, OpenLog, RecoveryError, Replayed};
use crate::node::resume::{self, Opened, Source};
use crate::node::runtime::{NoPeers, Runtime, Wiring};
use crate::node::turn::{Settings, Turns};
use crate::node::witness_file::WitnessFile;
use crate::raft::{Core, LogView, Parameters, Randomness};
use crate::service::Facts;

use super::ground::{Ground, facts, ground, service};
use super::phase::Phases;
use super::spared::around;
use super::start::{StartError, Started};

/// From open data to running threads.
pub(super) fn run(
    config: &Config,
    data_dir: DataDir,
    opened: Opened<OsFs>,
    options: wal::Options,
    resting: Vec<&'static str>,
    met: &[storage::Damage],
    phases: &Phases,
) -> Result<Started, StartError> {
    let Opened {
        store,
        writer,
        marker,
        source,
    } = opened;
    let begun = phases.begun();
    let ground = ground(config, store, &marker);
    met.iter().for_each(|damage| ground.status.damaged(damage));
    let witness = Arc::new(Mutex::new(resume::newest_witness(&source, &marker)));
    let (flush, flush_requests) = sync_channel(1);
    let shared = shared(&ground, witness.clone());
    let mut worker = ApplyWorker::new(writer, marker, shared, config.snapshot_count, flush);
    worker.rests(resting);
    let new = matches!(source, Source::Founded(..));
    let caught_up = match catch_up(
        &data_dir,
        source,
        options,
        &ground,
        &mut worker,
        &witness,
        phases,
    ) {
        Ok(caught_up) => caught_up,
        Err(error) => return around(error, config, data_dir, &ground, &worker, begun),
    };
    let CaughtUp {
        log,
        witness_file,
        replayed,
    } = caught_up;
    ground.clock.catch_up(&worker.last_stamp());
    report(config, &log, &ground, new, begun);
    ground.status.set_applied(replayed.applied);
    let facts = facts(config, &log.wal.identity());
    let turns = turns(config, &facts, &ground, replayed.view, replayed.applied)?;
    let log_worker = LogWorker::new(
        log.wal,
        config.data_dir.clone(),
        witness.clone(),
        ground.status.clone(),
        ground.metrics.clone(),
    );
    let flusher = Flusher::new(
        ground.store.clone(),
        witness,
        witness_file,
        ground.status.clone(),
        ground.metrics.clone(),
        config.data_dir.clone(),
    );
    let threads = Threads {
        turns,
        log_worker,
        worker,
        flusher,
        flush_requests,
    };
    launch(threads, ground, facts, data_dir)
}

fn shared(ground: &Ground, witness: SharedWitness) -> Shared {
    Shared {
        hub: ground.hub.clone(),
        waiters: ground.waiters.clone(),
        status: ground.status.clone(),
        counters: ground.counters.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
        witness,
    }
}

/// A store that holds all that its open log has for it.
struct CaughtUp {
    log: OpenLog<OsFs>,
    witness_file: WitnessFile<OsFs>,
    replayed: Replayed<OsFs>,
}

/// Brings the log in order, and the store up to it.
fn catch_up(
    data_dir: &DataDir,
    source: Source<OsFs>,
    options: wal::Options,
    ground: &Ground,
    worker: &mut ApplyWorker,
    witness: &SharedWitness,
    phases: &Phases,
) -> Result<CaughtUp, RecoveryError> {
    let conf_state = worker.marker().conf_state.clone();
    let path = data_dir.path();
    let resumed = resume::log(&OsFs, path, source, options, &ground.store, worker, witness)?;
    let mut log = resumed.log;
    phases.enter("reading the log".to_owned());
    let applied = ground.store.applied().index;
    let replayed = recovery::replay(&mut log, conf_state, applied, worker, &mut |done, all| {
        phases.enter(format!("replaying the log, entry {done} of {all}"));
    })?;
    Ok(CaughtUp {
        log,
        witness_file: resumed.witness_file,
        replayed,
    })
}

fn report(config: &Config, log: &OpenLog<OsFs>, ground: &Ground, new: bool, begun: Instant) {
    let report = &log.report;
    let kept = ground.store.retention();
    let asked = (config.retention_events, config.retention_bytes);
    if !new && (kept.events, kept.bytes) != asked {
        tracing::info!(
            "history keeps {} events and {} bytes, as decided when the cluster was founded",
            kept.events,
            kept.bytes
        );
    }
    ground.metrics.wal_cut_bytes.inc_by(report.cut_bytes);
    if report.restarted {
        ground.metrics.log_replaced.inc();
        ground.metrics.wal_damage.inc();
    } else if let Some(entry) = config.accept_log_loss {
        tracing::warn!("--accept-log-loss={entry} has no effect: nothing of the log is lost");
    }
    if new {
        tracing::info!("a new data directory was made in {:?}", begun.elapsed());
        return;
    }
    tracing::info!(
        "recovered revision {} in {:?}: {} entries replayed from the log, which holds {} to {}; {} bytes of an \
         unsynced tail were cut",
        ground.store.revision(),
        begun.elapsed(),
        report.replayed,
        log.wal.first_index(),
        log.wal.last_index(),
        report.cut_bytes
    );
}

fn turns(
    config: &Config,
    facts: &Facts,
    ground: &Ground,
    view: LogView<wal::Reader<OsFs>>,
    applied: u64,
) -> Result<Turns<wal::Reader<OsFs>>, StartError> {
    let heartbeat = config.heartbeat.max(Duration::from_millis(1));
    let election_ticks = config.election.as_nanos().div_ceil(heartbeat.as_nanos());
    let parameters = Parameters {
        id: facts.member_id,
        heartbeat_ticks: 1,
        election_ticks: usize::try_from(election_ticks).unwrap_or(usize::MAX).max(2),
        applied,
    };
    let mut random = SystemRandom;
    let settings = Settings {
        id: facts.member_id,
        tick: heartbeat,
        first_request: random.next(),
    };
    let core = Core::new(&parameters, view, Box::new(random))?;
    Ok(Turns::new(
        core,
        settings,
        ground.clock.clone(),
        ground.status.clone(),
        ground.waiters.clone(),
        ground.metrics.clone(),
        applied,
    ))
}

/// What the threads will own.
struct Threads {
    turns: Turns<wal::Reader<OsFs>>,
    log_worker: LogWorker<OsFs>,
    worker: ApplyWorker,
    flusher: Flusher<OsFs>,
    flush_requests: Receiver<()>,
}

fn launch(
    threads: Threads,
    ground: Ground,
    facts: Facts,
    data_dir: DataDir,
) -> Result<Started, StartError> {
    let intake = Arc::new(Intake::new(Bounds::default()));
    let wiring = Wiring {
        intake: intake.clone(),
        status: ground.status.clone(),
        waiters: ground.waiters.clone(),
        store: ground.store.clone(),
        peers: Arc::new(NoPeers),
        metrics: ground.metrics.clone(),
    };
    let Threads {
        turns,
        log_worker,
        worker,
        flusher,
        flush_requests,
    } = threads;
    let runtime = Runtime::start(turns, log_worker, worker, flusher, flush_requests, wiring)?;
    Ok(Started {
        service: service(facts, &ground, intake),
        runtime: Some(runtime),
        hub: ground.hub,
        status: ground.status,
        data_dir,
    })
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
