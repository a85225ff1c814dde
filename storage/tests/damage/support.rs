//! A store of a few hundred kilobytes whose families are one table each, and hands that hurt one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rocksdb::DB;
use storage::{
    Content, Damage, Error, EventFilter, KeyPath, Lease, Lifetime, Mode, Operation, Store,
    StoreOptions, Write, WriteMode, Writer,
};

pub(crate) const FAMILIES: [&str; 5] = ["default", "nodes", "versions", "events", "expiry"];
/// Files of a home; each with a deadline.
pub(crate) const FILES: u64 = 2_000;
/// Longer than any reader of these tests holds the store.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Small caches, so that reads reach the tables.
pub(crate) fn options() -> StoreOptions {
    StoreOptions {
        cache_bytes: 64 << 10,
        node_cache_bytes: 0,
        memtable_bytes: 8 << 20,
        read_patience: Duration::from_millis(50),
        ..StoreOptions::default()
    }
}

pub(crate) fn history_rests() -> Mode {
    Mode::WithoutCompaction(vec!["versions", "events"])
}

pub(crate) fn path(number: u64) -> KeyPath {
    KeyPath::new(format!("/d/{number:05}")).expect("a canonical path")
}

/// The command at a log index: the files are written in turn, over and over again.
pub(crate) fn command(index: u64) -> Operation {
    let number = (index - 1) % FILES;
    Operation::Write(Write {
        path: path(number),
        mode: WriteMode::Set,
        content: Content::File(Bytes::from(format!("{index:0>100}"))),
        lifetime: Some(Lifetime {
            expiration: 1,
            deadline: 1_000_000 + number,
        }),
        refresh: false,
    })
}

/// Applies the commands up to `last`, 100 in a batch.
pub(crate) fn apply(writer: &mut Writer, last: u64) -> Result<(), Error> {
    while writer.applied().index < last {
        let first = writer.applied().index + 1;
        let mut batch = writer.batch();
        for index in first..=last.min(first + 99) {
            batch.apply_one(index, index, &command(index))?;
        }
        batch.commit()?;
    }
    Ok(())
}

/// One command in a batch of its own.
pub(crate) fn run(writer: &mut Writer, operation: &Operation) -> Result<(), Error> {
    let index = writer.applied().index + 1;
    let mut batch = writer.batch();
    batch.apply_one(index, index, operation)?;
    batch.commit().map(drop)
}

/// A directory with a flushed store of [`FILES`] files, closed.
pub(crate) fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    apply(&mut writer, FILES).expect("applies");
    store.flush().expect("flushes");
    home
}

pub(crate) fn open(home: &Path, mode: &Mode) -> (Store, Writer) {
    storage::open_with(home, options(), mode).expect("opens")
}

pub(crate) fn damage(error: Error) -> Damage {
    match error.damage() {
        Some(damage) => damage,
        None => panic!("no damage: {error}"),
    }
}

/// The part of a table that is hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first data block.
    Data,
    /// The data block that holds this offset.
    DataAt(usize),
    Index,
    Filter,
    Properties,
    /// That many zeros, from there on in the properties.
    Zeroed(usize, usize),
    Footer,
    /// The whole file is removed.
    Gone,
    /// The file is cut to half of its length.
    Half,
    /// The file is there and empty.
    Empty,
    /// The table of the same name and size of another store.
    Swapped,
}

/// The largest table of a family: the file, and where its data blocks and its filter end.
pub(crate) struct Table {
    pub(crate) file: PathBuf,
    data: usize,
    filter: usize,
}

impl Table {
    pub(crate) fn name(&self) -> String {
        let name = self.file.file_name().expect("a file");
        name.to_string_lossy().into_owned()
    }

