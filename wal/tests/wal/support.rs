//! A plain model of the log, and the means to drive a real one beside it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use wal::fs::Fs;
use wal::fs::sim::{SimFs, SplitMix64};
use wal::{Entry, Error, HardState, Identity, Options, Position, Recovery, Wal, Witness};

pub(crate) const IDENTITY: Identity = Identity {
    cluster: 0xc1,
    member: 0x3e,
};

pub(crate) fn dir() -> PathBuf {
    PathBuf::from("/data/wal")
}

/// Small segments and no thread, so that every operation has its number.
pub(crate) fn small_options() -> Options {
    Options {
        segment_bytes: 8 << 10,
        group_bytes: 3 << 10,
        spare_segments: 1,
        background: false,
        ..Options::default()
    }
}

/// The seeds of a test: one from `WAL_SEED`, else `count` fixed ones.
pub(crate) fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("WAL_SEED") {
        Ok(seed) => vec![seed.parse().expect("WAL_SEED is a number")],
        Err(_) => (1..=count).collect(),
    }
}

/// Runs `test` for each seed and says on a failure how to run it again.
pub(crate) fn each_seed(name: &str, count: u64, test: impl Fn(u64)) {
    for seed in seeds(count) {
        let guard = Replay { name, seed };
        test(seed);
        std::mem::forget(guard);
    }
}

struct Replay<'a> {
    name: &'a str,
    seed: u64,
}

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        let Self { name, seed } = self;
        eprintln!("seed {seed}; replay: WAL_SEED={seed} cargo test -p wal --test wal {name}");
    }
}

pub(crate) fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let mut random = SplitMix64::new(term << 32 ^ index);
    let payload: Vec<u8> = (0..bytes).map(|_| random.next_u64() as u8).collect();
    Entry {
        term,
        index,
        kind: (index % 5) as u8,
        payload: Bytes::from(payload),
    }
}

pub(crate) fn entries(term: u64, range: std::ops::RangeInclusive<u64>, bytes: usize) -> Vec<Entry> {
    range.map(|index| entry(term, index, bytes)).collect()
}

/// A step of a log's history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Entry(Entry),
    Hard(HardState),
}

/// What a log should hold: all entries since its start, released ones included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) base: Position,
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) hard_state: HardState,
    /// Entries up to here need not be in the log.
    pub(crate) released: u64,
}

impl Model {
    pub(crate) fn starting_at(base: Position, hard_state: HardState) -> Self {
        Self {
            base,
            hard_state,
            released: base.index,
            ..Self::default()
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.entries
            .keys()
            .next_back()
            .copied()
            .unwrap_or(self.base.index)
    }

    pub(crate) fn term(&self, index: u64) -> u64 {
        self.entries
            .get(&index)
            .map_or(self.base.term, |entry| entry.term)
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Entry(entry) => {
                self.entries.split_off(&entry.index);
                self.entries.insert(entry.index, entry.clone());
            }
            Change::Hard(state) => self.hard_state = *state,
        }
    }

    /// Why `log` is not this model, if it is not.
    pub(crate) fn differs<F: Fs>(&self, log: &Wal<F>) -> Option<String> {
        let (first, last) = (log.first_index(), log.last_index());
        if log.hard_state() != self.hard_state {
            return Some(format!("{:?}, not {:?}", log.hard_state(), self.hard_state));
        }
        if last != self.last() || first > self.released + 1 || first <= self.base.index {
            return Some(format!(
                "{first}..={last}, not ..={}; {}",
                self.last(),
                self.released
            ));
        }
        let reader = log.reader();
        if reader.term(first - 1).unwrap() != Some(self.term(first - 1)) {
            return Some(format!("base term {:?}", reader.term(first - 1)));
        }
        let found = read_all(log);
        let expected: Vec<&Entry> = self.entries.range(first..).map(|pair| pair.1).collect();
        if found.len() != expected.len() {
            return Some(format!("{} entries, not {}", found.len(), expected.len()));
        }
        let wrong = found
            .iter()
            .zip(expected)
            .find(|(found, expected)| found != expected);
        wrong.map(|(found, _)| format!("entry {} has other bytes", found.index))
    }
}

