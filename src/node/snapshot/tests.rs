//! A member's state goes to another member, and the machine stops between any two steps of the install.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use raft::eraftpb::ConfState;
use snapshot::PublishedFile;
use storage::operation::{Content, Operation, Write, WriteMode};
use storage::path::KeyPath;
use tempfile::TempDir;
use wal::fs::OsFs;
use wal::fs::sim::SimFs;

use super::export::{ExportProgress, Exported, export};
use super::import::{Importer, import};
use super::*;
use crate::clock::{Clock, SimulatedClock};
use crate::command::Stamp;
use crate::metrics::Metrics;
use crate::node::apply::context::ApplyContext;
use crate::node::apply::worker::ApplyWorker;
use crate::node::cluster_clock::ClusterClock;
use crate::node::disk_space::{DiskSpace, SimulatedSpace};
use crate::node::founding::{self, Founding};
use crate::node::judgement::{Judgement, PlannedLog, Question, StartPlan, judge};
use crate::node::marker::{Installed, Marker};
use crate::node::recovery::open_log::{OpenLog, promised};
use crate::node::recovery::origin::LogOrigin;
use crate::node::recovery::store::open_store;
use crate::node::recovery::{RecoveryError, resume};
use crate::node::status::Status;
use crate::watch::Hub;

/// Where the leader stands.
const INDEX: u64 = 40;
const TERM: u64 = 3;
/// What the follower had promised when it took the snapshot; its log says less.
const PROMISED: Installed = Installed { term: 5, vote: 9 };
const OWN: wal::Identity = wal::Identity {
    cluster: 1,
    member: 8,
};

fn members() -> ConfState {
    ConfState {
        voters: vec![7, 8, 9],
        ..ConfState::default()
    }
}

fn leader(home: &Path) -> storage::Store {
    let options = storage::StoreOptions::default();
    let (store, mut writer) = storage::open(&home.join("leader"), options).expect("opened");
    let marker = Marker {
        term: TERM,
        conf_state: members(),
        cluster: 1,
        member: 7,
        witness: Some(vec![1, 2, 3]),
        ..Marker::default()
    };
    for index in 1..=INDEX {
        let mut batch = writer.batch();
        let set = Operation::Write(Write::new(
            KeyPath::root().child(format!("k{}", index % 7).as_bytes()),
            WriteMode::Set,
            Content::File(format!("{index}").into()),
        ));
        batch.apply_one(index, index, &set).expect("applied");
        batch.set_marker(&marker.encode());
        batch.commit().expect("written");
    }
    store
}

/// A follower that has entries up to 5 in its log, and its vote of term 4.
fn follower<F: Fs>(fs: &F, data_dir: &Path) {
    let founding = Founding {
        identity: OWN,
        conf_state: members(),
        disk: 5,
        storage: storage::StoreOptions::default(),
        wal: wal::Options::default(),
    };
    let space = DiskSpace::system();
    let mut founded = founding::found(fs, data_dir, &space, founding).expect("founded");
    let entries: Vec<wal::Entry> = (1..=5)
        .map(|index| wal::Entry {
            index,
            term: 1,
            kind: 0,
            payload: Vec::new().into(),
        })
        .collect();
    let state = wal::HardState {
        term: 4,
        vote: 7,
        commit: 0,
    };
    founded.wal.append(&entries, Some(&state)).expect("taken");
    founded.wal.sync().expect("synced");
}

fn importer<'a>(data_dir: &'a Path, space: &'a DiskSpace) -> Importer<'a> {
    Importer {
        data_dir,
        identity: OWN,
        disk: 5,
        promised: PROMISED,
        own: Stamp {
            wall: 77,
            ..Stamp::default()
        },
        options: storage::StoreOptions::default(),
        space,
    }
}

/// The leader's file in the follower's directory.
fn delivered(home: &Path, data_dir: &Path) -> (snapshot::SnapshotDirectory<OsFs>, PublishedFile) {
    let files = files(OsFs, data_dir).expect("made");
    let space = DiskSpace::system();
    let mut last = ExportProgress::default();
    let store = leader(home);
    let Exported { file, summary, .. } = export(&store, &files, &space, 1, &mut |to| {
        last = to;
        ControlFlow::Continue(())
    })
    .expect("made");
    assert_eq!((last.rows, summary.meta.index), (summary.pairs(), INDEX));
    (files, file)
}

fn plan<F: Fs>(fs: &F, data_dir: &Path) -> Result<Box<StartPlan<F>>, RecoveryError> {
    let question = Question {
        directory: data_dir,
        copied: false,
        accept_log_loss: None,
    };
    match judge(fs, &question)? {
        Judgement::Start(plan) => Ok(plan),
        Judgement::Found => panic!("a node is here"),
    }
}

