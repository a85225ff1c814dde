//! What the log's worker waits out, and what it does not, on a simulated disk.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread;

use wal::fs::Fs;
use wal::fs::sim::SimFs;

use super::*;
use crate::clock::Clock;
use crate::node::batch::LogBatch;
use crate::node::outcome::Failure;

const IDENTITY: wal::Identity = wal::Identity {
    cluster: 1,
    member: 7,
};
const PAYLOAD: usize = 8 << 10;

/// Three segments of 64 KiB at most, and entries of which seven fill one.
fn worker(data_dir: &Path) -> (LogWorker<SimFs>, Arc<Status>) {
    worker_on(&SimFs::new(1), data_dir)
}

fn worker_on(disk: &SimFs, data_dir: &Path) -> (LogWorker<SimFs>, Arc<Status>) {
    let options = wal::Options {
        segment_bytes: 64 << 10,
        segments_max: 3,
        background: false,
        ..wal::Options::default()
    };
    let base = wal::Position { term: 1, index: 1 };
    let log = wal::Wal::create(disk.clone(), Path::new("/wal"), IDENTITY, base, options)
        .expect("a new log");
    let status = Arc::new(Status::new(Clock::system()));
    let witness = Arc::new(Mutex::new(log.witness()));
    let metrics = Metrics::new("test");
    let worker = LogWorker::new(
        log,
        data_dir.to_owned(),
        DiskSpace::system(),
        witness,
        status.clone(),
        metrics,
    );
    (worker, status)
}

fn batch(index: u64) -> Vec<LogTask> {
    let entry = wal::Entry {
        index,
        term: 1,
        kind: 0,
        payload: vec![7; PAYLOAD].into(),
    };
    vec![LogTask::Batch(LogBatch {
        number: index,
        entries: vec![entry],
        must_sync: true,
        ..LogBatch::default()
    })]
}

#[test]
fn a_full_log_asks_for_a_flush_and_goes_on() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (mut worker, status) = worker(scratch.path());
    let (flush, requests) = sync_channel(1);
    worker.set_flush(flush);
    let store = {
        let status = status.clone();
        thread::spawn(move || {
            let mut reasons = Vec::new();
            // A store whose every flush holds all that was durable when it was asked.
            while requests.recv().is_ok() {
                reasons.push(status.refuses_writes());
                status.set_releasable(u64::MAX);
            }
            reasons
        })
    };
    for index in 2..60 {
        let persisted = worker.step(batch(index)).expect("a full log is waited out");
        assert_eq!(persisted.number, Some(index));
        assert_eq!(status.refuses_writes(), None, "nothing is wrong any more");
    }
    assert_eq!(worker.wal.durable().index, 59);
    assert!(worker.wal.first_index() > 30, "old segments are released");
    drop(worker);
    let reasons = store.join().expect("the store's thread ends");
    assert!(!reasons.is_empty(), "the log was never full");
    for reason in reasons {
        let full = matches!(reason, Some(Failure::Refused(WriteRefusal::LogFull(_))));
        assert!(full, "{reason:?}");
    }
}

#[test]
fn a_full_log_does_not_keep_a_node_from_its_end() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (mut worker, status) = worker(scratch.path());
    status.set_stopping();
    let error = (2..60)
        .find_map(|index| worker.step(batch(index)).err())
        .expect("three segments hold less");
    assert!(
        matches!(error, wal::Error::TooManySegments { segments: 3 }),
        "{error}"
    );
}

#[test]
fn a_lost_volume_is_final_and_leaves_what_was_synced() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).expect("made");
    let (mut worker, status) = worker(&data);
    worker.step(batch(2)).expect("written");
    std::fs::rename(&data, scratch.path().join("moved")).expect("moved");
    worker.looked -= VOLUME_LOOK;
    let persisted = worker.step(batch(3)).expect("synced before it was noticed");
    assert_eq!(persisted.number, Some(3));
    let reason = status
        .reason_of_failure()
        .expect("the node ends")
        .to_string();
    assert!(reason.contains("unmounted"), "{reason}");
    assert!(status.refusals().holds(RefusalKind::Unmounted));
}

/// What the log took is still to be applied and flushed: the node ends, and has not failed.
#[test]
fn a_removed_segment_ends_the_node_and_asks_for_a_flush() {
    for entries in [1, 20] {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let disk = SimFs::new(1);
        let (mut worker, status) = worker_on(&disk, scratch.path());
        let (flush, requests) = sync_channel(1);
        worker.set_flush(flush);
        (2..2 + entries).for_each(|index| {
            worker.step(batch(index)).expect("written");
        });
        let oldest = disk
            .files()
            .into_iter()
            .find(|file| file.extension().is_some_and(|extension| extension == "wal"));
        disk.remove(&oldest.expect("there is one"))
            .expect("removed");
        worker.looked -= VOLUME_LOOK;
        let persisted = worker.step(batch(2 + entries)).expect("synced");
        assert_eq!(persisted.number, Some(2 + entries));
        assert!(status.refusals().holds(RefusalKind::LogRemoved));
        assert!(!status.has_failed(), "it is still to be flushed");
        let reason = status
            .reason_of_failure()
            .expect("the node ends")
            .to_string();
        assert!(reason.contains("was removed or replaced"), "{reason}");
        assert_eq!(requests.try_recv(), Ok(()));
        // The flush lets the log go: not by path.
        let files = disk.files();
        worker
            .step(vec![LogTask::Release(10)])
            .expect("nothing is done");
        assert_eq!(disk.files(), files);
    }
}

#[test]
fn what_may_pass_is_told_from_what_is_final() {
    let path = || Path::new("/d/wal/1.wal").to_owned();
    let system = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
    let of_io = |errno| wal::Error::Io {
        path: path(),
        operation: "write",
        source: system(errno),
    };
    let full = |errno| wal::Error::NoSpace {
        path: path(),
        operation: "write",
        source: system(errno),
    };
    let table = [
        (full(Errno::NOSPC), Some(RefusalKind::NoSpace)),
        (full(Errno::DQUOT), Some(RefusalKind::NoSpace)),
        (
            wal::Error::ReadOnly {
                path: path(),
                operation: "write",
                source: system(Errno::ROFS),
            },
            Some(RefusalKind::ReadOnly),
        ),
        (of_io(Errno::MFILE), Some(RefusalKind::NoDescriptors)),
        (of_io(Errno::NFILE), Some(RefusalKind::NoDescriptors)),
        (of_io(Errno::IO), None),
        (
            wal::Error::TooManySegments { segments: 3 },
            Some(RefusalKind::LogFull),
        ),
        (
            wal::Error::Poisoned {
                path: path(),
                reason: "no".into(),
            },
            None,
        ),
        (
            wal::Error::OutOfOrder {
                index: 3,
                previous: 1,
            },
            None,
        ),
    ];
    for (error, kind) in table {
        let refusal = temporary(&error);
        assert_eq!(refusal.as_ref().map(WriteRefusal::kind), kind, "{error}");
    }
}
