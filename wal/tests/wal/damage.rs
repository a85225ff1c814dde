//! Damage (F5, F7) and flipped bits: refused with a place, or proven not to matter; never wrong data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wal::fs::Fs;
use wal::fs::sim::{SimFs, SplitMix64};
use wal::{
    Defect, Error, Identity, LogDamage, Lost, Place, Position, Proof, Wal, Witness, WitnessCheck,
};

use crate::support::{
    Driver, IDENTITY, Model, dir, each_seed, entries, entry, open_plain, segments, small_options,
};

/// A log of some segments, all of it synced.
pub(crate) struct Log {
    pub(crate) disk: SimFs,
    pub(crate) model: Model,
    pub(crate) witness: Witness,
    /// What the log held at the end of each group.
    pub(crate) steps: Vec<(Place, Model)>,
}

pub(crate) fn log_of(seed: u64, groups: u64, payload: usize) -> Log {
    let mut driver = Driver::new(seed, small_options());
    driver.create().unwrap();
    let mut steps = Vec::new();
    for _ in 0..groups {
        let last = driver.latest().last();
        driver
            .append(&entries(1, last + 1..=last + 2, payload), None)
            .unwrap();
        driver.sync().unwrap();
        steps.push((driver.log().durable().place, driver.acked.clone()));
    }
    let witness = driver.log().witness();
    driver.log = None;
    driver.disk.restart();
    Log {
        disk: driver.disk,
        model: driver.acked,
        witness,
        steps,
    }
}

pub(crate) fn content_of(disk: &SimFs) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = disk.files().into_iter();
    files
        .map(|path| (path.clone(), disk.content(&path).unwrap()))
        .collect()
}

/// Opens a damaged log, expects a refusal and nothing changed.
pub(crate) fn refused(disk: &SimFs, witness: Option<&Witness>) -> LogDamage {
    let before = content_of(disk);
    let error = open_plain(disk, witness).expect_err("damage must be refused");
    assert!(
        content_of(disk) == before,
        "a refused open changes nothing: {error}"
    );
    match error {
        Error::Damaged(damage) => *damage,
        other => panic!("{other}"),
    }
}

#[test]
fn a_bad_sector_in_the_middle_is_refused_with_its_place_and_range() {
    each_seed("a_bad_sector_in_the_middle", 3, |seed| {
        let log = log_of(seed, 20, 500);
        let files = segments(&log.disk);
        assert!(files.len() >= 3);
        let proven = log.steps[log.steps.len() - 2].0;
        let mut random = SplitMix64::new(seed);
        let mut refusals = 0;
        for pair in log.steps.windows(2) {
            let (start, end) = (pair[0].0, pair[1].0);
            if start.sequence != end.sequence {
                continue;
            }
            let file = &files[start.sequence as usize - 1];
            for sector in (start.offset..end.offset).step_by(512) {
                let disk = log.disk.fork();
                let garbage = random.one_in(2);
                disk.corrupt(file, |content| {
                    let sector = &mut content[sector as usize..sector as usize + 512];
                    match garbage {
                        true => sector.fill_with(|| random.next_u64() as u8),
                        false => sector.fill(0),
                    }
                });
                if end <= proven {
                    let damage = refused(&disk, None);
                    assert_eq!((&damage.file, damage.offset), (file, start.offset));
                    let (first, last) = (pair[0].1.last() + 1, pair[1].1.last());
                    assert_eq!(damage.lost, Lost::Entries { first, last }, "{damage}");
                    let told = format!("entries {first} to {last} are lost");
                    assert!(damage.to_string().contains(&told), "{damage}");
                    refusals += 1;
                } else {
                    // The last group: nothing but the witness proves it.
                    let (opened, _) = open_plain(&disk.fork(), None).unwrap();
                    assert_eq!(pair[0].1.differs(&opened), None);
                    let damage = refused(&disk, Some(&log.witness));
                    assert_eq!(damage.proof, Proof::Witness);
                    let after = pair[0].1.last();
                    let at_least = Some(log.model.last());
                    assert_eq!(damage.lost, Lost::Everything { after, at_least });
                }
            }
        }
        assert!(refusals > 20);
    });
}