fn context(store: storage::Store) -> ApplyContext {
    let metrics = Metrics::new("test");
    let clock = Clock::simulated(Arc::new(SimulatedClock::new(1, 1, 1)));
    let witness = wal::Witness {
        place: wal::Place::default(),
        index: 0,
        chain: 0,
    };
    ApplyContext {
        hub: Arc::new(Hub::new(clock.clone(), store, 10, metrics.clone())),
        waiters: Arc::default(),
        status: Arc::new(Status::new(clock.clone())),
        counters: Arc::default(),
        clock: ClusterClock::resume(clock, &Stamp::default()),
        witness: Arc::new(Mutex::new(witness)),
        metrics,
    }
}

/// A start up to the open log: where the store stands, the log's base, and what the member has promised.
fn started(data_dir: &Path) -> (u64, wal::Position, wal::HardState) {
    let plan = plan(&OsFs, data_dir).expect("judged");
    let chosen = plan.store_path.clone();
    let options = storage::StoreOptions::default();
    let (opened, mode, _) = open_store(&OsFs, data_dir, plan, &options).expect("opened");
    assert_eq!(mode, storage::Mode::Normal);
    store_pointer::remove_others(&OsFs, data_dir, &chosen);
    assert_eq!(store_pointer::stores(data_dir).expect("listed").len(), 1);
    let context = context(opened.store.clone());
    let flush = sync_channel(1).0;
    let (writer, marker) = (opened.writer, opened.marker);
    assert_eq!((marker.cluster, marker.member), (OWN.cluster, OWN.member));
    assert_eq!(marker.conf_state, members());
    let mut worker = ApplyWorker::new(writer, marker, context.clone(), u64::MAX, flush);
    let log = resume::log(
        &OsFs,
        data_dir,
        opened.source,
        wal::Options::default(),
        &opened.store,
        &mut worker,
        &context.witness,
    );
    let log = log.expect("in order").log;
    let durable = Marker::decode(&opened.store.durable().marker).expect("readable");
    assert_eq!(durable.installed, None, "it is said no more");
    let state = log.wal.hard_state();
    (opened.store.applied().index, log.wal.base(), state)
}

/// What a kill between two steps leaves is finished, or it never was.
#[test]
fn an_install_is_whole_or_was_not_wherever_it_stops() {
    for step in 0..=5 {
        let home = tempfile::tempdir().expect("a directory");
        let data_dir = home.path().join("data");
        std::fs::create_dir(&data_dir).expect("made");
        follower(&OsFs, &data_dir);
        let (files, file) = delivered(home.path(), &data_dir);
        let space = DiskSpace::system();
        if step == 1 {
            let options = storage::StoreOptions::default();
            drop(storage::import(&data_dir.join("store-1"), options).expect("begun"));
        }
        if step >= 2 {
            let made = import(&OsFs, &files, &file, &importer(&data_dir, &space)).expect("made");
            assert_eq!(made.path, data_dir.join("store-1"));
            if step >= 3 {
                made.switch(&OsFs, &data_dir).expect("switched");
            }
            if step >= 4 {
                let judged = wal::judge(OsFs, &data_dir.join("wal"), None, &[]).expect("judged");
                let (mut log, _) = judged.open(wal::Options::default()).expect("opened");
                let base = wal::Position {
                    term: TERM,
                    index: INDEX,
                };
                let state = promised(log.hard_state(), &made.marker, INDEX);
                log.restart_at(base, state).expect("reset");
            }
        }
        if step >= 5 {
            started(&data_dir);
        }
        let (applied, base, state) = started(&data_dir);
        if step < 3 {
            assert_eq!((applied, base.index, state.term, state.vote), (0, 0, 4, 7));
        } else {
            assert_eq!((applied, base.index, base.term), (INDEX, INDEX, TERM));
            assert_eq!((state.term, state.vote), (PROMISED.term, PROMISED.vote));
            // And again: nothing is left to finish.
            assert!(matches!(
                plan(&OsFs, &data_dir).expect("judged").log,
                PlannedLog::Open(_)
            ));
        }
    }
}

