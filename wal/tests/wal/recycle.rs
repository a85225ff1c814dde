//! Recycled files: what an earlier use left never counts, and a reader at work is never shown another use.

use std::sync::{Arc, Mutex};

use wal::fs::sim::SimFs;
use wal::{Options, Position, Wal};

use crate::support::{Driver, IDENTITY, dir, each_seed, entries, small_options};
use crate::watched::WatchedFs;

#[test]
fn a_segment_that_is_being_read_is_not_recycled_under_the_reader() {
    let disk = WatchedFs::new(SimFs::new(1));
    let seen = Arc::clone(&disk.seen);
    let options = Options {
        spare_segments: 4,
        ..small_options()
    };
    let log = Wal::create(disk, &dir(), IDENTITY, Position::default(), options).unwrap();
    let log = Arc::new(Mutex::new(log));
    log.lock()
        .unwrap()
        .append(&entries(1, 1..=40, 900), None)
        .unwrap();
    log.lock().unwrap().sync().unwrap();
    let reader = log.lock().unwrap().reader();
    let writer = Arc::clone(&log);
    // While the first segments are being read: released, used again, written over.
    *seen.on_read.lock().unwrap() = Some(Box::new(move || {
        let mut log = writer.lock().unwrap();
        log.release(35).unwrap();
        log.append(&entries(2, 41..=120, 900), None).unwrap();
        log.sync().unwrap();
    }));
    let found = reader.entries(1, 21, usize::MAX).unwrap();
    assert!(seen.on_read.lock().unwrap().is_none(), "the hook ran");
    assert!(!found.is_empty());
    assert!(found == entries(1, 1..=found.len() as u64, 900));
    assert!(reader.first_index() > 20);
}

#[test]
fn stale_bytes_of_a_recycled_segment_never_count() {
    each_seed("stale_bytes_of_a_recycled", 40, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.options.spare_segments = 3;
        driver.create().unwrap();
        for _ in 0..12 {
            let last = driver.latest().last();
            // Groups of one size lie at the same places in each use.
            for index in last + 1..=last + 6 {
                driver
                    .append(&entries(1, index..=index, 850), None)
                    .unwrap();
                driver.sync().unwrap();
            }
            driver.flush(last);
            driver.log().release(last).unwrap();
            if driver.random.one_in(3) {
                let loss = driver.random.next_u64();
                driver.disk.power_loss(loss);
                let recovery = driver.open().unwrap();
                assert_eq!(recovery.torn_tail, None, "stale groups are not a torn tail");
                driver.check();
            }
        }
        let spares = driver.disk.files().into_iter();
        let used = driver.log().segments()
            + spares
                .filter(|path| path.extension() == Some("spare".as_ref()))
                .count();
        assert!(used <= 8, "files are used again: {used}");
    });
}
