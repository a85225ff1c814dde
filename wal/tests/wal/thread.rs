//! Real files, the background thread, and readers beside the appender.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use wal::fs::OsFs;
use wal::{Error, Options, Position, Wal};

use crate::support::{IDENTITY, entries, entry};

fn options() -> Options {
    Options {
        segment_bytes: 256 << 10,
        ..Options::default()
    }
}

fn create(path: &Path) -> Wal {
    Wal::create(OsFs, path, IDENTITY, Position::default(), options()).unwrap()
}

#[test]
fn readers_see_whole_entries_while_the_log_is_appended_cut_and_released() {
    let home = tempfile::tempdir().unwrap();
    let mut log = create(&home.path().join("wal"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for piece in [0, 5_000, 200_000] {
            let (reader, done) = (log.reader(), &done);
            scope.spawn(move || {
                let mut checked = 0;
                while !done.load(Ordering::Acquire) || checked == 0 {
                    let (first, last) = (reader.first_index(), reader.last_index());
                    let low = first.max(last.saturating_sub(300));
                    match reader.entries(low, last + 1, piece) {
                        Ok(found) => {
                            for (found, index) in found.iter().zip(low..) {
                                assert_eq!(found, &entry(1, index, size_of(index)));
                                checked += 1;
                            }
                        }
                        Err(Error::Compacted { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        for index in 1..=6000 {
            log.append(&[entry(1, index, size_of(index))], None)
                .unwrap();
            if index % 7 == 0 {
                log.sync().unwrap();
            }
            if index % 500 == 0 {
                log.sync().unwrap();
                log.release(index - 200).unwrap();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(
        log.first_index() > 4000,
        "segments were released: {}",
        log.first_index()
    );
    assert!(log.segments() < 10);
}

fn size_of(index: u64) -> usize {
    (index * 37 % 700) as usize
}

#[test]
fn a_log_on_a_real_disk_comes_back_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("wal");
    let mut log = create(&path);
    for first in (1..=2000).step_by(10) {
        log.append(&entries(1, first..=first + 9, 250), None)
            .unwrap();
        log.sync().unwrap();
    }
    assert!(log.segments() > 1);
    let witness = log.witness();
    let reader = log.reader();
    drop(log);
    assert_eq!(
        reader.entries(1, 3, usize::MAX).unwrap(),
        entries(1, 1..=2, 250)
    );
    let opened = Wal::open(OsFs, &path, Some(IDENTITY), Some(&witness), options());
    let (log, recovery) = opened.unwrap();
    assert_eq!((recovery.first_index, recovery.last_index), (1, 2000));
    assert_eq!(recovery.torn_tail, None);
    let found = log.reader().entries(1, 2001, usize::MAX).unwrap();
    assert!(found == entries(1, 1..=found.len() as u64, 250));
}

#[test]
fn one_large_record_gets_a_segment_of_its_own_size() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("wal");
    let mut log = create(&path);
    let large = entry(1, 2, 3 << 20);
    log.append(&[entry(1, 1, 10), large.clone(), entry(1, 3, 10)], None)
        .unwrap();
    log.sync().unwrap();
    assert_eq!(
        log.reader().entries(2, 4, 10).unwrap(),
        std::slice::from_ref(&large)
    );
    drop(log);
    let (log, _) = Wal::open(OsFs, &path, None, None, options()).unwrap();
    assert_eq!(
        log.reader().entries(1, 4, usize::MAX).unwrap(),
        [entry(1, 1, 10), large, entry(1, 3, 10)]
    );
}
