//! Lost ends (F3, F4, F8). A power loss leaves zeros, since a segment is filled and synced before it has its
//! name: every such end opens, with exactly what the bytes left still say. A file that ends early is damage.

use std::path::{Path, PathBuf};

use wal::fs::sim::SimFs;
use wal::{Defect, Error, Lost, Options, Place, Proof, Wal};

use crate::support::{Driver, Model, each_seed, entries, open_plain, segments, small_options};

/// A log whose groups are all synced, and where each of them ended with what the log held there.
struct Written {
    disk: SimFs,
    steps: Vec<(Place, Model)>,
}

fn written(seed: u64, options: Options, until: u64, payload: u64) -> Written {
    let mut driver = Driver::new(seed, options);
    driver.create().unwrap();
    let mut steps = vec![(driver.log().durable().place, driver.acked.clone())];
    let mut bytes = 0;
    while bytes < until {
        let last = driver.latest().last();
        let first = if driver.random.one_in(6) && last > 3 {
            last - 2
        } else {
            last + 1
        };
        driver.term += u64::from(first <= last);
        let count = driver.random.below(3);
        let size = driver.random.below(payload) as usize;
        let new = entries(driver.term, first..=first + count, size);
        driver.append(&new, None).unwrap();
        driver.sync().unwrap();
        steps.push((driver.log().durable().place, driver.acked.clone()));
        bytes += 600 + (count + 1) * size as u64;
    }
    driver.log = None;
    driver.disk.restart();
    Written {
        disk: driver.disk,
        steps,
    }
}

impl Written {
    /// A copy in which the `later` files are gone and `change` was made to `file`.
    fn with(&self, file: &Path, later: &[PathBuf], change: impl FnOnce(&mut Vec<u8>)) -> SimFs {
        use wal::fs::Fs;

        let disk = self.disk.fork();
        disk.corrupt(file, change);
        for path in later {
            disk.remove(path).unwrap();
        }
        disk
    }

    /// The last step whole below this place.
    fn whole_at(&self, sequence: u64, offset: u64) -> usize {
        let cut = Place { sequence, offset };
        let whole = self.steps.iter().rposition(|(place, _)| *place <= cut);
        whole.unwrap_or(0)
    }

    /// Zeros from `len` on: opens, and holds what was whole before.
    fn check_zeroed(
        &self,
        file: &Path,
        sequence: u64,
        len: u64,
        later: &[PathBuf],
        thorough: bool,
    ) {
        let disk = self.with(file, later, |content| content[len as usize..].fill(0));
        let (log, recovery) = open_plain(&disk, None)
            .unwrap_or_else(|error| panic!("zeros in {sequence} from {len}: {error}"));
        let whole = self.whole_at(sequence, len);
        // A group may have lost nothing but zeros: then it is whole although they begin inside it.
        let last = log.last_index();
        let found = self.steps[whole..].iter().take(2).find(|(_, model)| {
            model.last() == last && (!thorough || model.differs(&log).is_none())
        });
        assert!(found.is_some(), "zeros in {sequence} from {len}: {last}");
        if let Some(cut) = recovery.torn_tail {
            assert!(cut.bytes > 0 && cut.after_index == last, "{cut:?}");
            let kept = disk.content(&cut.kept_aside.expect("there is room"));
            assert_eq!(
                kept.expect("the tail is kept aside").len() as u64,
                cut.bytes
            );
        }
    }

    /// A file that ends at `len`: refused with the file and what is lost.
    fn check_truncated(&self, file: &Path, sequence: u64, len: u64, later: &[PathBuf]) {
        let disk = self.with(file, later, |content| content.truncate(len as usize));
        let before = disk.content(file);
        let length = self.disk.content(file).unwrap().len() as u64;
        let damage = match open_plain(&disk, None) {
            Err(Error::Damaged(damage)) => *damage,
            other => panic!(
                "cut of {sequence} at {len}: {:?}",
                other.map(|opened| opened.1)
            ),
        };
        assert_eq!((damage.file.as_path(), damage.proof), (file, Proof::Naming));
        assert_eq!(damage.offset, len);
        let reason = match len < 512 {
            true => Defect::SegmentHeader,
            false => Defect::ShortFile { bytes: len, length },
        };
        assert_eq!(damage.reason, reason);
        let whole = self.whole_at(sequence, len);
        let after = |step: usize| Lost::Everything {
            after: self.steps[step].1.last(),
            at_least: None,
        };
        let next = (whole + 1).min(self.steps.len() - 1);
        assert!(
            damage.lost == after(whole) || damage.lost == after(next),
            "cut of {sequence} at {len}: {damage}"
        );
        assert!(disk.content(file) == before, "a refusal changes nothing");
    }
}

