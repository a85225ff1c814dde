//! Cut and zeroed tails (F3, F4, F8): every one opens, with exactly what the bytes left still say.

use std::path::{Path, PathBuf};

use wal::fs::sim::SimFs;
use wal::{Options, Place, Wal};

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
    /// Opens a copy in which `file` ends at `len` and `later` files are gone; checks what is left.
    fn check_cut(&self, file: &Path, sequence: u64, len: u64, later: &[PathBuf], thorough: bool) {
        use wal::fs::Fs;

        let disk = self.disk.fork();
        disk.corrupt(file, |content| content.truncate(len as usize));
        for path in later {
            disk.remove(path).unwrap();
        }
        let (log, recovery) = open_plain(&disk, None)
            .unwrap_or_else(|error| panic!("cut of {sequence} at {len}: {error}"));
        let cut = Place {
            sequence,
            offset: len,
        };
        let whole = self
            .steps
            .iter()
            .rposition(|(place, _)| *place <= cut)
            .unwrap_or(0);
        // A group may have lost nothing but padding: then it is whole although the cut is inside it.
        let last = log.last_index();
        let found = self.steps[whole..]
            .iter()
            .take(2)
            .find(|(_, model)| model.last() == last && model.differs(&log).is_none() || !thorough);
        assert!(
            found.is_some(),
            "cut of {sequence} at {len} opened with {last}"
        );
        assert!(
            last == self.steps[whole].1.last()
                || self
                    .steps
                    .get(whole + 1)
                    .is_some_and(|next| next.1.last() == last)
        );
        if let Some(cut) = recovery.cut {
            assert!(cut.bytes > 0 && cut.after_index == last, "{cut:?}");
            let kept = disk
                .content(&cut.kept_aside)
                .expect("the tail is kept aside");
            assert_eq!(kept.len() as u64, cut.bytes);
        }
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
fn a_cut_at_every_byte_of_the_last_64_kib_opens() {
    each_seed("a_cut_at_every_byte_of_the_last_64_kib", 1, |seed| {
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
            log.check_cut(&files[0], 1, len, &[], len % 64 == 0);
        });
    });
}

#[test]
fn a_cut_at_every_byte_of_a_log_of_many_segments_opens() {
    each_seed("a_cut_at_every_byte_of_a_log", 2, |seed| {
        let log = written(seed, small_options(), 14 << 10, 900);
        let files = segments(&log.disk);
        assert!(files.len() >= 2, "{files:?}");
        for (position, file) in files.iter().enumerate() {
            let sequence = position as u64 + 1;
            let last = log
                .steps
                .iter()
                .rev()
                .find(|(place, _)| place.sequence == sequence);
            let end = last.expect("each segment holds a group").0.offset;
            // The first segment's header is the log's own: without it there is none.
            let first = if position == 0 { 512 } else { 1 };
            in_two_halves(first..end + 1, |len| {
                log.check_cut(file, sequence, len, &files[position + 1..], true);
            });
        }
    });
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
                let cut = recovery.cut.expect("some bytes of the group are left");
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
        driver.disk.corrupt(&newest, |content| {
            content.resize(content.len() + (5 << 20), 0)
        });
        let recovery = driver.open().unwrap();
        assert_eq!(recovery.cut, None);
        driver.check();
        driver.append(&entries(2, 33..=60, 2000), None).unwrap();
        driver.sync().unwrap();
        driver.disk.power_loss(1);
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
        assert!(recovery.cut.is_some(), "round {round}");
    }
    let torn = driver
        .disk
        .files()
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("torn-"));
    assert_eq!(torn.count(), small_options().torn_files);
}

#[test]
fn cuts_on_a_real_disk_open_too() {
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
    file.set_len(end - 512 + 100).unwrap();
    let (log, recovery) = Wal::open(wal::fs::OsFs, &path, None, None, options).unwrap();
    assert_eq!((log.last_index(), recovery.cut.unwrap().bytes), (5, 100));
}
