//! Opening again and again: nothing is lost, nothing is added, whatever stops or fails on the way.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use wal::fs::sim::{SimFault, SimFs};
use wal::{Error, Options, Wal};

use crate::support::{
    Driver, IDENTITY, Model, dir, each_seed, entries, entry, open_plain, segments, small_options,
};
use crate::watched::{Seen, WatchedFs};

/// A killed log with unproven groups and, if asked, a torn tail behind them.
struct Killed {
    disk: SimFs,
    /// What it holds, its last two groups never synced.
    model: Model,
    /// What was synced of it.
    synced: Model,
    newest: PathBuf,
    /// The bytes of the torn tail, and where it begins.
    torn: Option<(u64, Vec<u8>)>,
}

fn killed(seed: u64, reused: bool, torn: bool) -> Killed {
    let mut driver = Driver::new(seed, small_options());
    driver.create().unwrap();
    if reused {
        for last in [10, 20] {
            driver
                .append(&entries(1, last - 9..=last, 900), None)
                .unwrap();
            driver.sync().unwrap();
            driver.flush(last);
            driver.log().release(last).unwrap();
        }
    }
    let last = driver.latest().last();
    driver
        .append(&entries(1, last + 1..=last + 2, 200), None)
        .unwrap();
    driver.sync().unwrap();
    for index in last + 3..=last + 4 {
        driver.append(&[entry(1, index, 700)], None).unwrap();
        driver.log().write().unwrap();
    }
    let model = driver.latest();
    let mut tail = None;
    if torn {
        for index in last + 5..=last + 6 {
            driver.append(&[entry(1, index, 900)], None).unwrap();
            driver.log().write().unwrap();
        }
    }
    let newest = segments(&driver.disk).pop().unwrap();
    driver.log = None;
    if torn {
        let end = wal::inspect(&driver.disk, &dir(), None, None).unwrap().end;
        let start = end.place.offset as usize - 2 * 1024;
        driver.disk.corrupt(&newest, |content| {
            // Both groups lie in two sectors each; the first one fails its checksum.
            content[start + 300] ^= 1;
            tail = Some((start as u64, content[start..start + 2048].to_vec()));
        });
    }
    driver.disk.restart();
    Killed {
        disk: driver.disk,
        model,
        synced: driver.acked,
        newest,
        torn: tail,
    }
}

impl Killed {
    /// Opens a log from which a power loss may have taken groups that no open had got to sync.
    fn check_some(&self, disk: &SimFs) -> Wal<SimFs> {
        let (log, _) = open_plain(disk, None).unwrap();
        let mut left = self.model.clone();
        left.entries.split_off(&(log.last_index() + 1));
        assert!(left.last() >= self.synced.last());
        assert_eq!(disk.quietly(|| left.differs(&log)), None);
        log
    }

    /// Opens and checks.
    fn check(&self, disk: &SimFs) -> Wal<SimFs> {
        let (log, _) = open_plain(disk, None).unwrap();
        assert_eq!(disk.quietly(|| self.model.differs(&log)), None);
        log
    }
}

#[test]
fn opening_writes_again_in_place_and_zeros_the_torn_tail() {
    for (seed, reused) in [(1, false), (2, true)] {
        let log = killed(seed, reused, true);
        let (offset, tail) = log.torn.clone().unwrap();
        let (before, files) = (log.disk.content(&log.newest).unwrap(), segments(&log.disk));
        let (opened, recovery) = open_plain(&log.disk, None).unwrap();
        assert_eq!(log.model.differs(&opened), None);
        assert_eq!(recovery.rewritten_groups, 2);
        let cut = recovery.torn_tail.unwrap();
        assert_eq!((cut.offset, cut.bytes), (offset, tail.len() as u64));
        let kept = log.disk.content(&cut.kept_aside.unwrap()).unwrap();
        assert!(kept == tail, "the tail is kept as it was");
        assert_eq!(segments(&log.disk), files, "no file is added");
        let after = log.disk.content(&log.newest).unwrap();
        let (start, end) = (offset as usize, offset as usize + tail.len());
        assert!(after[..start] == before[..start], "byte for byte the same");
        assert!(after[start..end].iter().all(|byte| *byte == 0));
        assert!(after[end..] == before[end..]);
        drop(opened);
        // All of it was synced: nothing is left for a power loss to take or to bring back.
        log.disk.power_loss(seed);
        let (opened, recovery) = open_plain(&log.disk, None).unwrap();
        assert_eq!(
            (log.model.differs(&opened), recovery.torn_tail),
            (None, None)
        );
    }
}

