//! One member between two crashes: consensus, the workers and the intake of a whole node, driven by whoever holds it.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raft::eraftpb::{ConfState, Message};
use wal::fs::sim::{SimFs, SplitMix64};

use crate::clock::{Clock, SimulatedClock};
use crate::metrics::Metrics;
use crate::node::apply::context::ApplyContext;
use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::{ApplyBatch, JudgedChange, LogBatch, LogTask, Persisted, SharedWitness};
use crate::node::change::{self, ChangeError};
use crate::node::cluster_clock::ClusterClock;
use crate::node::consensus::{ConsensusLoop, ConsensusOptions};
use crate::node::disk_space::DiskSpace;
use crate::node::effects::Effects;
use crate::node::founding::{self, Founding};
use crate::node::intake::{Attention, Intake, IntakeLimits};
use crate::node::judgement::{Judgement, Question, judge};
use crate::node::log_worker::LogWorker;
use crate::node::peer::{PeerMessage, WriteMessage};
use crate::node::recovery::resume::{self, Resumed};
use crate::node::recovery::store::{self, OpenedStore};
use crate::node::recovery::{self, Replayed};
use crate::node::snapshot::depot::SnapshotDepot;
use crate::node::snapshot::owner::SnapshotOwner;
use crate::node::status::Status;
use crate::node::store_pointer;
use crate::node::volume::Volume;
use crate::node::waiters::Waiters;
use crate::node::witness_file::WitnessFile;
use crate::raft::{Fetch, Parameters, RaftCore, Randomness};
use crate::watch::Hub;

/// The heartbeat; an election begins after ten of them or more.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// Ticks of the shortest election time-out.
pub(super) const ELECTION_TICKS: u32 = 10;
/// Small enough to be met.
pub(super) const INTAKE: IntakeLimits = IntakeLimits {
    requests: 24,
    bytes: 8 << 10,
    messages: 64,
    message_bytes: 64 << 10,
};
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

    /// What tells kinds of messages apart in a trace.
    pub(super) fn kind(&self) -> u64 {
        match &self.message {
            PeerMessage::Raft(message) => message.msg_type as u64,
            PeerMessage::Write(WriteMessage::Offer(offer)) => 0x80 ^ offer.sequence << 16,
            PeerMessage::Write(WriteMessage::Fit(fit)) => 0x82 ^ u64::from(*fit) << 16,
            PeerMessage::Write(WriteMessage::Time { term, .. }) => 0x83 ^ term << 16,
            PeerMessage::Write(WriteMessage::Decided(writes)) => 0x84 ^ (writes.len() as u64) << 16,
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
    /// That file may go.
    pub(super) discards: bool,
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
        let from = |message: &Message| message.from;
        let others = messages.iter().map(from).find(|from| *from != self.id);
        assert_eq!(others, None, "member {} speaks for another", self.id);
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

    fn discard_export(&mut self) {
        self.discards = true;
    }

    fn judge(
        &self,
        before: &ConfState,
        entry: &wal::Entry,
    ) -> Result<Option<JudgedChange>, ChangeError> {
        change::judge_in(&self.store, before, entry)
    }

    fn next_deadline(&self) -> Option<u64> {
        self.store.next_deadline()
    }
}

/// See the module.
pub(super) struct RunningMember {
    consensus: ConsensusLoop<wal::Reader<SimFs>>,
    pub(super) log: LogWorker<SimFs>,
    pub(super) apply: ApplyWorker,
    witness: SharedWitness,
    witness_file: WitnessFile<SimFs>,
    /// Snapshots that took the place of its store.
    pub(super) installed: u64,
    pub(super) outbox: Outbox,
    pub(super) intake: Arc<Intake>,
    pub(super) depot: SnapshotDepot<SimFs>,
    pub(super) status: Arc<Status>,
    pub(super) clock: Arc<SimulatedClock>,
    cluster_clock: ClusterClock,
    pub(super) hub: Arc<Hub>,
    pub(super) waiters: Arc<Waiters>,
}

/// What does not change from one start of a member to the next.
pub(super) struct MemberPlace<'a> {
    /// Whether it may speak if it is new.
    pub(super) admitted: bool,
    pub(super) id: u64,
    /// Whom it is founded with, or is told of when it joins.
    pub(super) conf_state: ConfState,
    /// The log is here, and the small files.
    pub(super) disk: &'a SimFs,
    /// The store is here, on a real disk, and loses what was not flushed.
    pub(super) directory: &'a Path,
    pub(super) space: DiskSpace,
}

