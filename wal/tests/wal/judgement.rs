//! Judging changes nothing, opening does not read again, and what precedes damage can be read.

use std::sync::atomic::Ordering;

use wal::fs::Fs;
use wal::fs::sim::{SimFault, SimFs, SplitMix64};
use wal::{Error, Identity, Position, Proof, Wal, WitnessCheck};

use crate::damage::{Log, content_of, log_of};
use crate::support::{
    Driver, IDENTITY, Model, dir, each_seed, open_plain, segments, small_options,
};
use crate::watched::WatchedFs;

#[test]
fn judging_opens_nothing_for_writing_and_opening_reads_nothing_twice() {
    each_seed("judging_opens_nothing", 40, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.create().unwrap();
        for _ in 0..25 {
            driver.random_step().unwrap();
        }
        driver.log().write().unwrap();
        driver.log = None;
        driver.disk.power_loss(seed);
        let before = content_of(&driver.disk);
        let fs = WatchedFs::new(driver.disk.clone());
        driver.disk.fail_writes(SimFault::ReadOnly);
        let judgement = wal::judge(fs.clone(), &dir(), Some(IDENTITY), None).unwrap();
        driver.disk.heal();
        assert!(fs.seen.opened_for_writing.lock().unwrap().is_empty());
        assert!(content_of(&driver.disk) == before);
        let seen = judgement.recovery().clone();
        assert_eq!(judgement.end(), seen.end);
        let all = fs.seen.bytes_read.swap(0, Ordering::SeqCst);
        let (log, recovery) = judgement.open(small_options()).unwrap();
        assert_eq!(seen, recovery, "what was said is what is done");
        let again = fs.seen.bytes_read.load(Ordering::SeqCst);
        let torn = recovery.torn_tail.map_or(0, |cut| cut.bytes);
        // Written again: the groups, through a window that may reach further in the one segment.
        let allowed = match recovery.rewritten_groups {
            0 => torn,
            _ => torn + 3 * (8 << 10) + recovery.rewritten_bytes,
        };
        assert!(again <= allowed, "{again} of {all}, {allowed} allowed");
        let opened = fs.seen.opened_for_writing.lock().unwrap();
        let newest = segments(&driver.disk).pop().unwrap();
        assert_eq!(*opened, [newest], "the newest segment, once");
        assert_eq!(log.last_index(), seen.last_index);
    });
}

/// A prefix against the model of what was there before the damage.
fn assert_prefix(disk: &SimFs, expected: &Model) {
    let before = content_of(disk);
    disk.fail_writes(SimFault::ReadOnly);
    let prefix = wal::prefix(disk, &dir(), Some(IDENTITY), None).unwrap();
    disk.heal();
    assert!(content_of(disk) == before, "nothing is changed");
    let last = expected.last();
    let term = expected.term(last);
    assert_eq!(prefix.last(), Position { term, index: last });
    assert_eq!(
        (prefix.identity(), prefix.witness()),
        (IDENTITY, WitnessCheck::NotGiven)
    );
    assert_eq!(prefix.hard_state(), expected.hard_state);
    let reader = prefix.reader();
    assert_eq!(
        (reader.first_index(), reader.last_index()),
        (prefix.base().index + 1, last)
    );
    let found = reader
        .entries(reader.first_index(), last + 1, usize::MAX)
        .unwrap();
    let mut found: Vec<_> = found.into_iter().collect();
    while let Some(next) = found
        .last()
        .map(|entry| entry.index + 1)
        .filter(|next| *next <= last)
    {
        found.extend(reader.entries(next, last + 1, usize::MAX).unwrap());
    }
    let expected: Vec<_> = expected.entries.values().cloned().collect();
    assert_eq!(found, expected);
}

#[test]
fn the_entries_before_the_first_damage_can_be_read() {
    each_seed("the_entries_before_the_first_damage", 3, |seed| {
        let log = log_of(seed, 20, 500);
        let files = segments(&log.disk);
        let mut random = SplitMix64::new(seed);
        for pair in log.steps.windows(2) {
            let (start, end) = (pair[0].0, pair[1].0);
            if start.sequence != end.sequence {
                continue;
            }
            let file = &files[start.sequence as usize - 1];
            let sector = start.offset + 512 * random.below((end.offset - start.offset) / 512);
            let disk = log.disk.fork();
            disk.corrupt(file, |content| {
                content[sector as usize..sector as usize + 512].fill(0)
            });
            assert_prefix(&disk, &pair[0].1);
        }
    });
}