/// Everything a log holds, read in pieces of different sizes.
pub(crate) fn read_all<F: Fs>(log: &Wal<F>) -> Vec<Entry> {
    let reader = log.reader();
    let (mut low, last) = (reader.first_index(), reader.last_index());
    let mut found: Vec<Entry> = Vec::new();
    let mut piece = 1;
    while low <= last {
        let part = reader.entries(low, last + 1, piece).unwrap();
        assert!(!part.is_empty(), "a read returns at least one entry");
        for entry in &part {
            assert_eq!(reader.term(entry.index).unwrap(), Some(entry.term));
        }
        low += part.len() as u64;
        found.extend(part);
        piece = piece * 7 + 100;
    }
    found
}

/// A simulated disk with a log on it and the model beside it.
pub(crate) struct Driver {
    pub(crate) disk: SimFs,
    pub(crate) random: SplitMix64,
    pub(crate) options: Options,
    pub(crate) log: Option<Wal<SimFs>>,
    /// What a crash must leave.
    pub(crate) acked: Model,
    /// What it may leave besides, in this order.
    pub(crate) pending: Vec<Change>,
    /// What it may leave instead: a restart that was under way.
    pub(crate) restarting: Option<Model>,
    pub(crate) witness: Option<Witness>,
    pub(crate) term: u64,
}