fn in_two_halves(range: std::ops::Range<u64>, check: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (check, range) = (&check, range.clone());
            scope.spawn(move || range.skip(half).step_by(2).for_each(check));
        }
    });
}

#[test]
fn zeros_from_every_byte_of_the_last_64_kib_open_and_a_file_that_ends_there_does_not() {
    each_seed("zeros_from_every_byte_of_the_last_64_kib", 1, |seed| {
        let options = Options {
            segment_bytes: 128 << 10,
            group_bytes: 32 << 10,
            ..small_options()
        };
        let log = written(seed, options, 70 << 10, 4000);
        let files = segments(&log.disk);
        assert_eq!(files.len(), 1);
        let end = log.steps.last().unwrap().0.offset;
        assert!(end > 64 << 10);
        in_two_halves(end - (64 << 10)..end + 1, |len| {
            log.check_zeroed(&files[0], 1, len, &[], len % 64 == 0);
            log.check_truncated(&files[0], 1, len, &[]);
        });
    });
}

#[test]
fn zeros_from_every_byte_of_a_log_of_many_segments_open_and_files_that_end_there_do_not() {
    each_seed("zeros_from_every_byte_of_a_log", 2, |seed| {
        let log = written(seed, small_options(), 14 << 10, 900);
        let files = segments(&log.disk);
        assert!(files.len() >= 2, "{files:?}");
        for (position, file) in files.iter().enumerate() {
            let sequence = position as u64 + 1;
            let later = &files[position + 1..];
            let length = log.disk.content(file).unwrap().len() as u64;
            let last = log.steps.iter().rev();
            let last = last.clone().find(|(place, _)| place.sequence == sequence);
            let end = last.expect("each segment holds a group").0.offset;
            in_two_halves(512..end + 1, |len| {
                log.check_zeroed(file, sequence, len, later, true);
            });
            // The first file's header is the log's own, and an empty file has its own reason.
            let first = if position == 0 { 512 } else { 1 };
            in_two_halves(first..length, |len| {
                log.check_truncated(file, sequence, len, later);
            });
        }
    });
}

#[test]
fn zeros_in_a_header_are_damage_since_it_was_synced_before_the_name() {
    let log = written(3, small_options(), 14 << 10, 900);
    let files = segments(&log.disk);
    let (newest, sequence) = (files.last().unwrap(), files.len() as u64);
    let whole = log.disk.content(newest).unwrap();
    for from in 0..512 {
        let changed = whole[from..512].iter().any(|byte| *byte != 0);
        if !changed {
            log.check_zeroed(newest, sequence, from as u64, &[], true);
            continue;
        }
        let disk = log.with(newest, &[], |content| content[from..].fill(0));
        match open_plain(&disk, None) {
            Err(Error::Damaged(damage)) => {
                assert_eq!((&damage.file, damage.offset), (newest, 0), "{from}");
                assert_eq!(damage.reason, Defect::SegmentHeader, "{from}");
            }
            other => panic!("{from}: {other:?}"),
        }
    }
}

#[test]
fn a_sealed_segment_that_ends_early_is_refused_even_if_its_entries_are_all_there() {
    let log = written(4, small_options(), 20 << 10, 900);
    let files = segments(&log.disk);
    assert!(files.len() >= 3);
    let (mut whole, mut part) = (0, 0);
    for len in 512..log.disk.content(&files[1]).unwrap().len() {
        let disk = log.with(&files[1], &[], |content| content.truncate(len));
        let length = log.disk.content(&files[1]).unwrap().len() as u64;
        let damage = match open_plain(&disk, None) {
            Err(Error::Damaged(damage)) => damage,
            other => panic!("{len}: {other:?}"),
        };
        assert_eq!((&damage.file, damage.offset), (&files[1], len as u64));
        let bytes = len as u64;
        assert_eq!(damage.reason, Defect::ShortFile { bytes, length });
        match damage.lost {
            Lost::Nothing => {
                assert!(
                    damage
                        .to_string()
                        .contains(&format!("truncate -s {length}"))
                );
                disk.corrupt(&files[1], |content| content.resize(length as usize, 0));
                let (opened, _) = open_plain(&disk, None).unwrap();
                assert_eq!(log.steps.last().unwrap().1.differs(&opened), None);
                whole += 1;
            }
            Lost::Entries { .. } | Lost::Everything { .. } => part += 1,
            Lost::Log => panic!("{damage}"),
        }
    }
    assert!(whole > 10 && part > 1000, "{whole} {part}");
}