impl RunningMember {
    /// Founds the member, or starts it again.
    ///
    /// # Errors
    /// Its disk failed it.
    pub(super) fn start(
        place: &MemberPlace<'_>,
        clock: Arc<SimulatedClock>,
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let machine = Clock::simulated(clock.clone());
        let OpenedStore {
            store,
            writer,
            marker,
            source,
        } = open(place)?;
        let cluster_clock = match &marker.own {
            None => ClusterClock::resume(machine.clone(), &marker.stamp),
            Some(own) => ClusterClock::resume_among(machine.clone(), &marker.stamp, own),
        };
        let metrics = Metrics::new("simulated");
        let status = Arc::new(Status::new(machine.clone()));
        // What names the store lies on the simulated disk, and is not found by who looks whether the real one is there.
        let nowhere = place.directory.join("nowhere");
        status.set_volume(Arc::new(Volume::of(&nowhere, place.space.clone())));
        let waiters = Arc::new(Waiters::default());
        let witness = Arc::new(Mutex::new(source.newest_witness(&marker)));
        let hub = Hub::new(machine.clone(), store.clone(), 10, metrics.clone());
        let hub = Arc::new(hub);
        let shared = ApplyContext {
            hub: hub.clone(),
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
        } = resumed?;
        let replayed = recovery::replay(&mut log, conf_state, applied, &mut apply, &mut |_, _| {});
        let mut replayed = replayed?;
        // Little enough that a short history needs the disk.
        replayed.view.keep(1 << 10);
        replayed.clocks.set(&cluster_clock, &apply.last_stamp());
        if apply.note_boot()? {
            store.flush()?;
        }
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
            place.space.clone(),
            witness.clone(),
            status.clone(),
            metrics.clone(),
        );
        let intake = Arc::new(Intake::new(INTAKE, machine));
        let depot = SnapshotDepot::new(SnapshotOwner {
            fs: disk.clone(),
            data_dir: path.to_owned(),
            space: place.space.clone(),
            store: store.clone(),
            storage: store_options(),
            identity: identity(place.id),
            disk: place.id,
            clock: cluster_clock.clone(),
            status: status.clone(),
            intake: intake.clone(),
            metrics,
        });
        let outbox = Outbox {
            log: Vec::new(),
            apply: Vec::new(),
            letters: Vec::new(),
            exports: false,
            discards: false,
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
            cluster_clock,
            hub,
            waiters,
        };
        if place.admitted {
            member.intake.admit();
        }
        let begun = member.consensus.campaign_if_alone(&mut member.outbox);
        begun.expect("consensus begins");
        Ok(member)
    }

    /// What the consensus thread does with all that came in.
    pub(super) fn decide(&mut self) {
        let attention = Attention {
            to_applied: false,
            ..self.consensus.attention()
        };
        let inputs = self.intake.take(Duration::ZERO, attention);
        if let Err(error) = self.consensus.step(inputs, &mut self.outbox) {
            panic!("consensus ends: {error}");
        }
    }

    /// What it hands to its log, the last step's included.
    pub(super) fn written(&self) -> impl Iterator<Item = &wal::Entry> {
        let batches = self.outbox.log.iter().filter_map(|task| match task {
            LogTask::Batch(batch) => Some(batch),
            LogTask::Release(_) => None,
        });
        batches.flat_map(|batch| &batch.entries)
    }

    /// What stands in its log for good.
    pub(super) fn logged(&self) -> Vec<wal::Entry> {
        let reader = self.log.reader();
        let range = (reader.first_index(), reader.last_index() + 1);
        reader.entries(range.0, range.1, usize::MAX).expect("read")
    }

    /// The cluster time that it takes for the present, in nanoseconds.
    pub(super) fn cluster_time(&self) -> u64 {
        self.cluster_clock.now()
    }

    /// How it stands, for a failure's words.
    pub(super) fn described(&self) -> String {
        let status = &self.status;
        format!(
            "{:?} of term {} under {}, commit {}, applied {}, {:?}, {:?}, {} writes in the intake, {} waiters, {}",
            status.role(),
            status.term(),
            status.leader(),
            status.commit(),
            self.outbox.store.applied().index,
            status.refusals().first(),
            self.consensus.attention(),
            self.intake.waiting(),
            self.waiters.len(),
            self.consensus.described()
        )
    }

    /// Whether consensus waits neither for room nor for what is to be applied.
    pub(super) fn is_attentive_to_nothing(&self) -> bool {
        let attention = self.consensus.attention();
        !attention.hold_writes && attention.gathers.is_none() && !attention.to_applied
    }

    /// What the log's thread does with all that was handed to it; what may be sent after the sync.
    /// While writes are refused it looks at the disk without any task.
    ///
    /// # Errors
    /// The process has to end.
    pub(super) fn write_log(&mut self) -> Result<Vec<Message>, Box<dyn Error>> {
        let tasks = std::mem::take(&mut self.outbox.log);
        if tasks.is_empty() && !self.status.refusals().any() {
            return Ok(Vec::new());
        }
        let (messages, number) = self.step_log(tasks)?;
        if let Some(number) = number {
            self.intake.persisted(number);
        }
        Ok(messages)
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
    pub(super) fn testify(&mut self) -> io::Result<bool> {
        let witness = *self.witness.lock().expect("nobody panicked");
        self.witness_file.refresh(witness)
    }

    /// Of its machine, in nanoseconds.
    pub(super) fn boottime(&self) -> u64 {
        self.status.clock().boottime()
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

fn open(place: &MemberPlace<'_>) -> Result<OpenedStore<SimFs>, Box<dyn Error>> {
    let options = store_options();
    let question = Question {
        directory: place.directory,
        copied: false,
        accept_log_loss: None,
    };
    match judge(place.disk, &question)? {
        Judgement::Found => {
            let founding = Founding {
                identity: identity(place.id),
                conf_state: place.conf_state.clone(),
                disk: place.id,
                storage: options,
                wal: wal_options(),
            };
            let founded = founding::found(place.disk, place.directory, &place.space, founding);
            Ok(founded?.into())
        }
        Judgement::Start(plan) => {
            let chosen = plan.store_path.clone();
            let opened = store::open_store(place.disk, place.directory, plan, &options);
            let (opened, mode, _) = opened?;
            store_pointer::remove_others(place.disk, place.directory, &chosen);
            assert_eq!(mode, storage::Mode::Normal);
            Ok(opened)
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
        election_ticks: ELECTION_TICKS as usize,
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
