//! Spares and half-made files: each is known or removed, and none pile up.

use std::sync::atomic::Ordering;

use wal::fs::Fs;
use wal::fs::sim::{SimFault, SimFs};
use wal::{Position, Wal};

use crate::support::{IDENTITY, dir, entries, segments, small_options};
use crate::watched::WatchedFs;

fn count(disk: &SimFs, extension: &str) -> usize {
    let files = disk.files().into_iter();
    files
        .filter(|path| path.extension() == Some(extension.as_ref()))
        .count()
}

fn create<F: Fs>(fs: F) -> Wal<F> {
    Wal::create(fs, &dir(), IDENTITY, Position::default(), small_options()).unwrap()
}

#[test]
fn a_spare_whose_name_is_not_synced_is_still_used() {
    let disk = SimFs::new(1);
    let mut log = create(disk.clone());
    // The file's own sync is the first one, the directory's the second.
    disk.fail_sync(2);
    assert!(log.prepare_next().unwrap());
    assert_eq!(count(&disk, "spare"), 1);
    assert!(!log.prepare_next().unwrap(), "it is known");
    log.append(&entries(1, 1..=12, 900), None).unwrap();
    log.sync().unwrap();
    assert_eq!(segments(&disk).len(), 2);
    assert_eq!((count(&disk, "spare"), count(&disk, "tmp")), (0, 0));
}

#[test]
fn one_fault_at_every_operation_of_a_spare_leaves_no_unknown_file() {
    for fault in [
        SimFault::Eio,
        SimFault::NoSpace,
        SimFault::TornWrite,
        SimFault::ReadOnly,
    ] {
        for n in 1.. {
            let disk = SimFs::new(n);
            let mut log = create(disk.clone());
            disk.fail_operation(n, fault);
            let made = log.prepare_next();
            let hit = disk.quietly(|| count(&disk, "tmp") + count(&disk, "spare"));
            assert!(hit <= 1, "{fault:?} at {n}: {made:?}");
            let done = made.is_ok();
            disk.heal();
            log.prepare_next().unwrap();
            assert_eq!(count(&disk, "spare"), 1, "{fault:?} at {n}");
            assert_eq!(count(&disk, "tmp"), 0, "{fault:?} at {n}");
            log.append(&entries(1, 1..=12, 900), None).unwrap();
            log.sync().unwrap();
            assert_eq!(count(&disk, "spare"), 0, "{fault:?} at {n}");
            if done && n > 8 {
                break;
            }
        }
    }
}

#[test]
fn files_that_cannot_be_removed_do_not_pile_up() {
    let fs = WatchedFs::new(SimFs::new(1));
    let disk = fs.disk.clone();
    let mut log = create(fs.clone());
    log.append(&entries(1, 1..=6, 900), None).unwrap();
    log.sync().unwrap();
    fs.seen.refuse_removal.store(true, Ordering::SeqCst);
    disk.set_capacity(Some(disk.used() + 3000));
    log.append(&entries(1, 7..=20, 900), None).unwrap();
    for _ in 0..100 {
        // Both the appender and the maker of spares begin a file and cannot finish it.
        log.prepare_next().unwrap_err();
        log.sync().unwrap_err();
    }
    assert!(count(&disk, "tmp") <= 10, "{:?}", disk.files());
    fs.seen.refuse_removal.store(false, Ordering::SeqCst);
    disk.set_capacity(None);
    log.sync().unwrap();
    log.prepare_next().unwrap();
    assert_eq!(count(&disk, "tmp"), 0, "{:?}", disk.files());
}

#[test]
fn a_release_whose_rename_failed_half_way_leaves_no_unknown_spare() {
    for n in 1..12 {
        let disk = SimFs::new(n);
        let mut log = create(disk.clone());
        log.append(&entries(1, 1..=40, 900), None).unwrap();
        log.sync().unwrap();
        disk.fail_operation(n, SimFault::Eio);
        if let Err(wal::Error::Poisoned { .. }) = log.release(30) {
            continue;
        }
        disk.heal();
        log.release(30).unwrap();
        let known = usize::from(!log.prepare_next().unwrap());
        assert_eq!(count(&disk, "spare"), 1, "{known}: {:?}", disk.files());
        assert_eq!(segments(&disk).len(), log.segments());
    }
}