/// A store may hold all that can be read of a log and yet not all that was in it.
#[test]
fn what_lies_behind_damage_tells_how_far_the_log_reached() {
    let log = log_of(7, 20, 500);
    let files = segments(&log.disk);
    let mut seen = 0;
    for step in &log.steps[..log.steps.len() - 1] {
        // The record before the group's end.
        let disk = log.disk.fork();
        let file = &files[step.0.sequence as usize - 1];
        disk.corrupt(file, |content| content[step.0.offset as usize - 400] ^= 1);
        let damage = refused(&disk, None);
        assert_eq!(damage.shown, Some(log.model.last()), "{damage}");
        seen += 1;
    }
    // Heads, names and files that are gone.
    for (at, file) in files.iter().enumerate().skip(1) {
        for change in [
            |content: &mut Vec<u8>| content[40] ^= 1,
            |content: &mut Vec<u8>| content.truncate(700),
            Vec::clear,
        ] {
            let disk = log.disk.fork();
            disk.corrupt(file, change);
            let damage = refused(&disk, Some(&log.witness));
            let newest = at + 1 == files.len();
            assert!(newest || damage.shown == Some(log.model.last()), "{damage}");
            seen += 1;
        }
        if at + 1 < files.len() {
            let damage = refused(&log_without(&log, file), None);
            assert_eq!(damage.shown, Some(log.model.last()), "{damage}");
        }
    }
    assert!(seen > 20 && files.len() > 3);
}

/// What an earlier use of a file left there, at the same places, is none of the log's.
#[test]
fn what_an_earlier_use_left_shows_nothing() {
    let mut driver = Driver::new(8, small_options());
    driver.options.spare_segments = 8;
    driver.create().unwrap();
    let append = |driver: &mut Driver, indexes: std::ops::RangeInclusive<u64>| {
        for index in indexes {
            let new = entries(1, index..=index, 850);
            driver.append(&new, None).unwrap();
            driver.sync().unwrap();
        }
    };
    append(&mut driver, 1..=60);
    let base = Position { term: 1, index: 5 };
    driver.restart_at(base).unwrap();
    append(&mut driver, 6..=12);
    driver.log = None;
    driver.disk.restart();
    for file in segments(&driver.disk) {
        let disk = driver.disk.fork();
        disk.corrupt(&file, |content| content[700] ^= 1);
        let stale = disk.content(&file).unwrap()[2048..].to_vec();
        assert!(stale.iter().any(|byte| *byte != 0), "used before");
        if let Err(Error::Damaged(damage)) = open_plain(&disk, None) {
            assert_eq!(damage.shown, Some(12), "{damage}");
        }
    }
    let first = segments(&driver.disk).remove(0);
    driver.disk.corrupt(&first, |content| content[700] ^= 1);
    assert_eq!(refused(&driver.disk, None).shown, Some(12));
}

#[test]
fn the_same_sectors_never_synced_are_a_torn_tail() {
    each_seed("the_same_sectors_never_synced", 30, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.create().unwrap();
        driver.append(&entries(1, 1..=3, 200), None).unwrap();
        driver.sync().unwrap();
        let start = driver.log().durable().place.offset;
        for index in 4..=8 {
            driver
                .append(&entries(1, index..=index, 300), None)
                .unwrap();
            driver.log().write().unwrap();
        }
        driver.log = None;
        driver.disk.restart();
        let sector = start as usize + 512 * driver.random.below(4) as usize;
        let file = segments(&driver.disk).pop().unwrap();
        driver
            .disk
            .corrupt(&file, |content| content[sector..sector + 512].fill(0));
        let recovery = driver.open().unwrap();
        assert!(
            recovery.torn_tail.is_some() && recovery.last_index >= 3 && recovery.last_index < 8
        );
    });
}

