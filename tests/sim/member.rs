//! One member between two crashes: consensus, the workers and the intake of a whole node, driven by whoever holds it.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raft::eraftpb::{ConfState, Message, MessageType};
use tokio::sync::oneshot;
use wal::fs::sim::{SimFs, SplitMix64};

use crate::clock::{Clock, SimulatedClock};
use crate::metrics::Metrics;
use crate::node::apply::context::ApplyContext;
use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::{ApplyBatch, LogBatch, LogTask, Persisted, SharedWitness};
use crate::node::cluster_clock::ClusterClock;
use crate::node::consensus::{ConsensusLoop, ConsensusOptions};
use crate::node::disk_space::DiskSpace;
use crate::node::effects::Effects;
use crate::node::founding::{self, Founding};
use crate::node::intake::{Attention, Intake, IntakeLimits};
use crate::node::judgement::{Judgement, Question, judge};
use crate::node::log_worker::LogWorker;
use crate::node::peer::{PeerMessage, SnapshotFiles as _, SnapshotHead, WriteMessage};
use crate::node::recovery::resume::{self, Resumed};
use crate::node::recovery::store::{self, OpenedStore};
use crate::node::recovery::{self, Replayed};
use crate::node::snapshot::{
    self, DepotOptions, ImportedStore, Reception, SnapshotDepot, SnapshotEnd,
};
use crate::node::status::Status;
use crate::node::store_pointer;
use crate::node::waiters::Waiters;
use crate::node::witness_file::WitnessFile;
use crate::raft::{Fetch, Parameters, RaftCore, Randomness};
use crate::watch::Hub;

/// The heartbeat; an election begins after ten of them or more.
pub(super) const TICK: Duration = Duration::from_millis(100);
const CLUSTER: u64 = 77;

struct Seeded(SplitMix64);

impl Randomness for Seeded {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) message: PeerMessage,
}

impl Letter {
    pub(super) fn of(message: Message) -> Self {
        Self {
            from: message.from,
            to: message.to,
            message: PeerMessage::Raft(message),
        }
    }

    /// The message of a snapshot, whose file goes another way.
    pub(super) fn snapshot(&self) -> Option<&Message> {
        match &self.message {
            PeerMessage::Raft(message) if message.get_msg_type() == MessageType::MsgSnapshot => {
                Some(message)
            }
            _ => None,
        }
    }

    /// What tells kinds of messages apart in a trace.
    pub(super) fn kind(&self) -> u64 {
        match &self.message {
            PeerMessage::Raft(message) => message.msg_type as u64,
            PeerMessage::Write(WriteMessage::Offer(offer)) => 0x80 ^ offer.sequence << 16,
            PeerMessage::Write(WriteMessage::Fit(fit)) => 0x82 ^ u64::from(*fit) << 16,
            PeerMessage::Write(WriteMessage::Received { sequence, .. }) => 0x81 ^ sequence << 16,
        }
    }
}

/// What the consensus thread hands out, until a step takes it.
pub(super) struct Outbox {
    id: u64,
    pub(super) log: Vec<LogTask>,
    pub(super) apply: Vec<ApplyBatch>,
    pub(super) letters: Vec<Letter>,
    /// The state of this member is to be written to a file.
    pub(super) exports: bool,
    /// Entries that are to be read for others.
    pub(super) fetches: Vec<Fetch>,
    pub(super) store: storage::Store,
}

impl Effects for Outbox {
    fn persist(&mut self, batch: LogBatch, _: bool) -> Option<Persisted> {
        self.log.push(LogTask::Batch(batch));
        None
    }

    fn apply(&mut self, batch: ApplyBatch, _: bool) -> Option<u64> {
        self.apply.push(batch);
        None
    }

    fn send(&mut self, messages: Vec<Message>) {
        self.letters.extend(messages.into_iter().map(Letter::of));
    }

    fn send_write(&mut self, to: u64, message: WriteMessage) {
        self.letters.push(Letter {
            from: self.id,
            to,
            message: PeerMessage::Write(message),
        });
    }

    fn fetch(&mut self, fetches: Vec<Fetch>) {
        self.fetches.extend(fetches);
    }

    fn export(&mut self) {
        self.exports = true;
    }

    fn next_deadline(&self) -> Option<u64> {
        self.store.next_deadline()
    }
}

/// See the module.
pub(super) struct RunningMember {
    consensus: ConsensusLoop<wal::Reader<SimFs>>,
    log: LogWorker<SimFs>,
    apply: ApplyWorker,
    witness: SharedWitness,
    witness_file: WitnessFile<SimFs>,
    /// Snapshots that took the place of its store.
    pub(super) installed: u64,
    pub(super) outbox: Outbox,
    pub(super) intake: Arc<Intake>,
    pub(super) depot: SnapshotDepot<SimFs>,
    pub(super) status: Arc<Status>,
    pub(super) clock: Arc<SimulatedClock>,
}

