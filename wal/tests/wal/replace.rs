//! A log that is replaced: the old one or the new one at every instant, and the old files are kept.

use std::collections::BTreeSet;
use std::path::PathBuf;

use wal::fs::Fs;
use wal::fs::sim::{SimFault, SimFs};
use wal::{Error, HardState, Position, Wal};

use crate::damage::{Log, log_of, refused};
use crate::support::{IDENTITY, dir, entries, open_plain, segments, small_options};

const BASE: Position = Position { term: 1, index: 48 };
const STATE: HardState = HardState {
    term: 1,
    vote: 7,
    commit: 48,
};

fn replace(disk: &SimFs, witness: Option<&wal::Witness>) -> Result<Wal<SimFs>, Error> {
    let (fs, options) = (disk.clone(), small_options());
    Wal::replace(fs, &dir(), IDENTITY, BASE, STATE, witness, options)
}

/// Replaces with the machine stopped at its `stop`th operation: whether it reported success, and whether it
/// got to its end.
fn replace_until(disk: &SimFs, witness: Option<&wal::Witness>, stop: u64) -> (bool, bool) {
    let before = disk.operations();
    disk.stop_at(stop);
    let done = replace(disk, witness).is_ok();
    (done, disk.operations() - before < stop)
}

fn damaged() -> Log {
    let log = log_of(8, 24, 500);
    let file = &segments(&log.disk)[1];
    log.disk.corrupt(file, |content| content[600..700].fill(0));
    refused(&log.disk, None);
    log
}

fn set_aside(disk: &SimFs) -> Vec<PathBuf> {
    let files = disk.files().into_iter();
    let damaged = |path: &PathBuf| path.extension().is_some_and(|end| end == "damaged");
    files.filter(damaged).collect()
}

/// The contents of all segments, set aside or not.
fn contents(disk: &SimFs) -> BTreeSet<Vec<u8>> {
    let files = segments(disk).into_iter().chain(set_aside(disk));
    files.filter_map(|path| disk.content(&path)).collect()
}

fn assert_new(disk: &SimFs, log: &Wal<SimFs>) {
    assert_eq!((log.last_index(), log.base()), (BASE.index, BASE));
    assert_eq!(log.hard_state(), STATE);
    assert_eq!(segments(disk).len(), 1);
}

#[test]
fn a_replacement_stopped_at_every_operation_leaves_the_old_log_or_the_new_one() {
    let log = damaged();
    let old = contents(&log.disk);
    let (mut as_it_was, mut new) = (0, 0);
    for stop in 1..60 {
        for seed in 0..6 {
            let disk = log.disk.fork();
            let (done, ended) = replace_until(&disk, Some(&log.witness), stop);
            match seed {
                0 => {
                    disk.heal();
                    disk.restart();
                }
                _ => disk.power_loss(seed * 100 + stop),
            }
            assert!(contents(&disk).is_superset(&old), "nothing is deleted");
            // Opening may be stopped too while it goes on with setting aside.
            disk.stop_at(1 + (stop * 5 + seed) % 25);
            let _ = open_plain(&disk, Some(&log.witness));
            disk.power_loss(seed * 200 + stop);
            match open_plain(&disk, Some(&log.witness)) {
                Ok((opened, _)) => {
                    assert_new(&disk, &opened);
                    assert_eq!(set_aside(&disk).len(), old.len());
                    new += 1;
                }
                Err(Error::Damaged(_)) => {
                    assert!(!done, "stopped at {stop}");
                    assert_eq!(set_aside(&disk).len(), 0);
                    as_it_was += 1;
                }
                Err(other) => panic!("{other}"),
            }
            assert!(contents(&disk).is_superset(&old), "nothing is deleted");
            if ended && seed == 5 {
                assert!(as_it_was > 10 && new > 10, "{as_it_was} {new}");
                return;
            }
        }
    }
    panic!("the replacement never finished");
}