#[test]
fn opening_stopped_at_every_operation_loses_nothing() {
    each_seed("opening_stopped_at_every_operation", 40, |seed| {
        let log = killed(seed, seed % 2 == 0, seed % 4 < 2);
        for n in 1.. {
            let disk = log.disk.fork();
            disk.stop_at(n);
            let done = open_plain(&disk, None).is_ok();
            // Damage done to a file settles it: then even what was never synced is on the disk.
            let settled = done || log.torn.is_some();
            match seed % 3 {
                0 => {
                    disk.heal();
                    disk.restart();
                }
                _ => disk.power_loss(seed * 1000 + n),
            }
            // Stopped a second time, somewhere else.
            disk.stop_at(1 + (seed * 7 + n * 3) % 30);
            let _ = open_plain(&disk, None);
            disk.power_loss(seed * 2000 + n);
            let mut opened = match settled {
                true => log.check(&disk),
                false => log.check_some(&disk),
            };
            assert_eq!(segments(&disk), segments(&log.disk), "stopped at {n}");
            // It goes on from there, and the old tail never comes back.
            let last = opened.last_index();
            opened
                .append(&entries(7, last + 1..=last + 2, 100), None)
                .unwrap();
            opened.write().unwrap();
            drop(opened);
            disk.power_loss(seed * 3000 + n);
            let (opened, _) = open_plain(&disk, None).unwrap();
            assert!((last..=last + 2).contains(&opened.last_index()));
            let found = opened
                .reader()
                .entries(last + 1, opened.last_index() + 1, 1 << 20)
                .unwrap();
            assert!(found.iter().all(|entry| entry.term == 7), "stopped at {n}");
            if done {
                assert!(n > 8, "{n}");
                break;
            }
        }
    });
}

#[test]
fn every_operation_of_an_opening_may_fail() {
    for fault in [
        SimFault::Eio,
        SimFault::NoSpace,
        SimFault::ShortWrite,
        SimFault::TornWrite,
        SimFault::ReadOnly,
    ] {
        let (mut moved, mut dropped) = (0, 0);
        for seed in 1..=4 {
            let log = killed(seed, seed % 2 == 0, true);
            for n in 1.. {
                let disk = log.disk.fork();
                disk.fail_operation(n, fault);
                match open_plain(&disk, None) {
                    Ok((opened, recovery)) => {
                        assert_eq!(disk.quietly(|| log.model.differs(&opened)), None);
                        moved += usize::from(segments(&disk).len() > segments(&log.disk).len());
                        dropped += usize::from(recovery.torn_tail.unwrap().kept_aside.is_none());
                    }
                    Err(
                        Error::Io { .. }
                        | Error::NoSpace { .. }
                        | Error::ReadOnly { .. }
                        | Error::Poisoned { .. },
                    ) => {}
                    Err(error) => panic!("{fault:?} at {n}: {error}"),
                }
                let operations = disk.operations() - log.disk.operations();
                disk.power_loss(seed * 100 + n);
                drop(log.check(&disk));
                disk.power_loss(seed * 200 + n);
                let (_, recovery) = open_plain(&disk, None).unwrap();
                assert_eq!(recovery.torn_tail, None, "{fault:?} at {n}");
                if operations < n {
                    break;
                }
            }
        }
        // A bad sector moves the log's end elsewhere; a full disk costs the kept tail and nothing else.
        // (A sync that fails is never just a full disk.)
        assert_eq!(
            moved > 0,
            fault != SimFault::ShortWrite,
            "{fault:?}: {moved}"
        );
        assert_eq!(
            dropped > 0,
            fault == SimFault::NoSpace,
            "{fault:?}: {dropped}"
        );
    }
}

#[test]
fn a_disk_that_takes_the_end_nowhere_fails_the_open_and_changes_nothing() {
    type Refuse = fn(&Seen) -> &AtomicBool;
    let refusals: [(Refuse, bool); 2] = [
        (|seen| &seen.refuse_writes, false),
        (|seen| &seen.refuse_syncs, true),
    ];
    for (refuse, poisoned) in refusals {
        let log = killed(3, false, false);
        let before = log.disk.content(&log.newest).unwrap();
        let fs = WatchedFs::new(log.disk.clone());
        refuse(&fs.seen).store(true, Ordering::SeqCst);
        let error = Wal::open(fs, &dir(), Some(IDENTITY), None, small_options()).unwrap_err();
        assert_eq!(matches!(error, Error::Poisoned { .. }), poisoned, "{error}");
        assert!(log.disk.content(&log.newest).unwrap() == before);
        assert_eq!(segments(&log.disk).len(), 1);
        log.disk.restart();
        // The next one finds what this one found.
        let (opened, recovery) = open_plain(&log.disk, None).unwrap();
        assert_eq!(recovery.rewritten_groups, 2);
        assert_eq!(log.model.differs(&opened), None);
        let left = log.disk.files().into_iter();
        assert_eq!(
            left.filter(|path| path.extension() == Some("tmp".as_ref()))
                .count(),
            0
        );
    }
}