#[test]
fn a_flip_of_every_byte_gives_a_true_prefix_or_a_refusal() {
    each_seed("a_flip_of_every_byte", 2, |seed| {
        let log = log_of(seed, 9, 300);
        let proven = log.steps[log.steps.len() - 2].1.last();
        let mut random = SplitMix64::new(seed);
        let (mut refusals, mut harmless) = (0, 0);
        for file in segments(&log.disk) {
            let len = log.disk.content(&file).unwrap().len() as u64;
            for offset in 0..len {
                let disk = log.disk.fork();
                assert!(disk.flip_bit(&file, offset, random.below(8) as u8));
                for witness in [None, Some(&log.witness)] {
                    match open_plain(&disk.fork(), witness) {
                        Err(error) => {
                            assert!(is_refusal(&error), "{error}");
                            refusals += 1;
                        }
                        Ok((opened, _)) => {
                            let last = opened.last_index();
                            assert!(last >= proven, "{file:?} {offset}: {last}");
                            assert!(witness.is_none() || last == log.model.last());
                            let prefix = log.steps.iter().find(|step| step.1.last() == last);
                            let prefix = &prefix.expect("a state the log was in").1;
                            assert_eq!(prefix.differs(&opened), None, "{file:?} {offset}");
                            harmless += 1;
                        }
                    }
                }
            }
        }
        assert!(refusals > 5000 && harmless > 1000, "{refusals} {harmless}");
    });
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged(_) | Error::NewerVersion { .. } | Error::Foreign { .. }
    )
}

#[test]
fn a_missing_segment_is_found_out() {
    let log = log_of(1, 30, 500);
    let files = segments(&log.disk);
    assert!(files.len() >= 4);
    for (position, file) in files.iter().enumerate() {
        let disk = log.disk.fork();
        disk.remove(file).unwrap();
        let newest = position + 1 == files.len();
        if position == 0 {
            // As a released one. Whether it still was needed is for the store to say: it knows by its
            // applied index, and a witness from before the release says nothing.
            let (opened, recovery) = open_plain(&disk, Some(&log.witness)).unwrap();
            assert!(recovery.base.index > 0);
            assert_eq!(recovery.witness, WitnessCheck::Found);
            assert_eq!(opened.last_index(), log.model.last());
            let early = log.steps[0].0;
            let early = Witness {
                place: early,
                index: log.steps[0].1.last(),
                chain: 1,
            };
            let seen = wal::inspect(&log_without(&log, file), &dir(), None, Some(&early)).unwrap();
            assert_eq!(seen.witness, WitnessCheck::Gone);
            assert_eq!(seen.base, recovery.base);
        } else if newest {
            let (opened, _) = open_plain(&disk.fork(), None).unwrap();
            let last = opened.last_index();
            let damage = refused(&disk, Some(&log.witness));
            assert_eq!(
                (damage.proof, damage.reason),
                (Proof::Witness, Defect::MissingSegment)
            );
            assert_eq!(
                damage.lost,
                Lost::Everything {
                    after: last,
                    at_least: Some(log.model.last())
                }
            );
        } else {
            let damage = refused(&disk, None);
            assert_eq!(damage.reason, Defect::MissingSegment);
            let lost = |place: &Place| place.sequence == position as u64 + 1;
            let first = log.steps.iter().find(|(place, _)| lost(place)).unwrap();
            let last = log
                .steps
                .iter()
                .rev()
                .find(|(place, _)| lost(place))
                .unwrap();
            assert_eq!(
                damage.lost,
                Lost::Entries {
                    first: first.1.last() - 1,
                    last: last.1.last()
                }
            );
        }
    }
}

fn log_without(log: &Log, file: &Path) -> SimFs {
    let disk = log.disk.fork();
    disk.remove(file).unwrap();
    disk
}

#[test]
fn an_emptied_or_headless_segment_is_damage() {
    let log = log_of(2, 24, 500);
    for file in segments(&log.disk) {
        let disk = log.disk.fork();
        disk.corrupt(&file, Vec::clear);
        let damage = refused(&disk, None);
        assert_eq!(
            (&damage.file, damage.reason),
            (&file, Defect::SegmentHeader)
        );
        let disk = log.disk.fork();
        disk.corrupt(&file, |content| content[..512].fill(0));
        let damage = refused(&disk, None);
        assert_eq!(
            (&damage.file, damage.reason),
            (&file, Defect::SegmentHeader)
        );
        assert!(matches!(damage.lost, Lost::Entries { .. }), "{damage}");
    }
}