#[test]
fn the_entries_before_a_broken_or_missing_segment_can_be_read() {
    let log = log_of(2, 30, 500);
    let files = segments(&log.disk);
    assert!(files.len() >= 4);
    let sealed = |position: usize| {
        let before = |step: &&(wal::Place, Model)| step.0.sequence == position as u64;
        &log.steps.iter().rev().find(before).unwrap().1
    };
    for (position, file) in files.iter().enumerate().skip(1) {
        let disk = log.disk.fork();
        disk.remove(file).unwrap();
        assert_prefix(&disk, sealed(position));
        for change in [
            |content: &mut Vec<u8>| content.clear(),
            |content: &mut Vec<u8>| content[..512].fill(0),
            |content: &mut Vec<u8>| content[3] ^= 1,
            |content: &mut Vec<u8>| content[80] ^= 1,
            |content: &mut Vec<u8>| content.truncate(100),
            |content: &mut Vec<u8>| content.truncate(600),
        ] {
            let disk = log.disk.fork();
            disk.corrupt(file, change);
            assert!(open_plain(&disk, None).is_err());
            assert_prefix(&disk, sealed(position));
        }
    }
    // Several of them: the first one counts.
    log.disk.corrupt(&files[3], |content| content.clear());
    log.disk.corrupt(&files[1], |content| content[600] ^= 1);
    assert_prefix(&log.disk, sealed(1));
    log.disk.corrupt(&files[0], |content| content.clear());
    let nothing = wal::prefix(&log.disk, &dir(), Some(IDENTITY), None);
    assert!(matches!(nothing, Err(Error::Damaged(_))));
}

#[test]
fn a_prefix_says_whether_the_witness_vouches_for_it() {
    let Log { disk, steps, .. } = log_of(3, 12, 400);
    let file = &segments(&disk)[1];
    let mut witnesses = Vec::new();
    for step in &steps {
        // The chain values are those of the log as it was.
        let whole = disk.fork();
        let path = &segments(&whole)[step.0.sequence as usize - 1];
        whole.corrupt(path, |content| content[step.0.offset as usize..].fill(0));
        for later in &segments(&whole)[step.0.sequence as usize..] {
            whole.remove(later).unwrap();
        }
        witnesses.push(wal::inspect(&whole, &dir(), None, None).unwrap().end);
    }
    disk.corrupt(file, |content| content[700..800].fill(0));
    let last = wal::prefix(&disk, &dir(), None, None).unwrap().last().index;
    let (mut found, mut behind) = (0, 0);
    for witness in &witnesses {
        let prefix = wal::prefix(&disk, &dir(), Some(IDENTITY), Some(witness)).unwrap();
        match witness.index <= last {
            true => {
                assert_eq!(prefix.witness(), WitnessCheck::Found);
                found += 1;
            }
            false => {
                assert_eq!(prefix.witness(), WitnessCheck::Gone);
                behind += 1;
            }
        }
    }
    assert!(found > 2 && behind > 2, "{found} {behind}");
    let stranger = Identity {
        cluster: 9,
        member: 9,
    };
    let foreign = wal::prefix(&disk, &dir(), Some(stranger), None);
    assert!(matches!(foreign, Err(Error::Foreign { .. })));
}

#[test]
fn what_precedes_damage_outlives_it_in_a_new_log() {
    let log = log_of(4, 24, 500);
    log.disk
        .corrupt(&segments(&log.disk)[2], |content| content[600..700].fill(0));
    let error = open_plain(&log.disk, Some(&log.witness)).unwrap_err();
    assert!(matches!(error, Error::Damaged(damage) if damage.proof == Proof::NextSegment));
    let prefix = wal::prefix(&log.disk, &dir(), Some(IDENTITY), Some(&log.witness)).unwrap();
    // The owner applies and flushes these, then:
    let (fs, options) = (log.disk.clone(), small_options());
    let (base, state) = (prefix.last(), prefix.hard_state());
    let new = Wal::replace(
        fs,
        &dir(),
        IDENTITY,
        base,
        state,
        Some(&log.witness),
        options,
    )
    .unwrap();
    assert_eq!((new.base(), new.hard_state()), (base, state));
    drop(new);
    log.disk.power_loss(1);
    let (opened, recovery) = open_plain(&log.disk, Some(&log.witness)).unwrap();
    assert_eq!(recovery.witness, WitnessCheck::Gone);
    assert_eq!(opened.base(), base);
    // Its reader goes on reading the old files.
    let reader = prefix.reader();
    drop(opened);
    assert_eq!(reader.last_index(), base.index);
}