impl Driver {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        Self {
            disk: SimFs::new(seed),
            random: SplitMix64::new(seed),
            options,
            log: None,
            acked: Model::default(),
            pending: Vec::new(),
            restarting: None,
            witness: None,
            term: 1,
        }
    }

    pub(crate) fn log(&mut self) -> &mut Wal<SimFs> {
        self.log.as_mut().expect("the log is open")
    }

    pub(crate) fn create(&mut self) -> Result<(), Error> {
        let (disk, options) = (self.disk.clone(), self.options.clone());
        let log = Wal::create(disk, &dir(), IDENTITY, self.acked.base, options)?;
        self.log = Some(log);
        Ok(())
    }

    /// The model with everything that was appended.
    pub(crate) fn latest(&self) -> Model {
        let mut model = self.acked.clone();
        for change in &self.pending {
            model.apply(change);
        }
        model
    }

    pub(crate) fn append(&mut self, new: &[Entry], state: Option<HardState>) -> Result<(), Error> {
        self.log().append(new, state.as_ref())?;
        self.pending.extend(new.iter().cloned().map(Change::Entry));
        self.pending.extend(state.map(Change::Hard));
        Ok(())
    }

    /// Appends a random run of entries, now and then over a tail that is not released.
    pub(crate) fn append_random(&mut self) -> Result<(), Error> {
        let latest = self.latest();
        let last = latest.last();
        let mut first = last + 1;
        if self.random.one_in(4) {
            let room = last.saturating_sub(latest.released);
            first = last + 1 - self.random.below(room.min(12) + 1);
            self.term += u64::from(first <= last);
        }
        let count = self.random.below(6);
        let size = [0, 10, 100, 700, 5000][self.random.below(5) as usize];
        let mut new = Vec::new();
        for index in first..first + count {
            self.term += u64::from(self.random.one_in(20));
            let bytes = self.random.below(size + 1) as usize;
            new.push(entry(self.term, index, bytes));
        }
        let vote = self.random.below(4);
        let commit = latest.released;
        let state = self.random.one_in(3).then_some(HardState {
            term: self.term,
            vote,
            commit,
        });
        self.append(&new, state)
    }

    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let durable = self.log().sync()?;
        self.acked = self.latest();
        self.pending.clear();
        assert_eq!(durable.index, self.acked.last());
        if self.random.one_in(2) {
            self.witness = Some(self.log().witness());
        }
        Ok(())
    }

    /// A flush of the store: it holds everything up to `through` and remembers the log's witness.
    pub(crate) fn flush(&mut self, through: u64) {
        self.witness = Some(self.log().witness());
        self.acked.released = through;
    }

    /// Releases up to a random durable entry, as a store does after a flush.
    pub(crate) fn release_random(&mut self) -> Result<(), Error> {
        // What is applied is committed, and so never replaced by what is still to be synced.
        let replaced = self.pending.iter().filter_map(|change| match change {
            Change::Entry(entry) => Some(entry.index - 1),
            Change::Hard(_) => None,
        });
        let durable = self.acked.last().min(replaced.min().unwrap_or(u64::MAX));
        let room = durable.saturating_sub(self.acked.released);
        let through = self.acked.released + self.random.below(room + 1);
        self.flush(through);
        self.log().release(through)
    }

    pub(crate) fn restart_at(&mut self, base: Position) -> Result<(), Error> {
        self.term = self.term.max(base.term);
        let state = HardState {
            term: self.term,
            vote: 1,
            commit: base.index,
        };
        self.restarting = Some(Model::starting_at(base, state));
        self.log().restart_at(base, state)?;
        self.settle_restart();
        Ok(())
    }

    fn settle_restart(&mut self) {
        if let Some(model) = self.restarting.take() {
            self.acked = model;
            self.pending.clear();
        }
    }

    /// Opens the log again and checks that it is what a crash may leave.
    pub(crate) fn open(&mut self) -> Result<Recovery, Error> {
        self.log = None;
        let witness = self.witness.filter(|_| self.random.one_in(2));
        let (disk, options) = (self.disk.clone(), self.options.clone());
        let (log, recovery) = Wal::open(disk, &dir(), Some(IDENTITY), witness.as_ref(), options)?;
        assert_eq!(recovery.last_index, log.last_index());
        assert_eq!(recovery.first_index, log.first_index());
        assert_eq!(recovery.hard_state, log.hard_state());
        self.disk.clone().quietly(|| self.adopt(&log));
        self.log = Some(log);
        self.restarting = None;
        Ok(recovery)
    }

    fn adopt(&mut self, log: &Wal<SimFs>) {
        if let Some(model) = self
            .restarting
            .take_if(|model| model.differs(log).is_none())
        {
            self.acked = model;
            self.pending.clear();
            return;
        }
        let mut candidate = self.acked.clone();
        let mut reason = candidate.differs(log);
        for change in std::mem::take(&mut self.pending) {
            if reason.is_none() && log.last_index() == candidate.last() {
                break;
            }
            candidate.apply(&change);
            reason = candidate.differs(log);
        }
        assert_eq!(
            reason, None,
            "the log is no state between the last sync and the crash"
        );
        self.acked = candidate;
    }

    /// Opens or creates until it works; whatever a fault left must not stop either for good.
    pub(crate) fn recover(&mut self) {
        for _ in 0..4 {
            self.log = None;
            match self.open() {
                Ok(_) => return,
                Err(Error::NoLog { .. }) => {
                    assert_eq!(self.acked.last(), self.acked.base.index, "the log is gone");
                    match self.create() {
                        Ok(()) => return,
                        Err(error) => eprintln!("create: {error}"),
                    }
                }
                Err(
                    error @ (Error::Io { .. }
                    | Error::NoSpace { .. }
                    | Error::ReadOnly { .. }
                    | Error::Poisoned { .. }),
                ) => eprintln!("open: {error}"),
                Err(error) => panic!("{error}"),
            }
            self.disk.restart();
        }
        panic!("the log does not open");
    }

    /// One random step of a log's life.
    pub(crate) fn random_step(&mut self) -> Result<(), Error> {
        match self.random.below(20) {
            0..=8 => self.append_random(),
            9 | 10 => self.log().write(),
            11..=14 => self.sync(),
            15 | 16 => self.release_random(),
            17 => self.log().prepare_next().map(|_| ()),
            18 if self.random.one_in(4) => {
                let index = self.latest().last() + self.random.below(50);
                self.restart_at(Position {
                    term: self.term,
                    index,
                })
            }
            _ => {
                self.disk.restart();
                self.open().map(|_| ())
            }
        }
    }

    pub(crate) fn check(&mut self) {
        let latest = self.latest();
        let log = self.log.as_ref().expect("the log is open");
        assert_eq!(self.disk.quietly(|| latest.differs(log)), None);
    }
}

/// Path of the newest segment file and of all of them, oldest first.
pub(crate) fn segments(disk: &SimFs) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "wal");
    disk.files().into_iter().filter(is_segment).collect()
}

pub(crate) fn open_plain(
    disk: &SimFs,
    witness: Option<&Witness>,
) -> Result<(Wal<SimFs>, Recovery), Error> {
    Wal::open(
        disk.clone(),
        &dir(),
        Some(IDENTITY),
        witness,
        small_options(),
    )
}
