//! From a configuration to a running node: the data directory, the store, the log, and the threads over them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use wal::fs::OsFs;

use crate::config::{Config, Exit};
use crate::identity;
use crate::metrics::Metrics;
use crate::node::Waiters;
use crate::node::apply_worker::{ApplyWorker, Shared};
use crate::node::clock::{ClusterClock, SystemClock};
use crate::node::counters::Counters;
use crate::node::data_dir::{DataDir, DataDirError};
use crate::node::flusher::Flusher;
use crate::node::founding::{self, Founding};
use crate::node::intake::{Bounds, Intake};
use crate::node::judgement::{Judgement, Plan, Question, judge};
use crate::node::log_worker::LogWorker;
use crate::node::marker::Marker;
use crate::node::recovery::{self, OpenLog, RecoveryError};
use crate::node::reserve::{self, Reserve};
use crate::node::resume::{self, Opened, Source};
use crate::node::runtime::{NoPeers, Runtime, Wiring};
use crate::node::status::Status;
use crate::node::turn::{Settings, Turns};
use crate::raft::{ConfState, Core, LogView, Parameters, Randomness};
use crate::service::{Facts, Parts, SERVER_VERSION, Service};
use crate::watch::Hub;

use super::descriptors;
use super::phase::Phases;

/// Time a write or linearizable read may take beside two election time-outs (cluster-and-config 11).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Store or log.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The settings cannot found a cluster, and the directory is empty.
    #[error("{0}")]
    Founding(Exit),
    /// Consensus refuses its state.
    #[error("consensus cannot start from this data: {0}")]
    Consensus(#[from] raft::Error),
    /// No threads.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// Whether the data is at fault, not the settings or the machine.
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::DataDir(error) => {
                matches!(error, DataDirError::Foreign { .. })
            }
            Self::Recovery(error) => error.is_about_data(),
            Self::Consensus(_) => true,
            Self::Founding(_) | Self::System(_) => false,
        }
    }
}

/// A running node.
pub(super) struct Started {
    pub(super) service: Service,
    /// `None` where nothing is written any more.
    pub(super) runtime: Option<Runtime<OsFs>>,
    pub(super) hub: Arc<Hub>,
    pub(super) status: Arc<Status>,
    pub(super) data_dir: DataDir,
}

/// What all later steps need.
struct Ground {
    store: storage::Store,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    waiters: Arc<Waiters>,
    counters: Arc<Counters>,
    hub: Arc<Hub>,
    clock: ClusterClock,
}

/// Judges the directory, opens everything, replays the log and starts the threads.
pub(super) fn node(config: &Config) -> Result<Started, StartError> {
    let begun = Instant::now();
    let mut data_dir = DataDir::open(&config.data_dir)?;
    let phases = Phases::begin("looking at the data directory");
    if reserve::prepare(data_dir.path())? == Reserve::GivenUp {
        tracing::error!(
            "the disk of {} is full: the reserve of {} MiB is given up for this start; free some space",
            data_dir.path().display(),
            reserve::BYTES >> 20
        );
    }
    let question = Question {
        directory: data_dir.path(),
        copied: data_dir.is_copy(),
        accept_log_loss: config.accept_log_loss,
    };
    let judgement = judge(&OsFs, &question)?;
    data_dir.claim()?;
    let way = match judgement {
        Judgement::Found => Way::Run(Box::new(found(config, &data_dir)?), Vec::new(), Vec::new()),
        Judgement::Start(plan) => open(config, &data_dir, plan, &phases)?,
    };
    match way {
        Way::Run(opened, resting, met) => {
            run(config, data_dir, *opened, resting, &met, &phases, begun)
        }
        Way::Read(spared) => Ok(damaged(config, data_dir, spared, begun)),
    }
}