#[test]
fn a_short_file_is_damage_of_its_own_and_says_what_the_witness_knows() {
    let log = log_of(3, 24, 500);
    let newest = segments(&log.disk).pop().unwrap();
    let length = log.disk.content(&newest).unwrap().len() as u64;
    let before = &log.steps[log.steps.len() - 2];
    let bytes = before.0.offset;
    log.disk
        .corrupt(&newest, |content| content.truncate(bytes as usize));
    let after = before.1.last();
    for (witness, at_least) in [(None, None), (Some(&log.witness), Some(log.model.last()))] {
        let expected = LogDamage {
            file: newest.clone(),
            offset: bytes,
            lost: Lost::Everything { after, at_least },
            proof: Proof::Naming,
            reason: Defect::ShortFile { bytes, length },
            shown: None,
        };
        assert_eq!(refused(&log.disk, witness), expected);
    }
}

#[test]
fn an_older_copy_of_a_segment_is_found_out_as_far_as_the_witness_reaches() {
    let mut driver = Driver::new(4, small_options());
    driver.create().unwrap();
    driver.append(&entries(1, 1..=4, 500), None).unwrap();
    driver.sync().unwrap();
    let old = driver.disk.fork();
    driver.append(&entries(1, 5..=8, 500), None).unwrap();
    driver.sync().unwrap();
    let witness = driver.log().witness();
    let newest_swapped = |disk: &SimFs| {
        let file = segments(disk).remove(0);
        let copy = old.content(&file).unwrap();
        disk.corrupt(&file, |content| *content = copy);
    };
    // The newest segment swapped for its own prefix: only the witness can tell.
    let disk = driver.disk.fork();
    newest_swapped(&disk);
    let damage = refused(&disk, Some(&witness));
    assert_eq!(damage.proof, Proof::Witness);
    let at_least = Some(8);
    assert_eq!(damage.lost, Lost::Everything { after: 4, at_least });
    assert!(
        damage
            .to_string()
            .contains("everything after entry 4 is lost, number unknown (at least up to entry 8)"),
        "{damage}"
    );
    assert_eq!(open_plain(&disk, None).unwrap().0.last_index(), 4);
    // The same once there is a next segment: its header tells.
    driver.append(&entries(1, 9..=20, 900), None).unwrap();
    driver.sync().unwrap();
    newest_swapped(&driver.disk);
    let damage = refused(&driver.disk, None);
    assert_eq!(damage.proof, Proof::NextSegment);
    assert_eq!(damage.lost.first(), Some(5));
}

#[test]
fn segments_that_change_places_or_come_from_another_log_are_refused() {
    let (log, other) = (log_of(5, 24, 500), log_of(6, 24, 500));
    let files = segments(&log.disk);
    let disk = log.disk.fork();
    let (first, second) = (
        disk.content(&files[1]).unwrap(),
        disk.content(&files[2]).unwrap(),
    );
    disk.corrupt(&files[1], |content| *content = second);
    disk.corrupt(&files[2], |content| *content = first);
    let reason = refused(&disk, None).reason;
    let name = files[1].file_name().and_then(|name| name.to_str());
    assert_eq!(reason.segment().as_deref(), name, "{reason}");
    for file in &files {
        let disk = log.disk.fork();
        let foreign = other.disk.content(file).unwrap();
        disk.corrupt(file, |content| *content = foreign);
        let newest = file == files.last().unwrap();
        let witness = newest.then_some(&log.witness);
        let error = open_plain(&disk, witness).unwrap_err();
        assert!(is_refusal(&error), "{error}");
    }
    // Another log as a whole, with the store of this one.
    assert_eq!(
        refused(&other.disk, Some(&log.witness)).reason,
        Defect::WitnessDiffers
    );
}

