//! A whole node on one thread, from one seed: simulated disk, clock and scheduling, power cut at random instants.
//!
//! The log is on a simulated disk that drops, tears and reorders what was not synced; the store is a real one that is
//! dropped without a flush. `NODE_SEED=n cargo test -p etcd2 node::tests` replays one seed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use raft::eraftpb::{ConfState, Message};
use storage::operation::{Content, Operation, Outcome, Write, WriteMode};
use storage::path::KeyPath;
use tokio::sync::oneshot;
use wal::fs::Fs;
use wal::fs::sim::{SimFs, SplitMix64};

use super::alone::sole_voter;
use super::apply::context::ApplyContext;
use super::apply::worker::ApplyWorker;
use super::batch::{ApplyBatch, JudgedChange, LogBatch, LogTask, Persisted, SharedWitness};
use super::change::{self, ChangeError};
use super::cluster_clock::ClusterClock;
use super::consensus::{ConsensusLoop, ConsensusOptions};
use super::disk_space::DiskSpace;
use super::effects::Effects;
use super::fatal::FatalError;
use super::founding::{self, Founding};
use super::intake::{Attention, Intake, IntakeLimits};
use super::judgement::{Judgement, Question, judge};
use super::log_worker::LogWorker;
use super::outcome::{AppliedWrite, Failure};
use super::peer::WriteMessage;
use super::recovery::resume::{self, Resumed};
use super::recovery::store::{self, OpenedStore};
use super::status::Status;

use super::recovery;
use super::waiters::Waiters;
use super::witness_file::WitnessFile;
use crate::clock::{Clock, SimulatedClock};
use crate::command::{Proposal, Ttl};
use crate::metrics::Metrics;
use crate::raft::{Parameters, RaftCore, Randomness};
use crate::watch::Hub;

const IDENTITY: wal::Identity = wal::Identity {
    cluster: 1,
    member: 7,
};
const KEYS: u64 = 12;

struct Seeded(SplitMix64);

impl Randomness for Seeded {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Time moves when the test says so.
fn stopped_clock() -> Arc<SimulatedClock> {
    Arc::new(SimulatedClock::new(0, 1_700_000_000_000_000_000, 1))
}

/// The queues between the threads, as plain vectors.
struct Queues {
    log: Vec<LogTask>,
    apply: Vec<ApplyBatch>,
    store: storage::Store,
}

impl Effects for Queues {
    fn persist(&mut self, batch: LogBatch, _: bool) -> Option<Persisted> {
        self.log.push(LogTask::Batch(batch));
        None
    }
    fn apply(&mut self, batch: ApplyBatch, _: bool) -> Option<u64> {
        self.apply.push(batch);
        None
    }
    fn send(&mut self, messages: Vec<Message>) {
        assert!(messages.is_empty(), "a sole voter has nobody to send to");
    }
    fn send_write(&mut self, _: u64, message: WriteMessage) {
        panic!("a sole voter has nobody to offer to: {message:?}");
    }
    fn fetch(&mut self, _: Vec<crate::raft::Fetch>) {
        panic!("nobody is behind a lone node");
    }

    fn discard_export(&mut self) {
        panic!("a lone node exports nothing");
    }

