//! Recycled files: what an earlier use left never counts, and a reader at work is never shown another use.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use wal::fs::sim::{SimFile, SimFs};
use wal::fs::{File, Fs};
use wal::{Options, Position, Wal};

use crate::support::{Driver, IDENTITY, dir, each_seed, entries, small_options};

type Hook = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A disk that runs a hook inside the next read of a file.
#[derive(Clone)]
struct HookFs {
    disk: SimFs,
    hook: Hook,
}

struct HookFile {
    file: SimFile,
    hook: Hook,
}

impl HookFs {
    fn wrap(&self, file: io::Result<SimFile>) -> io::Result<HookFile> {
        let hook = Arc::clone(&self.hook);
        Ok(HookFile { file: file?, hook })
    }
}

impl Fs for HookFs {
    type File = HookFile;

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }
    fn create(&self, path: &Path) -> io::Result<HookFile> {
        self.wrap(self.disk.create(path))
    }
    fn open(&self, path: &Path) -> io::Result<HookFile> {
        self.wrap(self.disk.open(path))
    }
    fn open_read(&self, path: &Path) -> io::Result<HookFile> {
        self.wrap(self.disk.open_read(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }
    fn len(&self, path: &Path) -> io::Result<u64> {
        self.disk.len(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn entropy(&self) -> u64 {
        self.disk.entropy()
    }
}

impl File for HookFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let hook = self.hook.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
        self.file.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        self.file.write_at(offset, data)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

#[test]
fn a_segment_that_is_being_read_is_not_recycled_under_the_reader() {
    let hook = Hook::default();
    let disk = HookFs {
        disk: SimFs::new(1),
        hook: Arc::clone(&hook),
    };
    let options = Options {
        spare_segments: 4,
        ..small_options()
    };
    let log = Wal::create(disk, &dir(), IDENTITY, Position::default(), options).unwrap();
    let log = Arc::new(Mutex::new(log));
    log.lock()
        .unwrap()
        .append(&entries(1, 1..=40, 900), None)
        .unwrap();
    log.lock().unwrap().sync().unwrap();
    let reader = log.lock().unwrap().reader();
    let writer = Arc::clone(&log);
    // While the first segments are being read: released, used again, written over.
    *hook.lock().unwrap() = Some(Box::new(move || {
        let mut log = writer.lock().unwrap();
        log.release(35).unwrap();
        log.append(&entries(2, 41..=120, 900), None).unwrap();
        log.sync().unwrap();
    }));
    let found = reader.entries(1, 21, usize::MAX).unwrap();
    assert!(hook.lock().unwrap().is_none(), "the hook ran");
    assert!(!found.is_empty());
    assert!(found == entries(1, 1..=found.len() as u64, 900));
    assert!(reader.first_index() > 20);
}

#[test]
fn stale_bytes_of_a_recycled_segment_never_count() {
    each_seed("stale_bytes_of_a_recycled", 40, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.options.spare_segments = 3;
        driver.create().unwrap();
        for _ in 0..12 {
            let last = driver.latest().last();
            // Groups of one size lie at the same places in each use.
            for index in last + 1..=last + 6 {
                driver
                    .append(&entries(1, index..=index, 850), None)
                    .unwrap();
                driver.sync().unwrap();
            }
            driver.flush(last);
            driver.log().release(last).unwrap();
            if driver.random.one_in(3) {
                let loss = driver.random.next_u64();
                driver.disk.power_loss(loss);
                let recovery = driver.open().unwrap();
                assert_eq!(recovery.cut, None, "stale groups are not a torn tail");
                driver.check();
            }
        }
        let spares = driver.disk.files().into_iter();
        let used = driver.log().segments()
            + spares
                .filter(|path| path.extension() == Some("spare".as_ref()))
                .count();
        assert!(used <= 8, "files are used again: {used}");
    });
}