/// Every operation of the switch and of the reset, on a disk that keeps what it likes of the rest.
#[test]
fn a_power_loss_in_the_switch_or_the_reset_leaves_what_a_start_finishes() {
    let home = tempfile::tempdir().expect("a directory");
    let data_dir = home.path().join("data");
    std::fs::create_dir(&data_dir).expect("made");
    let whole = SimFs::new(1);
    whole.create_dir_all(&data_dir).expect("made");
    follower(&whole, &data_dir);
    whole.settle();
    let (files, file) = delivered(home.path(), &data_dir);
    let space = DiskSpace::system();
    let made = import(&OsFs, &files, &file, &importer(&data_dir, &space)).expect("made");
    let options = wal::Options::default;
    let base = wal::Position {
        term: TERM,
        index: INDEX,
    };
    let (mut old, mut overtaken, mut reset) = (0, 0, 0);
    for seed in 0..4 {
        for step in 1.. {
            let disk = whole.fork();
            let judged = wal::judge(disk.clone(), &data_dir.join("wal"), None, &[]);
            let (mut log, _) = judged.expect("judged").open(options()).expect("opened");
            disk.stop_at(step);
            let switched = made.switch(&disk, &data_dir).is_ok();
            let state = promised(log.hard_state(), &made.marker, INDEX);
            let done = switched && log.restart_at(base, state).is_ok();
            drop(log);
            disk.heal();
            disk.power_loss(seed * 1_000 + step);
            let plan = plan(&disk, &data_dir).expect("a start goes on");
            let is_new = plan.store_path == made.path;
            assert!(is_new || !switched, "the switch was told");
            let log = match (is_new, plan.log) {
                (false, PlannedLog::Open(log)) => {
                    old += 1;
                    assert_eq!((log.recovery().last_index, plan.applied.index), (5, 0));
                    assert_eq!(log.recovery().hard_state.vote, 7);
                    continue;
                }
                (true, PlannedLog::Finish(log)) => {
                    overtaken += 1;
                    assert!(!done, "the reset was told");
                    OpenLog::reset(*log, options(), INDEX, &plan.marker)
                }
                (true, PlannedLog::Open(log)) => {
                    reset += 1;
                    OpenLog::open(*log, options(), INDEX, &plan.marker)
                }
                _ => panic!("neither the one nor the other"),
            };
            let log = log.expect("opened").wal;
            let state = log.hard_state();
            assert_eq!((log.base(), log.last_index()), (base, INDEX));
            assert_eq!((state.term, state.vote), (PROMISED.term, PROMISED.vote));
            if done {
                break;
            }
        }
    }
    assert!(
        old > 4 && overtaken > 4 && reset > 3,
        "{old} {overtaken} {reset}"
    );
}

/// Without the mark the same shape is a log that lost entries.
#[test]
fn only_the_mark_excuses_a_log_that_ends_below_its_store() {
    let home = tempfile::tempdir().expect("a directory");
    let data_dir = home.path().join("data");
    std::fs::create_dir(&data_dir).expect("made");
    follower(&OsFs, &data_dir);
    let (files, file) = delivered(home.path(), &data_dir);
    let space = DiskSpace::system();
    let made = import(&OsFs, &files, &file, &importer(&data_dir, &space)).expect("made");
    made.switch(&OsFs, &data_dir).expect("switched");
    let options = storage::StoreOptions::default();
    let (store, mut writer) = storage::open(&made.path, options).expect("opened");
    let marker = Marker {
        installed: None,
        ..made.marker
    };
    let mut batch = writer.batch();
    batch.set_marker(&marker.encode());
    batch.commit().expect("written");
    store.flush().expect("flushed");
    drop((store, writer));
    let refused = plan(&OsFs, &data_dir).err().expect("entries are lost");
    assert!(refused.is_about_data(), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("put back what is missing; else replace it"),
        "{refused}"
    );
}

#[test]
fn a_pointer_that_leads_nowhere_is_a_refusal() {
    let home = tempfile::tempdir().expect("a directory");
    let data_dir = home.path().join("data");
    std::fs::create_dir(&data_dir).expect("made");
    follower(&OsFs, &data_dir);
    let refused = |says: &[&str]| {
        let error = plan(&OsFs, &data_dir).err().expect("it is not known which");
        let text = error.to_string();
        assert!(error.is_about_data(), "{text}");
        for part in says.iter().chain(&["Nothing was changed", "Bring back"]) {
            assert!(text.contains(part), "{text}");
        }
    };
    store_pointer::switch(&OsFs, &data_dir, "store-4").expect("switched");
    refused(&[
        "names store-4/, which is not there",
        "beside it lies store/",
    ]);
    std::fs::write(data_dir.join("STORE"), "store-4").expect("written");
    refused(&["its first lines are not ours"]);
    std::fs::remove_file(data_dir.join("STORE")).expect("removed");
    std::fs::rename(data_dir.join("store"), data_dir.join("store-4")).expect("renamed");
    refused(&["it is missing or names store/", "beside it lies store-4/"]);
    // As it was moved, it is the store again.
    store_pointer::switch(&OsFs, &data_dir, "store-4").expect("switched");
    assert_eq!(started(&data_dir).0, 0);
}