    fn export(&mut self) {
        panic!("nobody is behind a lone node");
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

type Answer = oneshot::Receiver<Result<AppliedWrite, Failure>>;

/// A node between two power cuts.
struct Life {
    consensus: ConsensusLoop<wal::Reader<SimFs>>,
    log: LogWorker<SimFs>,
    apply: ApplyWorker,
    queues: Queues,
    intake: Intake,
    status: Arc<Status>,
    clock: Arc<SimulatedClock>,
    waiting: Vec<(u64, String, Answer)>,
    witness: SharedWitness,
    witness_file: WitnessFile<SimFs>,
}

impl Life {
    fn begin(disk: &SimFs, directory: &Path, clock: &Arc<SimulatedClock>, seed: u64) -> Self {
        let options = storage::StoreOptions {
            node_cache_bytes: 1 << 16,
            ..storage::StoreOptions::default()
        };
        let wal_options = wal::Options {
            segment_bytes: 64 << 10,
            background: false,
            ..wal::Options::default()
        };
        let question = Question {
            directory,
            copied: false,
            accept_log_loss: None,
        };
        let opened = match judge(disk, &question).expect("nothing is damaged") {
            Judgement::Found => {
                let founding = Founding {
                    identity: IDENTITY,
                    conf_state: sole_voter(IDENTITY.member),
                    disk: 1,
                    storage: options,
                    wal: wal_options.clone(),
                };
                let founded = founding::found(disk, directory, &DiskSpace::system(), founding);
                founded.expect("the node is founded").into()
            }
            Judgement::Start(plan) => {
                let (opened, mode, _) =
                    store::open_store(disk, directory, plan, &options).expect("the store opens");
                assert_eq!(mode, storage::Mode::Normal);
                opened
            }
        };
        let OpenedStore {
            store,
            writer,
            marker,
            source,
        } = opened;
        let applied = store.applied();
        let machine = Clock::simulated(clock.clone());
        let cluster_clock = ClusterClock::resume(machine.clone(), &marker.stamp);
        let metrics = Metrics::new("test");
        let status = Arc::new(Status::new(machine.clone()));
        let waiters = Arc::new(Waiters::default());
        let witness = Arc::new(Mutex::new(source.newest_witness(&marker)));
        let shared = ApplyContext {
            hub: Arc::new(Hub::new(
                machine.clone(),
                store.clone(),
                10,
                metrics.clone(),
            )),
            waiters: waiters.clone(),
            status: status.clone(),
            counters: Arc::default(),
            clock: cluster_clock.clone(),
            witness: witness.clone(),
            metrics: metrics.clone(),
        };
        let conf_state = marker.conf_state.clone();
        let mut apply = ApplyWorker::new(writer, marker, shared, u64::MAX, sync_channel(1).0);
        let resumed = resume::log(
            disk,
            directory,
            source,
            wal_options,
            &store,
            &mut apply,
            &witness,
        );
        let Resumed {
            mut log,
            witness_file,
        } = resumed.expect("the log opens");
        let replayed = recovery::replay(
            &mut log,
            conf_state,
            applied.index,
            &mut apply,
            &mut |_, _| {},
        )
        .expect("the log replays");
        let parameters = Parameters {
            id: IDENTITY.member,
            heartbeat_ticks: 1,
            election_ticks: 10,
            applied: replayed.applied,
        };
        let mut random = Seeded(SplitMix64::new(seed));
        let settings = ConsensusOptions {
            id: IDENTITY.member,
            tick: Duration::from_millis(100),
            first_request: random.next(),
        };
        let core =
            RaftCore::new(&parameters, replayed.view, Box::new(random)).expect("a valid state");
        let consensus = ConsensusLoop::new(
            core,
            settings,
            cluster_clock,
            status.clone(),
            waiters,
            metrics.clone(),
            replayed.applied,
        );
        let log = LogWorker::new(
            log.wal,
            directory.to_owned(),
            DiskSpace::system(),
            witness.clone(),
            status.clone(),
            metrics,
        );
        let queues = Queues {
            log: Vec::new(),
            apply: Vec::new(),
            store,
        };
        let intake = Intake::new(IntakeLimits::default(), machine.clone());
        let mut life = Self {
            consensus,
            log,
            apply,
            queues,
            intake,
            status,
            clock: clock.clone(),
            waiting: Vec::new(),
            witness,
            witness_file,
        };
        life.consensus
            .campaign_if_alone(&mut life.queues)
            .expect("alone");
        life
    }

    fn drive(&mut self) {
        let inputs = self.intake.take(Duration::ZERO, Attention::default());
        self.consensus
            .step(inputs, &mut self.queues)
            .expect("consensus goes on");
    }

    /// One seeded step of one of the threads. `Err` when the log has failed for good.
    fn step(&mut self, random: &mut SplitMix64, value: &mut u64) -> Result<(), String> {
        match random.below(9) {
            0..=2 => self.submit(random, value),
            3 | 4 => self.drive(),
            5 => {
                let tasks = std::mem::take(&mut self.queues.log);
                let persisted = self.log.step(tasks).map_err(|error| error.to_string())?;
                if let Some(number) = persisted.number {
                    self.intake.persisted(number);
                }
            }
            6 => {
                let batches = std::mem::take(&mut self.queues.apply);
                let intake = &self.intake;
                self.apply
                    .step(batches, &mut |index| intake.applied(index))
                    .expect("applied");
            }
            7 if random.one_in(2) => {
                let witness = *self.witness.lock().expect("no thread panicked");
                self.witness_file
                    .refresh(witness)
                    .map_err(|error| error.to_string())?;
            }
            7 if random.one_in(3) => {
                let durable = self.queues.store.flush().expect("flushed");
                self.queues.log.push(LogTask::Release(durable.index));
            }
            _ => {
                self.clock
                    .advance(Duration::from_nanos(random.below(40_000_000)));
            }
        }
        Ok(())
    }

    /// Each thread does what waits for it.
    fn work(&mut self) {
        self.drive();
        let tasks = std::mem::take(&mut self.queues.log);
        let persisted = self.log.step(tasks).expect("the disk works");
        if let Some(number) = persisted.number {
            self.intake.persisted(number);
        }
        let batches = std::mem::take(&mut self.queues.apply);
        let intake = &self.intake;
        self.apply
            .step(batches, &mut |index| intake.applied(index))
            .expect("applied");
    }

    fn submit(&mut self, random: &mut SplitMix64, value: &mut u64) {
        *value += 1;
        let key = random.below(KEYS);
        let text = format!("{value}-{}", "x".repeat(random.below(300) as usize));
        let content = Content::File(Bytes::from(text.clone()));
        let ttl = random.one_in(10).then_some(3_600);
        let operation = Operation::Write(Write {
            lifetime: ttl.and_then(Ttl::new),
            ..Write::new(path(key), WriteMode::Set, content)
        });
        let answer = self
            .intake
            .submit(Proposal::new(&operation))
            .expect("there is room");
        self.waiting.push((key, text, answer));
    }
}

fn path(key: u64) -> KeyPath {
    KeyPath::root()
        .child(b"dir")
        .child(format!("key-{key}").as_bytes())
}

/// What clients know across all lives.
#[derive(Default)]
struct Clients {
    submitted: BTreeMap<String, u64>,
    acknowledged: BTreeMap<u64, (u64, String)>,
    used: BTreeMap<u64, String>,
    count: u64,
}

impl Clients {
    fn collect(&mut self, life: &mut Life) {
        life.waiting.retain_mut(|(key, text, answer)| {
            self.submitted.insert(text.clone(), *key);
            let Ok(Ok(reply)) = answer.try_recv() else {
                return true;
            };
            let [Outcome::Done(event)] = &reply.outcomes[..] else {
                panic!("a set is done: {reply:?}")
            };
            let before = self.used.insert(event.revision, text.clone());
            assert_eq!(before, None, "revision {} was given twice", event.revision);
            self.acknowledged
                .insert(*key, (event.revision, text.clone()));
            self.count += 1;
            false
        });
    }

    fn check(&self, store: &storage::Store) {
        for key in 0..KEYS {
            let found = store.get(&path(key)).expect("readable").0.ok();
            if let Some(node) = &found {
                let value = String::from_utf8(node.value.clone().unwrap_or_default().to_vec());
                let value = value.expect("ours");
                assert_eq!(
                    self.submitted.get(&value),
                    Some(&key),
                    "{value} was never written there"
                );
                let owner = self.used.get(&node.modified);
                assert!(
                    owner.is_none_or(|owner| *owner == value),
                    "revision {} was reused",
                    node.modified
                );
            }
            if let Some((revision, _)) = self.acknowledged.get(&key) {
                let modified = found.as_ref().map_or(0, |node| node.modified);
                assert!(
                    modified >= *revision,
                    "key {key}: {modified} found, {revision} acknowledged"
                );
            }
        }
        let newest = self
            .used
            .last_key_value()
            .map_or(0, |(revision, _)| *revision);
        assert!(store.revision() >= newest, "the revision went back");
    }
}

/// The data directory on the simulated disk, with all the names above it.
fn make(disk: &SimFs, directory: &Path) {
    disk.create_dir_all(directory).expect("made");
    for parent in directory.ancestors().skip(1) {
        disk.sync_dir(parent).expect("synced");
    }
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    match std::env::var("NODE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => seed..seed + 1,
        None => 0..default,
    }
}

#[test]
fn power_cuts_lose_nothing_acknowledged_and_invent_nothing() {
    let mut acknowledged = 0;
    for seed in seeds(6) {
        println!("NODE_SEED={seed}");
        let mut random = SplitMix64::new(seed);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = SimFs::new(seed);
        make(&disk, directory.path());
        let clock = stopped_clock();
        let mut clients = Clients::default();
        let mut value = seed << 32;
        for life_number in 0..5 {
            let mut life = Life::begin(&disk, directory.path(), &clock, random.next_u64());
            clients.check(&life.queues.store);
            for _ in 0..random.below(600) {
                life.step(&mut random, &mut value)
                    .expect("no fault was planned");
                clients.collect(&mut life);
            }
            clients.check(&life.queues.store);
            for (key, text, _) in &life.waiting {
                clients.submitted.insert(text.clone(), *key);
            }
            drop(life);
            disk.power_loss(seed * 31 + life_number);
        }
        let life = Life::begin(&disk, directory.path(), &clock, 0);
        clients.check(&life.queues.store);
        acknowledged += clients.count;
    }
    assert!(
        acknowledged > 100,
        "the nodes made progress: {acknowledged}"
    );
}

#[test]
fn a_failed_sync_is_final_and_the_restart_trusts_only_what_was_synced() {
    for seed in seeds(8) {
        println!("NODE_SEED={seed}");
        let mut random = SplitMix64::new(seed);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = SimFs::new(seed);
        make(&disk, directory.path());
        let clock = stopped_clock();
        let mut clients = Clients::default();
        let mut value = seed << 32;
        let mut life = Life::begin(&disk, directory.path(), &clock, seed);
        disk.fail_sync(disk.syncs() + 2 + random.below(8));
        let failure = loop {
            let step = life.step(&mut random, &mut value);
            clients.collect(&mut life);
            if let Err(failure) = step {
                break failure;
            }
        };
        assert!(!failure.is_empty());
        let before = clients.count;
        life.status.fail(FatalError::new(failure));
        for _ in 0..200 {
            let _ = life.step(&mut random, &mut value);
        }
        // What was durable before the failure may still be applied and answered; nothing later may.
        let revision = life.queues.store.revision();
        clients.collect(&mut life);
        assert!(clients.count >= before);
        assert!(life.status.refuses_writes().is_some());
        for (key, text, _) in &life.waiting {
            clients.submitted.insert(text.clone(), *key);
        }
        drop(life);
        disk.heal();
        disk.power_loss(seed);
        let life = Life::begin(&disk, directory.path(), &clock, seed + 1);
        clients.check(&life.queues.store);
        assert!(
            life.queues.store.revision() >= clients.used.last_key_value().map_or(0, |(at, _)| *at)
        );
        assert!(revision >= clients.used.last_key_value().map_or(0, |(at, _)| *at));
    }
}

fn mortal(seconds: u64) -> Operation<Ttl> {
    let content = Content::File(Bytes::from_static(b"mortal"));
    Operation::Write(Write {
        lifetime: Ttl::new(seconds),
        ..Write::new(path(1), WriteMode::Set, content)
    })
}

fn settle(life: &mut Life) {
    for _ in 0..20 {
        life.work();
    }
}

fn begun(directory: &tempfile::TempDir) -> Life {
    let clock = stopped_clock();
    Life::begin(&SimFs::new(1), directory.path(), &clock, 1)
}

#[test]
#[should_panic(expected = "invariant node-persisted")]
fn a_batch_that_is_durable_and_was_never_handed_out_is_caught() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut life = begun(&directory);
    life.intake.persisted(u64::MAX);
    settle(&mut life);
}

#[test]
#[should_panic(expected = "invariant node-applied")]
fn an_entry_that_is_applied_and_was_never_handed_out_is_caught() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut life = begun(&directory);
    life.intake.applied(u64::MAX);
    settle(&mut life);
}

/// A process that sleeps over deadlines wakes with its readers: what lapsed goes first.
#[test]
fn overdue_nodes_expire_before_a_read_is_answered() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = stopped_clock();
    let mut life = Life::begin(&SimFs::new(1), directory.path(), &clock, 1);
    let operation = mortal(2);
    let mut answer = life
        .intake
        .submit(Proposal::new(&operation))
        .expect("there is room");
    settle(&mut life);
    assert!(matches!(answer.try_recv(), Ok(Ok(_))));
    clock.advance(Duration::from_nanos(12_000_000_000));
    let mut read = life.intake.read().expect("there is room");
    for _ in 0..20 {
        let before = read.try_recv();
        let alive = life.queues.store.get(&path(1)).expect("readable").0.is_ok();
        if let Ok(outcome) = before {
            outcome.expect("it is granted");
            assert!(
                !alive,
                "the read may show a node that lapsed ten seconds ago"
            );
            return;
        }
        life.work();
    }
    panic!("the read is never answered");
}

