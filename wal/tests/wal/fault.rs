//! Failing calls (F9, F10): no corruption, reads go on, writes resume where they may.

use std::sync::atomic::Ordering;

use wal::fs::sim::{SimFault, SimFs};
use wal::{Error, HardState, Position, Wal};

use crate::support::{
    Driver, IDENTITY, dir, each_seed, entries, entry, open_plain, read_all, segments, small_options,
};
use crate::watched::{EMFILE, WatchedFs};

/// Goes on after an error as a node does: tries again, or restarts when the log is poisoned.
fn cope(driver: &mut Driver, error: &Error) {
    match error {
        Error::Poisoned { .. } => {
            if let Some(log) = &mut driver.log {
                driver.disk.quietly(|| read_all(log));
                assert!(log.is_poisoned());
                assert!(matches!(log.sync(), Err(Error::Poisoned { .. })));
                assert!(matches!(log.append(&[], None), Err(Error::Poisoned { .. })));
            }
            driver.disk.restart();
            driver.recover();
        }
        Error::Io { .. } | Error::NoSpace { .. } | Error::ReadOnly { .. } => {
            if driver.log.is_none() {
                driver.recover();
            } else {
                driver.sync().expect("the fault was a single one");
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn one_fault_at_every_operation_corrupts_nothing() {
    each_seed("one_fault_at_every_operation", 3, |seed| {
        let steps = 45;
        let mut whole = Driver::new(seed, small_options());
        run(&mut whole, steps);
        for fault in [
            SimFault::Eio,
            SimFault::NoSpace,
            SimFault::ShortWrite,
            SimFault::TornWrite,
            SimFault::ReadOnly,
        ] {
            for n in 1..=whole.disk.operations() {
                let mut driver = Driver::new(seed, small_options());
                driver.disk.fail_operation(n, fault);
                run(&mut driver, steps);
                driver
                    .sync()
                    .unwrap_or_else(|error| cope(&mut driver, &error));
                driver.check();
                driver.disk.power_loss(n);
                driver.recover();
                driver.check();
            }
        }
    });
}

fn run(driver: &mut Driver, steps: usize) {
    if driver.create().is_err() {
        driver.recover();
    }
    for _ in 0..steps {
        if let Err(error) = driver.random_step() {
            cope(driver, &error);
        }
    }
}

#[test]
fn a_full_disk_refuses_and_resumes_without_losing_order() {
    let mut driver = Driver::new(1, small_options());
    driver.create().unwrap();
    driver.append(&entries(1, 1..=3, 500), None).unwrap();
    driver.sync().unwrap();
    // Room for what the current segment holds and no byte more: the next segment cannot be made.
    driver.disk.set_capacity(Some(driver.disk.used()));
    let mut index = 4;
    let refused = loop {
        driver.append(&[entry(1, index, 900)], None).unwrap();
        index += 1;
        match driver.sync() {
            Ok(()) => assert!(index < 50, "the disk never gets full"),
            Err(error) => break error,
        }
    };
    assert!(refused.is_temporary(), "{refused}");
    assert!(refused.to_string().contains("no space left"), "{refused}");
    for _ in 0..3 {
        assert!(driver.sync().unwrap_err().is_temporary());
        assert_eq!(read_all(driver.log()).len() as u64, driver.acked.last());
    }
    assert!(driver.log().prepare_next().unwrap_err().is_temporary());
    assert!(driver.log().space_low(0));
    driver
        .append(
            &[entry(1, index, 20)],
            Some(HardState {
                term: 1,
                vote: 3,
                commit: 1,
            }),
        )
        .unwrap();
    driver.disk.heal();
    driver.sync().unwrap();
    assert!(driver.log().prepare_next().unwrap());
    assert!(!driver.log().space_low(0));
    driver.check();
    driver.disk.power_loss(3);
    driver.open().unwrap();
    driver.check();
}

#[test]
fn a_file_system_that_becomes_read_only_is_waited_for_and_named() {
    let mut driver = Driver::new(1, small_options());
    driver.create().unwrap();
    driver.append(&entries(1, 1..=3, 500), None).unwrap();
    driver.sync().unwrap();
    driver.disk.fail_writes(SimFault::ReadOnly);
    // In the segment there is, and where the next one is needed.
    for payload in [10, 6000] {
        let index = driver.latest().last() + 1;
        driver.append(&[entry(1, index, payload)], None).unwrap();
        for _ in 0..3 {
            let refused = driver.sync().unwrap_err();
            assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
            assert!(refused.is_temporary());
            let told = refused.to_string();
            assert!(told.contains("the file system is read-only"), "{told}");
            assert!(told.contains("remount it read-write"), "{told}");
            assert_eq!(read_all(driver.log()).len() as u64, driver.acked.last());
        }
    }
    driver.log().prepare_next().unwrap_err();
    assert!(!driver.log().space_low(0), "there is room");
    driver.disk.heal();
    driver.sync().unwrap();
    driver.check();
    driver.disk.power_loss(3);
    driver.open().unwrap();
    driver.check();
}

#[test]
fn an_exhausted_quota_is_a_full_disk() {
    // EDQUOT, ENOSPC, EFBIG; not EIO.
    for (number, full) in [(122, true), (28, true), (27, true), (5, false)] {
        let error = std::io::Error::from_raw_os_error(number);
        assert_eq!(wal::fs::is_no_space(&error), full, "{error}");
    }
}

#[test]
fn a_refused_group_does_not_come_back_after_a_crash() {
    // The small group is whole in the half that a torn write stores: only the undo takes it back.
    for (fault, bytes) in [
        (SimFault::NoSpace, 700),
        (SimFault::TornWrite, 700),
        (SimFault::TornWrite, 100),
    ] {
        let mut driver = Driver::new(5, small_options());
        driver.create().unwrap();
        driver.append(&entries(1, 1..=2, 100), None).unwrap();
        driver.sync().unwrap();
        driver.append(&[entry(1, 3, bytes)], None).unwrap();
        driver.disk.fail_operation(1, fault);
        driver.sync().unwrap_err();
        driver.disk.restart();
        let recovery = driver.open().unwrap();
        assert_eq!(recovery.last_index, 2, "{fault:?} {bytes}");
    }
}

#[test]
fn a_failed_sync_is_final_and_a_restart_trusts_only_what_it_synced_again() {
    for loss in 0..60 {
        let mut driver = Driver::new(loss, small_options());
        driver.create().unwrap();
        driver.append(&entries(1, 1..=3, 200), None).unwrap();
        driver.sync().unwrap();
        driver.append(&entries(1, 4..=6, 200), None).unwrap();
        driver.disk.fail_sync(1);
        let error = driver.sync().unwrap_err();
        assert!(matches!(error, Error::Poisoned { .. }), "{error}");
        // The next sync of the file would succeed; the log must not ask for it.
        let syncs = driver.disk.syncs();
        assert!(matches!(driver.sync(), Err(Error::Poisoned { .. })));
        assert!(matches!(
            driver.log().release(1),
            Err(Error::Poisoned { .. })
        ));
        assert_eq!(driver.disk.syncs(), syncs);
        assert_eq!(read_all(driver.log()).len(), 6, "reads go on");
        // The page cache still has the group, the disk need not: what open returns must survive.
        driver.disk.restart();
        let recovery = driver.open().unwrap();
        assert_eq!(recovery.last_index, 6);
        assert!(recovery.rewritten_groups >= 1);
        driver.disk.power_loss(loss);
        assert_eq!(driver.open().unwrap().last_index, 6, "loss {loss}");
    }
}

#[test]
fn callers_mistakes_are_refused_and_leave_no_trace() {
    let mut driver = Driver::new(1, small_options());
    driver.create().unwrap();
    driver.append(&entries(1, 1..=30, 800), None).unwrap();
    driver.sync().unwrap();
    driver.flush(20);
    driver.log().release(20).unwrap();
    let first = driver.log().first_index();
    assert!(first > 1 && first <= 21, "{first}");
    let refusal = |driver: &mut Driver, entries: &[wal::Entry]| {
        driver
            .log()
            .append(entries, Some(&HardState::default()))
            .unwrap_err()
    };
    assert!(matches!(
        refusal(&mut driver, &[entry(1, 32, 1)]),
        Error::OutOfOrder { index: 32, .. }
    ));
    let gap = [entry(1, 31, 1), entry(1, 33, 1)];
    assert!(matches!(
        refusal(&mut driver, &gap),
        Error::OutOfOrder {
            index: 33,
            previous: 31
        }
    ));
    assert!(matches!(
        refusal(&mut driver, &[entry(1, 1, 1)]),
        Error::Compacted { index: 1, .. }
    ));
    let mut large = entry(1, 31, 0);
    large.payload = vec![0; wal::PAYLOAD_BYTES_MAX + 1].into();
    assert!(matches!(
        refusal(&mut driver, &[large]),
        Error::TooLarge { index: 31, .. }
    ));
    driver.sync().unwrap();
    driver.check();
    let reader = driver.log().reader();
    assert!(matches!(
        reader.entries(1, 2, 10),
        Err(Error::Compacted { index: 1, .. })
    ));
    assert!(matches!(
        reader.entries(30, 32, 10),
        Err(Error::Unavailable {
            index: 31,
            last: 30
        })
    ));
    assert!(matches!(
        reader.term(first - 2),
        Err(Error::Compacted { .. })
    ));
    assert_eq!(reader.term(31).unwrap(), None);
}

/// A directory that cannot be opened to be synced is no failed sync: nothing was tried, so nothing is lost by trying again.
#[test]
fn a_want_of_descriptors_is_no_failed_sync() {
    let fs = WatchedFs::new(SimFs::new(1));
    let disk = fs.disk.clone();
    let begun = Wal::create(
        fs.clone(),
        &dir(),
        IDENTITY,
        Position::default(),
        small_options(),
    );
    let mut log = begun.unwrap();
    log.append(&entries(1, 1..=12, 900), None).unwrap();
    log.sync().unwrap();
    fs.seen.refuse_directories.store(true, Ordering::SeqCst);
    log.append(&entries(1, 13..=40, 900), None).unwrap();
    for _ in 0..3 {
        let error = log.sync().unwrap_err();
        let refused =
            matches!(&error, Error::Io { source, .. } if source.raw_os_error() == Some(EMFILE));
        assert!(refused, "{error}");
        let error = log.release(12).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
    assert!(!log.is_poisoned());
    fs.seen.refuse_directories.store(false, Ordering::SeqCst);
    log.sync().unwrap();
    log.release(6).unwrap();
    assert!(segments(&disk).len() > 1);
    drop(log);
    disk.power_loss(1);
    let (log, _) = open_plain(&disk, None).unwrap();
    assert_eq!(log.last_index(), 40);
}