/// What does not change from one start of a member to the next.
pub(super) struct MemberPlace<'a> {
    /// Whether it may speak if it is new.
    pub(super) admitted: bool,
    pub(super) id: u64,
    pub(super) voters: &'a [u64],
    /// The log is here, and the small files.
    pub(super) disk: &'a SimFs,
    /// The store is here, on a real disk, and loses what was not flushed.
    pub(super) directory: &'a Path,
}

impl RunningMember {
    /// Founds the member, or starts it again.
    pub(super) fn start(place: &MemberPlace<'_>, clock: Arc<SimulatedClock>, seed: u64) -> Self {
        let machine = Clock::simulated(clock.clone());
        let OpenedStore {
            store,
            writer,
            marker,
            source,
        } = open(place);
        let cluster_clock = match &marker.own {
            None => ClusterClock::resume(machine.clone(), &marker.stamp),
            Some(own) => ClusterClock::resume_among(machine.clone(), own),
        };
        let metrics = Metrics::new("simulated");
        let status = Arc::new(Status::new(machine.clone()));
        let waiters = Arc::new(Waiters::default());
        let witness = Arc::new(Mutex::new(source.newest_witness(&marker)));
        let hub = Hub::new(machine.clone(), store.clone(), 10, metrics.clone());
        let shared = ApplyContext {
            hub: Arc::new(hub),
            waiters: waiters.clone(),
            status: status.clone(),
            counters: Arc::default(),
            clock: cluster_clock.clone(),
            witness: witness.clone(),
            metrics: metrics.clone(),
        };
        let (conf_state, applied) = (marker.conf_state.clone(), store.applied().index);
        let mut apply = ApplyWorker::new(writer, marker, shared, u64::MAX, sync_channel(1).0);
        let (disk, path) = (place.disk, place.directory);
        let resumed = resume::log(
            disk,
            path,
            source,
            wal_options(),
            &store,
            &mut apply,
            &witness,
        );
        let Resumed {
            mut log,
            witness_file,
        } = resumed.expect("the log opens");
        let replayed = recovery::replay(&mut log, conf_state, applied, &mut apply, &mut |_, _| {});
        let mut replayed = replayed.expect("the log replays");
        replayed.view.keep(1 << 10);
        replayed.clocks.set(&cluster_clock, &apply.last_stamp());
        let consensus = consensus(place.id, replayed, seed, |core, options, applied| {
            ConsensusLoop::new(
                core,
                options,
                cluster_clock.clone(),
                status.clone(),
                waiters.clone(),
                metrics.clone(),
                applied,
            )
        });
        let log = LogWorker::new(
            log.wal,
            path.to_owned(),
            DiskSpace::system(),
            witness.clone(),
            status.clone(),
            metrics.clone(),
        );
        let intake = Arc::new(Intake::new(IntakeLimits::default(), machine));
        let depot = SnapshotDepot::new(DepotOptions {
            fs: disk.clone(),
            data_dir: path.to_owned(),
            space: DiskSpace::system(),
            store: store.clone(),
            storage: store_options(),
            identity: identity(place.id),
            disk: place.id,
            clock: cluster_clock,
            status: status.clone(),
            intake: intake.clone(),
            metrics,
        });
        let outbox = Outbox {
            log: Vec::new(),
            apply: Vec::new(),
            letters: Vec::new(),
            exports: false,
            fetches: Vec::new(),
            id: place.id,
            store,
        };
        let mut member = Self {
            consensus,
            log,
            apply,
            witness,
            witness_file,
            installed: 0,
            outbox,
            intake,
            depot,
            status,
            clock,
        };
        if place.admitted {
            member.intake.admit();
        }
        let begun = member.consensus.campaign_if_alone(&mut member.outbox);
        begun.expect("consensus begins");
        member
    }

    /// What the consensus thread does with all that came in.
    pub(super) fn decide(&mut self) {
        let attention = Attention {
            to_applied: false,
            ..self.consensus.attention()
        };
        let inputs = self.intake.take(Duration::ZERO, attention);
        let stepped = self.consensus.step(inputs, &mut self.outbox);
        stepped.expect("consensus goes on");
    }

    /// What the log's thread does with all that was handed to it; what may be sent after the sync.
    pub(super) fn write_log(&mut self) -> Vec<Message> {
        let tasks = std::mem::take(&mut self.outbox.log);
        let mut messages = Vec::new();
        // One by one where a store is installed between them, as one group else.
        let (mut group, mut number) = (Vec::new(), None);
        for mut task in tasks {
            if let LogTask::Batch(batch) = &mut task
                && let Some(store) = batch.install.take()
            {
                let before = self.log.step(std::mem::take(&mut group));
                messages.extend(before.expect("the log works").messages);
                self.install(*store);
            }
            if let LogTask::Batch(batch) = &task {
                number = Some(batch.number);
            }
            group.push(task);
        }
        if !group.is_empty() {
            messages.extend(self.log.step(group).expect("the log works").messages);
        }
        if let Some(number) = number {
            self.intake.persisted(number);
        }
        messages
    }

    fn install(&mut self, store: ImportedStore) {
        let (fs, data_dir) = (self.depot.fs(), self.depot.data_dir());
        let retired = snapshot::install(fs, data_dir, store, &mut self.log, &mut self.apply);
        let retired = retired.expect("installed");
        let path = retired.path().to_owned();
        drop(retired);
        snapshot::remove_store(&path).expect("removed");
        self.installed += 1;
    }

