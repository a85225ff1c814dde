//! Up to where a log that is full may be released.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use wal::fs::sim::SimFs;

use super::*;
use crate::node::refusal::Refusal;
use crate::node::witness_file;

#[test]
fn a_full_log_is_given_what_two_flushes_hold() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, mut writer) =
        storage::open(directory.path(), storage::Options::default()).expect("a new store opens");
    let fs = SimFs::new(1);
    let identity = wal::Identity {
        cluster: 1,
        member: 7,
    };
    let base = wal::Position { term: 1, index: 1 };
    let log = wal::Wal::create(
        fs.clone(),
        Path::new("/wal"),
        identity,
        base,
        wal::Options::default(),
    )
    .expect("a new log");
    let found = witness_file::read(&fs, Path::new("/")).expect("there is none");
    let file = WitnessFile::begin(&fs, Path::new("/"), &found, identity, log.witness())
        .expect("it is made");
    let status = Arc::new(Status::default());
    let mut flusher = Flusher::new(
        store.clone(),
        Arc::new(Mutex::new(log.witness())),
        file,
        status.clone(),
        Metrics::new("test"),
        directory.path().to_owned(),
    );
    let mut apply_up_to = |index| {
        let mut batch = writer.batch();
        batch.skip(index);
        batch.commit().expect("committed");
    };
    apply_up_to(10);
    flusher.flush(false).expect("flushed");
    apply_up_to(20);
    status.refusals().add(Refusal::LogFull("full".to_owned()));
    let (ask, requests) = sync_channel(1);
    let flushing =
        thread::spawn(move || flusher.run(&requests, |_| {}, |_| {}, || writer.touch().is_ok()));
    let mut released = Vec::new();
    for wanted in [10, 20] {
        ask.send(()).expect("the thread waits");
        let until = Instant::now() + Duration::from_secs(20);
        while status.releasable() < wanted && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        released.push(status.releasable());
    }
    drop(ask);
    flushing.join().expect("no panic").expect("no failure");
    assert_eq!(released, [10, 20]);
    assert_eq!(store.durable().index, 20);
}