    /// Looks into a directory that no writer has open.
    pub(crate) fn of(home: &Path, family: &str) -> Self {
        let db = DB::open_cf_for_read_only(&rocksdb::Options::default(), home, FAMILIES, false)
            .expect("opens");
        let tables = db.live_files().expect("listed").into_iter();
        let largest = tables
            .filter(|table| table.column_family_name == family)
            .max_by_key(|table| table.size)
            .expect("the family has a table");
        let handle = db.cf_handle(family).expect("there");
        let properties = db
            .property_value_cf(handle, "rocksdb.aggregated-table-properties")
            .expect("readable")
            .expect("kept");
        let number = |name: &str| {
            let (_, rest) = properties.split_once(name).expect("a property");
            let digits = rest.trim_start_matches(|digit: char| !digit.is_ascii_digit());
            let end = digits.find(|digit: char| !digit.is_ascii_digit());
            let digits = &digits[..end.unwrap_or(digits.len())];
            digits.parse().expect("a number")
        };
        Self {
            file: home.join(largest.name.trim_start_matches('/')),
            data: number("data block size="),
            filter: number("filter block size="),
        }
    }

    pub(crate) fn hurt(&self, part: Part) {
        let bytes = fs::read(&self.file).expect("readable");
        let properties = || {
            let wanted = b"rocksdb.block.based";
            let found = bytes.windows(wanted.len()).position(|it| it == wanted);
            found.expect("the table has properties")
        };
        // Behind each block: type and checksum.
        let trailer = 5;
        match part {
            Part::Data => self.flip(10),
            Part::DataAt(offset) => self.flip(offset),
            Part::Filter => {
                assert!(self.filter > 0, "the family has no filter");
                self.flip(self.data + 3);
            }
            Part::Index if self.filter == 0 => self.flip(self.data + 3),
            Part::Index => self.flip(self.data + self.filter + trailer + 3),
            Part::Properties => self.flip(properties()),
            Part::Zeroed(from, count) => {
                let mut bytes = bytes.clone();
                let start = properties() + from;
                bytes[start..start + count].fill(0);
                fs::write(&self.file, bytes).expect("written");
            }
            Part::Footer => self.flip(bytes.len() - 4),
            Part::Gone => fs::remove_file(&self.file).expect("removed"),
            Part::Half => fs::write(&self.file, &bytes[..bytes.len() / 2]).expect("written"),
            Part::Empty => fs::write(&self.file, b"").expect("written"),
            Part::Swapped => self.swap(bytes.len()),
        }
    }

    fn swap(&self, size: usize) {
        let twin = home();
        let mut other = fs::read_dir(twin.path())
            .expect("listed")
            .filter_map(|entry| {
                let path = entry.expect("listed").path();
                let bytes = fs::read(&path).expect("readable");
                let table = path.extension().is_some_and(|it| it == "sst");
                (table && bytes.len() == size).then_some(bytes)
            });
        let other = other.next().expect("a twin's table of this size");
        fs::write(&self.file, other).expect("written");
    }

    fn flip(&self, at: usize) {
        let mut bytes = fs::read(&self.file).expect("readable");
        bytes[at] ^= 0x10;
        fs::write(&self.file, bytes).expect("written");
    }
}

/// What reads of every kind meet: `None` where all of it can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    pub(crate) get: Option<Damage>,
    pub(crate) walk: Option<Damage>,
    pub(crate) past: Option<Damage>,
    pub(crate) events: Option<Damage>,
    pub(crate) history: Option<Damage>,
}

impl Reads {
    pub(crate) fn of(lease: &Lease) -> Self {
        let view = lease.view();
        let found = |result: Result<(), Error>| result.err().map(damage);
        let gets = || {
            for number in 0..FILES {
                let (node, _) = lease.get(&path(number))?;
                assert!(node.is_ok(), "a file is missing and no error said so");
            }
            Ok(())
        };
        let walk = || {
            let mut walk = view.walk(&KeyPath::root(), true, true);
            let mut nodes = 0;
            while walk.next()?.is_some() {
                nodes += 1;
            }
            assert_eq!(nodes, FILES + 1, "files are missing and no error said so");
            Ok(())
        };
        let past = || {
            let mut walk = view
                .at(view.oldest_event())?
                .walk(&KeyPath::root(), true, true);
            while walk.next()?.is_some() {}
            Ok(())
        };
        let history = || {
            for number in 0..FILES {
                view.history(&path(number))
                    .try_for_each(|it| it.map(drop))?;
            }
            Ok(())
        };
        let mut events = view.events(view.oldest_event(), EventFilter::all());
        Self {
            get: found(gets()),
            walk: found(walk()),
            past: found(past()),
            events: found(events.try_for_each(|event| event.map(drop))),
            history: found(history()),
        }
    }
}