#[test]
fn groups_of_two_histories_of_one_segment_do_not_mix() {
    let mut driver = Driver::new(9, small_options());
    driver.create().unwrap();
    driver.append(&entries(1, 1..=2, 300), None).unwrap();
    driver.sync().unwrap();
    let start = driver.log().durable().place.offset as usize;
    driver.log().append(&entries(2, 3..=3, 300), None).unwrap();
    driver.log().write().unwrap();
    let first = driver.disk.fork();
    // The same segment, salt and places, another entry 3.
    driver.log().sync().unwrap();
    let file = segments(&driver.disk).remove(0);
    driver
        .disk
        .corrupt(&file, |content| content[start..].fill(0));
    let mut other = open_history(&driver, &file, start);
    other.append(&[entry(5, 3, 300)], None).unwrap();
    other.write().unwrap();
    other.append(&[entry(5, 4, 300)], None).unwrap();
    other.write().unwrap();
    let mixed = first.content(&file).unwrap();
    let tail = driver.disk.content(&file).unwrap();
    let second = start + 512;
    driver.disk.corrupt(&file, |content| {
        content[..second].copy_from_slice(&mixed[..second]);
        content[second..].copy_from_slice(&tail[second..]);
    });
    let (opened, recovery) = open_plain(&driver.disk, None).unwrap();
    assert_eq!(opened.last_index(), 3, "entry 4 follows another entry 3");
    assert_eq!(recovery.last_term, 2);
    assert!(recovery.torn_tail.is_some());
}

/// Opens the log with the witness of its end at `start`, so that it goes on in the same segment.
fn open_history(driver: &Driver, file: &Path, start: usize) -> Wal<SimFs> {
    let disk = driver.disk.clone();
    let chain_at = |content: &[u8]| {
        // The chain value at the end of the second group's predecessor: its last record's checksum.
        let record = 512 + 80 + 32 + 300;
        u32::from_le_bytes(content[record..record + 4].try_into().unwrap())
    };
    let chain = chain_at(&disk.content(file).unwrap());
    let place = Place {
        sequence: 1,
        offset: start as u64,
    };
    let witness = Witness {
        place,
        index: 2,
        chain,
    };
    let (log, recovery) = open_plain(&disk, Some(&witness)).unwrap();
    assert_eq!(recovery.rewritten_groups, 0, "appending goes on in place");
    log
}

#[test]
fn a_foreign_a_newer_and_a_strange_file_are_told_apart() {
    let log = log_of(7, 3, 100);
    let expected = Identity {
        cluster: 1,
        member: 2,
    };
    let opened = Wal::open(
        log.disk.fork(),
        &dir(),
        Some(expected),
        None,
        small_options(),
    );
    match opened.map(|_| ()) {
        Err(Error::Foreign {
            found,
            expected: wanted,
            ..
        }) => {
            assert_eq!((found, wanted), (IDENTITY, expected));
        }
        other => panic!("{other:?}"),
    }
    let file = &segments(&log.disk)[0];
    let disk = log.disk.fork();
    disk.corrupt(file, |content| content[..512].fill(b'x'));
    assert!(matches!(open_plain(&disk, None), Err(Error::Damaged(_))));
    let empty = SimFs::new(1);
    assert!(matches!(open_plain(&empty, None), Err(Error::NoLog { .. })));
    let again = Wal::create(
        log.disk,
        &dir(),
        IDENTITY,
        Position::default(),
        small_options(),
    );
    assert!(matches!(again, Err(Error::AlreadyExists { .. })));
}

#[test]
fn an_offline_look_reports_as_open_does_and_changes_nothing() {
    each_seed("an_offline_look", 40, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.create().unwrap();
        for _ in 0..25 {
            driver.random_step().unwrap();
        }
        driver.log().write().unwrap();
        driver.log = None;
        driver.disk.power_loss(seed);
        let before = content_of(&driver.disk);
        let seen = wal::inspect(&driver.disk, &dir(), Some(IDENTITY), None).unwrap();
        assert!(content_of(&driver.disk) == before);
        driver.witness = None;
        let recovery = driver.open().unwrap();
        assert_eq!(seen, recovery);
    });
}