    /// What the thread that reads for followers does.
    pub(super) fn fetch(&mut self) {
        let reader = self.log.reader();
        for fetch in std::mem::take(&mut self.outbox.fetches) {
            self.intake.fetched(fetch.read(&reader));
        }
    }

    /// What the thread that writes the state to a file does.
    pub(super) fn export(&mut self, id: u64) {
        if std::mem::take(&mut self.outbox.exports) {
            self.intake
                .exported(Some(self.depot.export(id).expect("written")));
        }
    }

    /// The head and the bytes of what is sent to another, if it is still there.
    pub(super) fn open(&self, message: &Message) -> Option<(SnapshotHead, Vec<u8>)> {
        let place = message.get_snapshot().get_metadata();
        let source = self.depot.open(place.index, place.term).ok()?;
        let head = SnapshotHead {
            message: message.clone(),
            id: source.id(),
            length: source.length(),
        };
        let bytes = source.read(0, usize::MAX).expect("readable");
        Some((head, bytes))
    }

    /// Takes the state of another, or the first bytes of it; who waits for consensus then.
    pub(super) fn receive(
        &self,
        head: &SnapshotHead,
        bytes: &[u8],
        whole: bool,
    ) -> Option<oneshot::Receiver<SnapshotEnd>> {
        let mut reception = Reception::begin(&self.depot, head).expect("it comes in alone");
        let offset = reception.offset() as usize;
        let end = if whole { bytes.len() } else { bytes.len() / 2 };
        reception
            .take(bytes.get(offset..end).unwrap_or_default())
            .expect("taken");
        whole.then(|| reception.hand_on().expect("a store is made"))
    }

    /// What the store's thread does with all that was handed to it; `each` sees every entry before it is applied.
    pub(super) fn apply(&mut self, mut each: impl FnMut(&wal::Entry)) {
        let batches = std::mem::take(&mut self.outbox.apply);
        batches
            .iter()
            .flat_map(|batch| &batch.entries)
            .for_each(&mut each);
        let intake = &self.intake;
        let applied = self.apply.step(batches, &mut |index| intake.applied(index));
        applied.expect("applied");
    }

    /// A flush of the store; the log keeps `kept` entries below it for followers.
    pub(super) fn flush(&mut self, kept: u64) {
        let durable = self.outbox.store.flush().expect("flushed");
        let through = durable.index.saturating_sub(kept);
        self.outbox.log.push(LogTask::Release(through));
    }

    /// The witness file, kept fresh.
    pub(super) fn testify(&mut self) {
        let witness = *self.witness.lock().expect("nobody panicked");
        self.witness_file.refresh(witness).expect("written");
    }
}

fn wal_options() -> wal::Options {
    wal::Options {
        segment_bytes: 4 << 10,
        background: false,
        ..wal::Options::default()
    }
}

fn store_options() -> storage::StoreOptions {
    storage::StoreOptions {
        node_cache_bytes: 1 << 16,
        cache_bytes: 1 << 18,
        memtable_bytes: 1 << 20,
        ..storage::StoreOptions::default()
    }
}

fn identity(member: u64) -> wal::Identity {
    wal::Identity {
        cluster: CLUSTER,
        member,
    }
}

fn open(place: &MemberPlace<'_>) -> OpenedStore<SimFs> {
    let options = store_options();
    let question = Question {
        directory: place.directory,
        copied: false,
        accept_log_loss: None,
    };
    match judge(place.disk, &question).expect("nothing is damaged") {
        Judgement::Found => {
            let founding = Founding {
                identity: identity(place.id),
                conf_state: ConfState {
                    voters: place.voters.to_vec(),
                    ..ConfState::default()
                },
                disk: place.id,
                storage: options,
                wal: wal_options(),
            };
            let space = DiskSpace::system();
            let founded = founding::found(place.disk, place.directory, &space, founding);
            founded.expect("the member is founded").into()
        }
        Judgement::Start(plan) => {
            let chosen = plan.store_path.clone();
            let opened = store::open_store(place.disk, place.directory, plan, &options);
            store_pointer::remove_others(place.directory, &chosen);
            let (opened, mode, _) = opened.expect("the store opens");
            assert_eq!(mode, storage::Mode::Normal);
            opened
        }
    }
}

fn consensus<T>(
    id: u64,
    replayed: Replayed<SimFs>,
    seed: u64,
    make: impl FnOnce(RaftCore<wal::Reader<SimFs>>, ConsensusOptions, u64) -> T,
) -> T {
    let parameters = Parameters {
        id,
        heartbeat_ticks: 1,
        election_ticks: 10,
        applied: replayed.applied,
    };
    let mut random = Seeded(SplitMix64::new(seed));
    let options = ConsensusOptions {
        id,
        tick: TICK,
        first_request: random.next(),
    };
    let core = RaftCore::new(&parameters, replayed.view, Box::new(random));
    make(core.expect("a valid state"), options, replayed.applied)
}
