//! A sync that does not return: readers go on meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use wal::fs::sim::SimFs;
use wal::{Error, HardState, Position, Reader, Wal};

use crate::support::{IDENTITY, dir, entries, small_options};
use crate::watched::WatchedFs;

/// Only a reader that is held up waits for so long.
const HELD_UP: Duration = Duration::from_secs(60);

/// Everything a reader can ask, once; how many entries it got.
fn read(reader: &Reader<WatchedFs>) -> usize {
    let (first, last) = (reader.first_index(), reader.last_index());
    assert_eq!(reader.term(last).unwrap().is_some(), last > 0);
    match reader.entries(first, last + 1, usize::MAX) {
        Ok(found) => {
            let empty = last < first;
            assert_eq!(found.is_empty(), empty, "{first}..={last}");
            found.len()
        }
        Err(error) => panic!("{error}"),
    }
}

/// Blocks each sync until told to go on.
fn block_syncs(disk: &WatchedFs) -> (Receiver<()>, SyncSender<()>) {
    let (reached, at_sync) = sync_channel(0);
    let (go, told) = sync_channel::<()>(0);
    *disk.seen.before_sync.lock().unwrap() = Some(Box::new(move || {
        reached.send(()).unwrap();
        told.recv().unwrap();
    }));
    (at_sync, go)
}

/// Runs `step` with every sync blocked in turn, reads at each of them, and counts them.
fn syncs_of(
    disk: &WatchedFs,
    mut log: Wal<WatchedFs>,
    step: fn(&mut Wal<WatchedFs>) -> Result<(), Error>,
) -> (Wal<WatchedFs>, u32) {
    let reader = log.reader();
    let (at_sync, go) = block_syncs(disk);
    let seen = Arc::clone(&disk.seen);
    let writer = std::thread::spawn(move || {
        step(&mut log).unwrap();
        // The hook's end of the channel goes with it.
        *seen.before_sync.lock().unwrap() = None;
        log
    });
    let mut blocked = 0;
    while at_sync.recv().is_ok() {
        let (reader, (done, got)) = (reader.clone(), sync_channel(1));
        let reading = std::thread::spawn(move || done.send(read(&reader)));
        let count = got.recv_timeout(HELD_UP);
        count.expect("the reader is not held up by the sync");
        reading.join().unwrap().unwrap();
        blocked += 1;
        go.send(()).unwrap();
    }
    (writer.join().unwrap(), blocked)
}

#[test]
fn readers_read_while_any_sync_of_the_log_hangs() {
    let disk = WatchedFs::new(SimFs::new(1));
    let (fs, options) = (disk.clone(), small_options());
    let mut log = Wal::create(fs, &dir(), IDENTITY, Position::default(), options).unwrap();
    log.append(&entries(1, 1..=3, 500), None).unwrap();
    log.sync().unwrap();

    let (log, syncs) = syncs_of(&disk, log, |log| {
        log.append(&entries(1, 4..=5, 100), None)?;
        log.sync().map(|_| ())
    });
    assert_eq!(syncs, 1, "one sync for each group");
    let (log, syncs) = syncs_of(&disk, log, |log| {
        log.append(&entries(1, 6..=40, 900), None)?;
        log.sync().map(|_| ())
    });
    assert!(syncs > 10, "syncs of cuts: {syncs}");
    let (log, syncs) = syncs_of(&disk, log, |log| log.prepare_next().map(|_| ()));
    assert_eq!(syncs, 2, "a spare and its name");
    let (log, syncs) = syncs_of(&disk, log, |log| log.release(20));
    assert!(syncs > 1, "released segments: {syncs}");
    let (mut log, syncs) = syncs_of(&disk, log, |log| {
        let (base, state) = (Position { term: 1, index: 40 }, HardState::default());
        log.append(&entries(1, 41..=41, 900), None)?;
        log.sync()?;
        log.restart_at(base, state)?;
        log.append(&entries(1, 41..=41, 10), None)
    });
    assert!(syncs > 2, "a restart: {syncs}");
    log.sync().unwrap();
    assert_eq!(read(&log.reader()), 1);
}