#[test]
fn a_replacement_that_fails_at_any_operation_can_be_repeated_or_is_done() {
    for fault in [
        SimFault::Eio,
        SimFault::NoSpace,
        SimFault::TornWrite,
        SimFault::ReadOnly,
    ] {
        for n in 1..60 {
            let log = damaged();
            let old = contents(&log.disk);
            log.disk.fail_operation(n, fault);
            let first = replace(&log.disk, None).map(|_| ());
            log.disk.heal();
            log.disk.restart();
            let opened = match first {
                Err(Error::Poisoned { .. }) => open_plain(&log.disk, None),
                Err(_) => {
                    refused(&log.disk, None);
                    replace(&log.disk, None).map(drop).unwrap();
                    open_plain(&log.disk, None)
                }
                Ok(()) => open_plain(&log.disk, None),
            };
            match opened {
                Ok((opened, _)) => assert_new(&log.disk, &opened),
                Err(Error::Damaged(_)) => assert!(first.is_err()),
                Err(error) => panic!("{fault:?} at {n}: {error}"),
            }
            assert!(contents(&log.disk).is_superset(&old), "{fault:?} at {n}");
        }
    }
}

#[test]
fn a_missing_log_is_created_and_an_old_witness_does_not_contradict_it() {
    let log = log_of(9, 24, 500);
    let some_left = log.disk.fork();
    for file in &segments(&some_left)[1..] {
        some_left.remove(file).unwrap();
    }
    let none_left = some_left.fork();
    none_left.remove(&segments(&none_left)[0]).unwrap();
    let nothing = SimFs::new(1);
    for disk in [some_left, none_left, nothing] {
        let left = segments(&disk).len();
        let operations = disk.fork();
        replace(&operations, Some(&log.witness)).unwrap();
        for stop in 1..=operations.operations() - disk.operations() + 1 {
            let disk = disk.fork();
            disk.stop_at(stop);
            let done = replace(&disk, Some(&log.witness)).is_ok();
            disk.power_loss(stop);
            match open_plain(&disk, Some(&log.witness)) {
                Ok((opened, recovery)) => {
                    assert_new(&disk, &opened);
                    assert_eq!(recovery.witness, wal::WitnessCheck::Gone);
                    assert_eq!(set_aside(&disk).len(), left);
                }
                Err(Error::NoLog { .. } | Error::Damaged(_)) => assert!(!done),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_log_with_two_files_of_one_number_is_replaced_as_well() {
    let log = log_of(10, 24, 500);
    let copy = dir().join("0000000000000002-0000000000000001.wal");
    let content = log.disk.content(&segments(&log.disk)[1]).unwrap();
    let file = log.disk.create(&copy).unwrap();
    wal::fs::File::write_all_at(&file, 0, &content).unwrap();
    log.disk.settle();
    refused(&log.disk, None);
    let count = segments(&log.disk).len();
    for stop in 1..60 {
        let disk = log.disk.fork();
        let (done, ended) = replace_until(&disk, None, stop);
        disk.power_loss(stop);
        match open_plain(&disk, None) {
            Ok((opened, _)) => {
                assert_new(&disk, &opened);
                assert_eq!(set_aside(&disk).len(), count);
            }
            Err(Error::Damaged(_)) => assert!(!done),
            Err(other) => panic!("{other}"),
        }
        if ended {
            return;
        }
    }
    panic!("the replacement never finished");
}

#[test]
fn what_an_earlier_replacement_kept_goes_with_the_next_one_and_not_before() {
    let log = damaged();
    replace(&log.disk, None).map(drop).unwrap();
    let first = set_aside(&log.disk);
    assert!(first.len() > 2);
    log.disk.restart();
    let (mut opened, _) = open_plain(&log.disk, None).unwrap();
    opened.append(&entries(1, 49..=60, 900), None).unwrap();
    opened.sync().unwrap();
    drop(opened);
    log.disk.restart();
    let second = segments(&log.disk);
    for stop in 1..60 {
        let disk = log.disk.fork();
        let (done, ended) = replace_until(&disk, None, stop);
        disk.power_loss(stop);
        let (opened, _) = open_plain(&disk, None).unwrap();
        let replaced = opened.last_index() == BASE.index;
        let kept = set_aside(&disk);
        let earlier = first.iter().filter(|path| kept.contains(path)).count();
        assert!(replaced || earlier == first.len(), "stopped at {stop}");
        assert_eq!(
            kept.len() - earlier,
            if replaced { second.len() } else { 0 }
        );
        assert!(!done || replaced, "stopped at {stop}");
        if ended {
            assert_eq!((replaced, earlier), (true, 0));
            return;
        }
    }
    panic!("the replacement never finished");
}
