//! The one way through a log: every group in the order of writing, with its place, and an end that opening
//! and judging agree about.

use wal::fs::Fs;
use wal::fs::sim::SimFs;
use wal::{Entry, Error, LogDamage, LogEnd, Place, Proof, Replay, Witness};

use crate::damage::{content_of, log_of};
use crate::support::{Change, Driver, IDENTITY, Model, dir, each_seed, segments, small_options};
use crate::watched::WatchedFs;

#[test]
fn a_replay_gives_every_group_in_order_and_changes_nothing() {
    each_seed("a_replay_gives_every_group", 40, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.create().unwrap();
        let mut appended: Vec<Entry> = Vec::new();
        for _ in 0..30 {
            driver.append_random().unwrap();
            let entries = driver.pending.iter().filter_map(|change| match change {
                Change::Entry(entry) => Some(entry.clone()),
                Change::Hard(_) => None,
            });
            appended.extend(entries);
            driver.sync().unwrap();
        }
        let end = driver.log().durable().place;
        driver.log = None;
        driver.disk.restart();
        let before = content_of(&driver.disk);
        let fs = WatchedFs::new(driver.disk.clone());
        let witness = driver.witness.as_ref();
        let mut replay = Replay::open(fs.clone(), &dir(), Some(IDENTITY), witness).unwrap();
        assert_eq!(
            (replay.identity(), replay.base()),
            (IDENTITY, driver.acked.base)
        );
        let (mut found, mut model) = (Vec::new(), Model::default());
        let mut last = Place::default();
        while let Some(group) = replay.next_group().unwrap() {
            assert!(last == group.place || last.sequence < group.place.sequence);
            assert!(group.place < group.end && group.end.sequence == group.place.sequence);
            last = group.end;
            found.extend(group.entries.iter().cloned());
            for entry in group.entries {
                model.apply(&Change::Entry(entry));
            }
            model.hard_state = group.hard_state.unwrap_or(model.hard_state);
        }
        assert_eq!(found, appended, "overwritten ones included");
        assert_eq!(model.entries, driver.acked.entries);
        assert_eq!((model.hard_state, last), (driver.acked.hard_state, end));
        assert!(
            replay.next_group().unwrap().is_none(),
            "the end stays the end"
        );
        assert_eq!(replay.finish().unwrap(), LogEnd::Clean);
        assert!(fs.seen.opened_for_writing.lock().unwrap().is_empty());
        assert!(content_of(&driver.disk) == before);
    });
}

/// Goes through a log; the index of the last entry that was given, and the end.
fn replayed(disk: &SimFs, witness: Option<&Witness>) -> Result<(u64, LogEnd), Error> {
    let mut replay = Replay::open(disk.clone(), &dir(), Some(IDENTITY), witness)?;
    let mut last = replay.base().index;
    while let Some(group) = replay.next_group()? {
        last = group.entries.last().map_or(last, |entry| entry.index);
    }
    Ok((last, replay.finish()?))
}

/// What judging says of the log must be what the replay said, and what is given must be what can be used.
fn agree(disk: &SimFs, witness: Option<&Witness>, what: &str) -> &'static str {
    let judged = wal::judge(disk.clone(), &dir(), Some(IDENTITY), witness);
    let refused = |damage: &LogDamage| match judged.as_ref().map(|log| log.end()) {
        Err(Error::Damaged(judged)) => assert_eq!(**judged, *damage, "{what}"),
        other => panic!("{what}: {damage}, judged {other:?}"),
    };
    match replayed(disk, witness) {
        Ok((_, LogEnd::Damaged(damage))) if damage.proof == Proof::Witness => {
            refused(&damage);
            "another log"
        }
        Ok((last, LogEnd::Damaged(damage))) => {
            refused(&damage);
            let prefix = wal::prefix(disk, &dir(), Some(IDENTITY), witness).unwrap();
            assert_eq!(prefix.last().index, last, "{what}");
            "damaged"
        }
        Ok((last, end)) => {
            let recovery = judged.unwrap().recovery().clone();
            assert_eq!(recovery.last_index, last, "{what}");
            match end {
                LogEnd::TornTail(tail) => {
                    assert_eq!(recovery.torn_tail, Some(tail), "{what}");
                    "torn"
                }
                _ => {
                    assert_eq!(recovery.torn_tail, None, "{what}");
                    "clean"
                }
            }
        }
        Err(Error::Damaged(damage)) => {
            refused(&damage);
            "no log left"
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_replay_and_a_judgement_agree_about_every_end() {
    let log = log_of(7, 14, 400);
    let mut ends: Vec<&str> = Vec::new();
    let mut check = |disk: &SimFs, what: &str| {
        ends.push(agree(disk, None, what));
        ends.push(agree(disk, Some(&log.witness), what));
    };
    check(&log.disk, "whole");
    for (number, file) in segments(&log.disk).iter().enumerate() {
        let len = log.disk.content(file).unwrap().len();
        for at in (0..len).step_by(256) {
            let flipped = log.disk.fork();
            flipped.flip_bit(file, at as u64 + 3, 5);
            check(&flipped, &format!("segment {number}, a bit at {at}"));
            let zeroed = log.disk.fork();
            zeroed.corrupt(file, |content| content[at..].fill(0));
            check(&zeroed, &format!("segment {number}, zeros from {at}"));
        }
        for len in [0, 100, 512, 2000] {
            let short = log.disk.fork();
            short.corrupt(file, |content| content.truncate(len));
            check(&short, &format!("segment {number}, {len} bytes left"));
        }
        let missing = log.disk.fork();
        missing.remove(file).unwrap();
        if segments(&missing).is_empty() {
            continue;
        }
        check(&missing, &format!("segment {number} missing"));
    }
    for end in ["clean", "torn", "damaged", "another log", "no log left"] {
        let count = ends.iter().filter(|found| **found == end).count();
        assert!(count > 2, "{end}: {count}");
    }
}