/// A follower at work: its readers and watches go over to the new state, and its log begins behind it.
#[test]
fn a_running_member_takes_a_snapshot() {
    let home = tempfile::tempdir().expect("a directory");
    let data_dir = home.path().join("data");
    std::fs::create_dir(&data_dir).expect("made");
    follower(&OsFs, &data_dir);
    let (files, file) = delivered(home.path(), &data_dir);
    let space = DiskSpace::system();
    let plan = plan(&OsFs, &data_dir).expect("judged");
    let options = storage::StoreOptions::default();
    let (opened, ..) = open_store(&OsFs, &data_dir, plan, &options).expect("opened");
    let LogOrigin::Judged(plan) = opened.source else {
        panic!("it was here")
    };
    let PlannedLog::Open(judged) = plan.log else {
        panic!("it is whole")
    };
    let (log, _) = judged.open(wal::Options::default()).expect("opened");
    let context = context(opened.store.clone());
    let mut worker = ApplyWorker::new(
        opened.writer,
        opened.marker,
        context.clone(),
        u64::MAX,
        sync_channel(1).0,
    );
    let mut log_worker = crate::node::log_worker::LogWorker::new(
        log,
        data_dir.clone(),
        space.clone(),
        context.witness.clone(),
        context.status.clone(),
        context.metrics.clone(),
    );
    let made = import(&OsFs, &files, &file, &importer(&data_dir, &space)).expect("made");
    made.switch(&OsFs, &data_dir).expect("switched");
    let retired = worker
        .install(&made.path, made.marker.clone())
        .expect("moved");
    log_worker.reset(INDEX, worker.marker()).expect("reset");
    worker.refresh_marker().expect("written");
    assert_eq!(opened.store.revision(), INDEX);
    assert_eq!(
        (context.hub.published(), context.status.applied()),
        (INDEX, INDEX)
    );
    assert!(context.clock.now() >= INDEX);
    assert_eq!(context.witness.lock().expect("whole").index, INDEX);
    assert_eq!(worker.marker().installed, None);
    assert!(retired.is_closed());
    // The directory is watched where it is now.
    let volume = context.status.volume().expect("set");
    remove_store(retired.path()).expect("removed");
    assert_eq!(volume.lost(), None);
    opened.store.flush().expect("flushed");
    drop((worker, log_worker, opened.store, context));
    assert_eq!(started(&data_dir).1.index, INDEX);
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let data_dir: &Path = &home.path().join("data");
    std::fs::create_dir(data_dir).expect("made");
    let (files, file) = delivered(home.path(), data_dir);
    let space = DiskSpace::system();
    let full = Arc::new(SimulatedSpace::new(1 << 20, 100));
    let full_space = DiskSpace::simulated(full);
    let taken = |importer: &Importer<'_>| import(&OsFs, &files, &file, importer).err();
    let own = importer(data_dir, &space);
    let poor = importer(data_dir, &full_space);
    assert!(matches!(taken(&poor), Some(SnapshotError::NoRoom { .. })));
    let stranger = Importer {
        identity: wal::Identity {
            cluster: 2,
            member: 8,
        },
        ..importer(data_dir, &space)
    };
    let error = taken(&stranger).expect("of another cluster");
    assert!(
        matches!(
            error,
            SnapshotError::Stranger {
                found: 1,
                own: 2,
                ..
            }
        ),
        "{error}"
    );
    let whole = std::fs::read(&file.path).expect("readable");
    for at in [40, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file.path, &bytes).expect("written");
        assert!(taken(&own).is_some(), "byte {at}");
    }
    assert!(store_pointer::stores(data_dir).expect("listed").is_empty());
    std::fs::write(&file.path, &whole).expect("written");
    let made = import(&OsFs, &files, &file, &own).expect("made");
    assert_eq!(
        (made.marker.own.expect("read").wall, made.applied.index),
        (77, INDEX)
    );
    made.give_up();
    assert!(store_pointer::stores(data_dir).expect("listed").is_empty());
    let (store, _writer): (storage::Store, TempDir) = {
        let home = tempfile::tempdir().expect("a directory");
        (leader(home.path()), home)
    };
    let error = export(&store, &files, &full_space, 2, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect_err("no room");
    assert!(matches!(error, SnapshotError::NoRoom { .. }), "{error}");
}