#[test]
fn a_full_disk_does_not_stop_an_opening() {
    for torn in [false, true] {
        let log = killed(5, true, torn);
        log.disk.set_capacity(Some(log.disk.used()));
        let (mut opened, recovery) = open_plain(&log.disk, None).unwrap();
        assert_eq!(log.model.differs(&opened), None);
        assert_eq!(recovery.rewritten_groups, 2);
        let kept = recovery.torn_tail.map(|cut| cut.kept_aside);
        assert_eq!(kept, torn.then_some(None), "there is no room for the tail");
        let names = log.disk.files().into_iter();
        let kept = names.filter(|path| path.to_string_lossy().contains("torn-"));
        assert_eq!(kept.count(), 0, "nor for a part of it");
        // What fits into the segment is still written.
        let last = log.model.last();
        opened.append(&[entry(1, last + 1, 10)], None).unwrap();
        opened.sync().unwrap();
        drop(opened);
        log.disk.power_loss(1);
        assert_eq!(
            open_plain(&log.disk, None).unwrap().0.last_index(),
            last + 1
        );
    }
}

#[test]
fn what_is_left_of_a_tail_does_not_take_the_place_of_the_tail_kept_aside() {
    let log = killed(7, false, true);
    let (_, tail) = log.torn.clone().unwrap();
    let (mut partly, mut n) = (0, 1);
    loop {
        let disk = log.disk.fork();
        disk.stop_at(n);
        let done = open_plain(&disk, None).is_ok();
        disk.power_loss(n);
        let (_, recovery) = open_plain(&disk, None).unwrap();
        if let Some(cut) = recovery.torn_tail {
            let kept = disk.content(&cut.kept_aside.unwrap()).unwrap();
            assert!(kept == tail, "stopped at {n}");
            partly += 1;
        }
        if done {
            break;
        }
        n += 1;
    }
    assert!(partly > 5, "{partly}");
}

#[test]
fn a_thousand_kills_leave_as_many_segments_as_none() {
    let options = Options {
        segment_bytes: 64 << 10,
        ..small_options()
    };
    let run = |kill: bool| {
        let mut driver = Driver::new(1, options.clone());
        driver.create().unwrap();
        for round in 1..=1000 {
            driver.append(&[entry(1, round, 40)], None).unwrap();
            match round % 3 {
                0 => driver.log().write().unwrap(),
                _ => driver.sync().unwrap(),
            }
            if kill {
                driver.log = None;
                driver.disk.restart();
                driver.options = options.clone();
                driver.open().unwrap();
            }
        }
        driver.sync().unwrap();
        driver.check();
        driver.disk.files()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn at_the_limit_of_segments_writes_wait_for_a_release_and_openings_do_not() {
    let mut driver = Driver::new(1, small_options());
    driver.options.segments_max = 3;
    driver.create().unwrap();
    let mut index = 0;
    let refused = loop {
        index += 1;
        driver.append(&[entry(1, index, 900)], None).unwrap();
        if let Err(error) = driver.sync() {
            break error;
        }
        assert!(index < 100);
    };
    assert!(
        matches!(refused, Error::TooManySegments { segments: 3 }),
        "{refused}"
    );
    assert!(refused.is_temporary());
    driver.append(&[entry(1, index + 1, 900)], None).unwrap();
    assert!(driver.sync().unwrap_err().is_temporary());
    let durable = driver.acked.last();
    assert_eq!(durable, index - 1);
    driver.flush(durable);
    driver.log().release(durable).unwrap();
    driver.sync().unwrap();
    driver.check();
    // A log that has more than it may have opens, and its reads go on.
    driver.options.segments_max = 20;
    driver.log = None;
    driver.disk.restart();
    driver.open().unwrap();
    driver
        .append(&entries(1, index + 2..=index + 12, 900), None)
        .unwrap();
    driver.sync().unwrap();
    driver.log = None;
    driver.disk.restart();
    driver.options.segments_max = 2;
    driver.open().unwrap();
    driver.check();
    driver
        .append(&entries(1, index + 13..=index + 30, 900), None)
        .unwrap();
    assert!(driver.sync().unwrap_err().is_temporary());
    let mut rounds = 0;
    while let Err(error) = driver.sync() {
        // Some groups of the run fit after each release, and no more.
        assert!(error.is_temporary() && rounds < 20, "{error}");
        rounds += 1;
        let durable = driver.log().durable().index;
        driver.flush(durable);
        driver.log().release(durable).unwrap();
    }
    assert!(rounds > 1, "{rounds}");
    driver.check();
}