/// How a node goes on.
enum Way {
    /// As usual; history in these families, damaged in these places, is at rest.
    Run(Box<Opened<OsFs>>, Vec<&'static str>, Vec<storage::Damage>),
    /// It serves reads and nothing else.
    Read(Spared),
}

/// What a damaged node serves.
struct Spared {
    store: storage::Store,
    marker: Marker,
    /// Whether the store holds every entry that may have been acknowledged.
    complete: bool,
    met: Vec<storage::Damage>,
}

/// Founds a node on its own; the settings decide its identity only this once.
fn found(config: &Config, data_dir: &DataDir) -> Result<Opened<OsFs>, StartError> {
    if let Some(obstacle) = &config.founding_obstacle {
        return Err(StartError::Founding(obstacle.clone()));
    }
    let member = identity::member_id(&config.advertise_peer, &config.initial_cluster_token);
    let founding = Founding {
        identity: wal::Identity {
            cluster: identity::cluster_id(&[member]),
            member,
        },
        conf_state: resume::sole_voter(member),
        storage: storage_options(config),
        wal: wal::Options::default(),
    };
    let founded = founding::found(&OsFs, data_dir.path(), founding)?;
    Ok(founded.into())
}

fn open(
    config: &Config,
    data_dir: &DataDir,
    plan: Box<Plan<OsFs>>,
    phases: &Phases,
) -> Result<Way, StartError> {
    phases.enter("opening the store".to_owned());
    let complete = plan.complete;
    let options = storage_options(config);
    let (opened, mode, met) = resume::open_store(data_dir.path(), plan, &options)?;
    Ok(match mode {
        storage::Mode::Normal => Way::Run(Box::new(opened), Vec::new(), met),
        storage::Mode::WithoutCompaction(resting) => Way::Run(Box::new(opened), resting, met),
        storage::Mode::ReadOnly => Way::Read(Spared {
            store: opened.store,
            marker: opened.marker,
            complete,
            met,
        }),
    })
}

/// A node that serves the reads that its damaged store allows, and nothing else: no thread works on it.
fn damaged(config: &Config, data_dir: DataDir, spared: Spared, begun: Instant) -> Started {
    let Spared {
        store,
        marker,
        complete,
        met,
    } = spared;
    let ground = ground(config, store, &marker);
    for damage in &met {
        ground.status.damaged(damage);
        ground.status.end_writes(damage);
    }
    let applied = ground.store.applied().index;
    ground.status.set_applied(applied);
    if complete {
        ground.status.set_complete();
    }
    let intake = Arc::new(Intake::new(Bounds::default()));
    if let Some(failure) = ground.status.refuses_writes() {
        intake.close(failure);
    }
    tracing::error!(
        "the store is damaged, so this node only serves reads: revision {}, entry {applied} of the log, opened in {:?}; \
         {}. Nothing is written or deleted; the damaged part answers with an error. {}",
        ground.store.revision(),
        begun.elapsed(),
        if complete {
            "nothing that was acknowledged is missing"
        } else {
            "newer entries are in the log and are not applied, so plain reads are refused and only those with local=true \
             are served"
        },
        "Restore the directory from a copy, or load a listing of what can be read into a new node with 'etcdctl import'"
    );
    let identity = wal::Identity {
        cluster: marker.cluster,
        member: marker.member,
    };
    let facts = facts(config, &identity);
    Started {
        service: service(facts, &ground, intake),
        runtime: None,
        hub: ground.hub,
        status: ground.status,
        data_dir,
    }
}

/// From open data to running threads.
fn run(
    config: &Config,
    data_dir: DataDir,
    opened: Opened<OsFs>,
    resting: Vec<&'static str>,
    met: &[storage::Damage],
    phases: &Phases,
    begun: Instant,
) -> Result<Started, StartError> {
    let Opened {
        store,
        writer,
        marker,
        source,
    } = opened;
    let applied = store.applied();
    let ground = ground(config, store, &marker);
    met.iter().for_each(|damage| ground.status.damaged(damage));
    let witness = Arc::new(Mutex::new(resume::newest_witness(&source, &marker)));
    let shared = Shared {
        hub: ground.hub.clone(),
        waiters: ground.waiters.clone(),
        status: ground.status.clone(),
        counters: ground.counters.clone(),
        clock: ground.clock.clone(),
        witness: witness.clone(),
        metrics: ground.metrics.clone(),
    };
    let conf_state = marker.conf_state.clone();
    let (flush, flush_requests) = sync_channel(1);
    let mut worker = ApplyWorker::new(writer, marker, shared, config.snapshot_count, flush);
    worker.rests(resting);
    let new = matches!(source, Source::Founded(..));
    let resumed = resume::log(
        &OsFs,
        data_dir.path(),
        source,
        wal::Options::default(),
        &ground.store,
        &mut worker,
        &witness,
    );
    let resumed = match resumed {
        Ok(resumed) => resumed,
        Err(error) => return around(error, config, data_dir, &ground, &worker, begun),
    };
    let (mut log, witness_file) = (resumed.log, resumed.witness_file);
    let applied = applied.index.max(ground.store.applied().index);
    let replayed = match replay(&mut log, conf_state, applied, &mut worker, phases) {
        Ok(replayed) => replayed,
        Err(error) => return around(error, config, data_dir, &ground, &worker, begun),
    };
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

/// Three quarters of the cache hold decoded nodes: a hit there costs a thirtieth of one in RocksDB's blocks, and what
/// those miss is mostly in the kernel's page cache.
fn storage_options(config: &Config) -> storage::Options {
    let cache = usize::try_from(config.cache_bytes).unwrap_or(usize::MAX);
    let cache_bytes = cache / 4;
    let usual = storage::Options::default();
    storage::Options {
        cache_bytes,
        node_cache_bytes: cache - cache_bytes,
        max_open_files: descriptors::for_store(config, usual.max_open_files),
        ..usual
    }
}

fn ground(config: &Config, store: storage::Store, marker: &Marker) -> Ground {
    let metrics = Metrics::new(SERVER_VERSION);
    Ground {
        hub: Arc::new(Hub::new(
            store.clone(),
            config.max_watchers,
            metrics.clone(),
        )),
        clock: ClusterClock::resume(Arc::new(SystemClock::new()), &marker.stamp),
        status: Arc::default(),
        waiters: Arc::default(),
        counters: Arc::default(),
        metrics,
        store,
    }
}

/// Applying the log met damage of the store: what was applied before it is served. A loss of the log that was accepted
/// stays as it is, for a start with a store that is whole: the log is not touched before all of it is applied.
fn around(
    error: RecoveryError,
    config: &Config,
    data_dir: DataDir,
    ground: &Ground,
    worker: &ApplyWorker,
    begun: Instant,
) -> Result<Started, StartError> {
    let damage = error.damage().ok_or(error)?;
    let spared = Spared {
        store: ground.store.clone(),
        marker: worker.marker().clone(),
        complete: false,
        met: vec![damage],
    };
    Ok(damaged(config, data_dir, spared, begun))
}

fn replay(
    log: &mut OpenLog<OsFs>,
    conf_state: ConfState,
    applied: u64,
    worker: &mut ApplyWorker,
    phases: &Phases,
) -> Result<recovery::Replayed<OsFs>, RecoveryError> {
    phases.enter("reading the log".to_owned());
    recovery::replay(log, conf_state, applied, worker, &mut |done, all| {
        phases.enter(format!("replaying the log, entry {done} of {all}"));
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

fn facts(config: &Config, identity: &wal::Identity) -> Facts {
    Facts {
        member_id: identity.member,
        name: config.name.clone(),
        cluster_id: identity.cluster,
        vocabulary: config.vocabulary,
        default_read: config.default_read,
        request_timeout: REQUEST_TIMEOUT + 2 * config.election,
        max_value_bytes: usize::try_from(config.max_request_bytes).unwrap_or(usize::MAX),
        start_time: SystemTime::now(),
    }
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

fn service(facts: Facts, ground: &Ground, intake: Arc<Intake>) -> Service {
    Service::new(Parts {
        facts,
        store: ground.store.clone(),
        hub: ground.hub.clone(),
        intake,
        waiters: ground.waiters.clone(),
        status: ground.status.clone(),
        counters: ground.counters.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
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