#[test]
fn a_partly_zero_last_page_opens_and_says_what_was_cut() {
    each_seed("a_partly_zero_last_page", 4, |seed| {
        let options = Options {
            segment_bytes: 64 << 10,
            group_bytes: 32 << 10,
            ..small_options()
        };
        let log = written(seed, options, 20 << 10, 1500);
        let file = &segments(&log.disk)[0];
        let (end, model) = log.steps.last().unwrap();
        let start = log.steps[log.steps.len() - 2].0.offset;
        for from in start..end.offset {
            let disk = log.disk.fork();
            let whole = disk.content(file).unwrap();
            let zeroed = whole[from as usize..end.offset as usize]
                .iter()
                .all(|byte| *byte == 0);
            disk.corrupt(file, |content| {
                content[from as usize..end.offset as usize].fill(0)
            });
            let (opened, recovery) = open_plain(&disk, None).unwrap();
            if zeroed {
                assert_eq!(model.differs(&opened), None);
                continue;
            }
            let before = &log.steps[log.steps.len() - 2].1;
            assert_eq!(before.differs(&opened), None, "zeros from {from}");
            if from > start {
                let cut = recovery
                    .torn_tail
                    .expect("some bytes of the group are left");
                assert_eq!((cut.offset, cut.after_index), (start, before.last()));
                assert!(cut.bytes > 0 && cut.bytes <= end.offset - start);
            }
        }
    });
}

#[test]
fn megabytes_of_zeros_appended_change_nothing() {
    for reused in [false, true] {
        let mut driver = Driver::new(8, small_options());
        driver.create().unwrap();
        for round in 0..4 {
            let last = driver.latest().last();
            driver
                .append(&entries(1, last + 1..=last + 8, 900), None)
                .unwrap();
            driver.sync().unwrap();
            if reused && round < 3 {
                driver.flush(last);
                driver.log().release(last).unwrap();
            }
        }
        driver.log = None;
        driver.disk.restart();
        let newest = segments(&driver.disk).pop().unwrap();
        let length = driver.disk.content(&newest).unwrap().len();
        driver
            .disk
            .corrupt(&newest, |content| content.resize(length + (5 << 20), 0));
        let recovery = driver.open().unwrap();
        assert_eq!(recovery.torn_tail, None);
        driver.check();
        driver.append(&entries(2, 33..=60, 2000), None).unwrap();
        driver.sync().unwrap();
        driver.disk.power_loss(1);
        driver.open().unwrap();
        driver.check();
        // Nothing was written behind the length that the header says: without it, all is still there.
        driver.log = None;
        driver.disk.restart();
        driver
            .disk
            .corrupt(&newest, |content| content.truncate(length));
        driver.open().unwrap();
        driver.check();
    }
}

#[test]
fn the_kept_tails_are_bounded() {
    let mut driver = Driver::new(1, small_options());
    driver.create().unwrap();
    for round in 1..=9 {
        driver
            .append(&entries(round, round..=round, 900), None)
            .unwrap();
        driver.sync().unwrap();
        driver
            .append(&entries(round, round + 1..=round + 1, 900), None)
            .unwrap();
        driver.log().write().unwrap();
        driver.log = None;
        driver.disk.restart();
        let newest = segments(&driver.disk).pop().unwrap();
        driver.disk.corrupt(&newest, |content| {
            let end = content.iter().rposition(|byte| *byte != 0).unwrap();
            content[end] ^= 1;
        });
        driver.pending.clear();
        let recovery = driver.open().unwrap();
        assert!(recovery.torn_tail.is_some(), "round {round}");
    }
    let torn = driver
        .disk
        .files()
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("torn-"));
    assert_eq!(torn.count(), small_options().torn_files);
}

#[test]
fn a_torn_group_on_a_real_disk_is_cut_too() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("wal");
    let options = small_options();
    let mut log = Wal::create(
        wal::fs::OsFs,
        &path,
        crate::support::IDENTITY,
        wal::Position::default(),
        options.clone(),
    )
    .unwrap();
    for index in 1..=6 {
        log.append(&entries(1, index..=index, 100), None).unwrap();
        log.sync().unwrap();
    }
    let end = log.durable().place.offset;
    drop(log);
    let file = std::fs::read_dir(&path)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    let zeros = [0; 412];
    std::os::unix::fs::FileExt::write_all_at(&file, &zeros, end - 412).unwrap();
    let (log, recovery) = Wal::open(wal::fs::OsFs, &path, None, None, options).unwrap();
    assert_eq!(
        (log.last_index(), recovery.torn_tail.unwrap().bytes),
        (5, 512)
    );
}
