//! What a witness can and cannot say: held, gone, beyond, another history.

use wal::fs::sim::SimFs;
use wal::{Defect, Error, Lost, Position, Proof, Wal, Witness, WitnessCheck};

use crate::damage::{Log, log_of, refused};
use crate::support::{Driver, IDENTITY, dir, entries, open_plain, segments, small_options};

fn check(disk: &SimFs, witness: &Witness) -> WitnessCheck {
    let recovery = wal::inspect(disk, &dir(), Some(IDENTITY), Some(witness));
    recovery.unwrap().witness
}

#[test]
fn a_witness_from_before_releases_is_no_contradiction() {
    let mut driver = Driver::new(1, small_options());
    driver.create().unwrap();
    let mut witnesses = vec![driver.log().witness()];
    for index in 1..=40 {
        let new = entries(1, index..=index, 900);
        driver.append(&new, None).unwrap();
        driver.sync().unwrap();
        witnesses.push(driver.log().witness());
    }
    driver.log().release(30).unwrap();
    let first = driver.log().first_index();
    driver.log = None;
    driver.disk.restart();
    let mut gone = 0;
    for witness in &witnesses {
        // The end of the last released segment is named by the header of the next one.
        let found = witness.index + 1 >= first;
        match check(&driver.disk, witness) {
            WitnessCheck::Found => assert!(found, "{witness:?}"),
            WitnessCheck::Gone => {
                assert!(!found, "{witness:?}");
                gone += 1;
            }
            WitnessCheck::NotGiven => panic!("{witness:?}"),
        }
        let chain = witness.chain ^ 1;
        let other = Witness { chain, ..*witness };
        if found {
            let damage = refused(&driver.disk, Some(&other));
            assert_eq!(damage.reason, Defect::WitnessDiffers);
            assert_eq!((damage.proof, damage.lost), (Proof::Witness, Lost::Log));
        }
    }
    assert!(gone > 5 && first > 5, "{gone} {first}");
}

#[test]
fn a_witness_from_before_a_restart_of_the_log_is_gone() {
    let mut driver = Driver::new(2, small_options());
    driver.create().unwrap();
    driver.append(&entries(1, 1..=4, 300), None).unwrap();
    driver.sync().unwrap();
    let witness = driver.log().witness();
    driver.restart_at(Position { term: 1, index: 9 }).unwrap();
    assert_eq!(check(&driver.disk, &witness), WitnessCheck::Gone);
    let now = driver.log().witness();
    assert_eq!(check(&driver.disk, &now), WitnessCheck::Found);
    assert!(
        wal::inspect(&driver.disk, &dir(), None, None)
            .unwrap()
            .witness
            == WitnessCheck::NotGiven
    );
}

#[test]
fn opening_keeps_every_witness_and_moving_the_end_takes_it() {
    for moved in [false, true] {
        let mut driver = Driver::new(3, small_options());
        driver.create().unwrap();
        driver.append(&entries(1, 1..=2, 300), None).unwrap();
        driver.sync().unwrap();
        driver.append(&entries(1, 3..=4, 300), None).unwrap();
        driver.sync().unwrap();
        let witness = driver.log().witness();
        driver.log = None;
        driver.disk.restart();
        if moved {
            driver.disk.fail_sync(2);
        }
        let (log, recovery) = open_plain(&driver.disk, None).unwrap();
        assert_eq!(recovery.rewritten_groups, 1);
        assert_eq!(recovery.end, log.witness());
        assert_eq!(recovery.end == witness, !moved);
        assert_eq!(segments(&driver.disk).len(), 1 + usize::from(moved));
        drop(log);
        driver.disk.restart();
        let expected = match moved {
            true => WitnessCheck::Gone,
            false => WitnessCheck::Found,
        };
        assert_eq!(check(&driver.disk, &witness), expected);
    }
}

#[test]
fn another_history_is_named_before_any_damage_in_it() {
    let log = log_of(4, 24, 500);
    let files = segments(&log.disk);
    let witness = Witness {
        place: log.steps[3].0,
        index: log.steps[3].1.last(),
        chain: 77,
    };
    // Damage in the middle, a file that is too short, zeros at the end: all behind the witness's place.
    type Change = fn(&mut Vec<u8>);
    let changes: [(usize, Change); 3] = [
        (1, |content| content[600..700].fill(0)),
        (files.len() - 1, |content| content.truncate(2000)),
        (files.len() - 1, |content| content[600..].fill(0)),
    ];
    for (file, change) in changes {
        let disk = log.disk.fork();
        disk.corrupt(&files[file], change);
        let damage = refused(&disk, Some(&witness));
        assert_eq!(damage.reason, Defect::WitnessDiffers, "{damage}");
        assert_eq!((damage.proof, damage.lost), (Proof::Witness, Lost::Log));
        let prefix = wal::prefix(&disk, &dir(), None, Some(&witness));
        assert!(matches!(prefix, Err(Error::Damaged(found)) if *found == damage));
    }
}

/// Two copies of one log that went different ways.
#[test]
fn a_twin_is_refused_wherever_its_own_end_lies() {
    let Log {
        disk,
        model,
        witness: common,
        ..
    } = log_of(5, 6, 300);
    let last = model.last();
    let twin = |payload: usize, count: u64| {
        let disk = disk.fork();
        let (mut log, _) = open_plain(&disk, None).unwrap();
        for index in last + 1..=last + count {
            let new = entries(payload as u64, index..=index, payload);
            log.append(&new, None).unwrap();
            log.sync().unwrap();
        }
        (disk, log.witness())
    };
    let (large, small) = (twin(2000, 10), twin(20, 60));
    for (disk, of_other) in [(&large.0, small.1), (&small.0, large.1)] {
        disk.restart();
        let damage = refused(disk, Some(&of_other));
        assert_eq!(damage.proof, Proof::Witness, "{damage}");
        assert_eq!(check(disk, &common), WitnessCheck::Found);
    }
}

#[test]
fn the_mark_of_a_clean_stop_names_exactly_this_end() {
    let mut driver = Driver::new(6, small_options());
    driver.create().unwrap();
    let mut marks = vec![];
    for index in 1..=20 {
        let new = entries(1, index..=index, 700);
        driver.append(&new, None).unwrap();
        driver.sync().unwrap();
        marks.push(driver.log().witness());
        driver.log = None;
        driver.disk.restart();
        let judgement = wal::judge(driver.disk.clone(), &dir(), Some(IDENTITY), None).unwrap();
        let same: Vec<_> = marks.iter().map(|mark| *mark == judgement.end()).collect();
        assert_eq!(same.iter().filter(|same| **same).count(), 1);
        assert_eq!(same.last(), Some(&true));
        let (log, recovery): (Wal<SimFs>, _) = judgement.open(small_options()).unwrap();
        assert_eq!(recovery.end, *marks.last().unwrap());
        driver.log = Some(log);
    }
}