/// A machine without a battery writes under a wrong clock until a time server sets it: the step must be on the disk.
#[test]
fn a_wall_clock_that_is_set_forward_is_written_down_while_a_node_has_a_deadline() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = stopped_clock();
    let mut life = Life::begin(&SimFs::new(1), directory.path(), &clock, 1);
    let operation = mortal(3_600);
    let _answer = life
        .intake
        .submit(Proposal::new(&operation))
        .expect("there is room");
    settle(&mut life);
    let revision = life.queues.store.revision();
    let written = life.apply.last_stamp();
    let year = 365 * 86_400_000_000_000;
    clock.step_wall(20 * year);
    settle(&mut life);
    let stamp = life.apply.last_stamp();
    assert!(stamp.wall >= written.wall + 20 * year);
    assert_eq!(life.queues.store.revision(), revision, "nothing changed");
    // Once is enough.
    settle(&mut life);
    assert_eq!(life.apply.last_stamp(), stamp);
}

/// A wave that does not end holds no read for long.
#[test]
fn overdue_nodes_hold_reads_for_a_second_at_most() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = stopped_clock();
    let mut life = Life::begin(&SimFs::new(1), directory.path(), &clock, 1);
    for _ in 0..20 {
        life.work();
    }
    let operation = mortal(2);
    let answer = life
        .intake
        .submit(Proposal::new(&operation))
        .expect("there is room");
    for _ in 0..20 {
        life.work();
    }
    drop(answer);
    clock.advance(Duration::from_nanos(12_000_000_000));
    let mut read = life.intake.read().expect("there is room");
    // The log and the store do nothing: the expiry stays under way.
    for _ in 0..5 {
        life.drive();
        assert!(read.try_recv().is_err(), "it is held");
    }
    clock.advance(Duration::from_nanos(1_100_000_000));
    life.drive();
    life.drive();
    assert!(matches!(read.try_recv(), Ok(Ok(()))), "it is let go");
}
