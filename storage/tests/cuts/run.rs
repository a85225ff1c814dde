//! One case: a store that applies one entry at a time, and others that apply the same entries in
//! batches.

use storage::{Action, Bounds, Operation, Outcome, Store, StoreOptions, Writer};
use tempfile::TempDir;

use super::draw::{Command, Draw};
use super::random::Random;
use super::seen::{self, Seen};

/// An expiry at the end that takes more turns than this would never end.
const DRAIN_MAX: u64 = 10_000;

/// What a case met. A proof that never came to a bound proves nothing about it.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    expired: u64,
    /// Expiries that ended with due nodes left.
    slices: u64,
    /// Expiries that ended at the bound of rows without a node.
    stale_stops: u64,
    /// Directories that were removed as one range.
    ranges: u64,
    /// Directories that were removed row by row.
    points: u64,
    oldest_event_moves: u64,
    batches: u64,
    compacted: u64,
    crashes: u64,
}

impl Reached {
    pub(crate) fn add(&mut self, other: Reached) {
        self.expired += other.expired;
        self.slices += other.slices;
        self.stale_stops += other.stale_stops;
        self.ranges += other.ranges;
        self.points += other.points;
        self.oldest_event_moves += other.oldest_event_moves;
        self.batches += other.batches;
        self.compacted += other.compacted;
        self.crashes += other.crashes;
    }

    pub(crate) fn check(&self) {
        let met = [
            self.expired,
            self.slices,
            self.stale_stops,
            self.ranges,
            self.points,
            self.oldest_event_moves,
            self.batches,
            self.compacted,
            self.crashes,
        ];
        assert!(met.iter().all(|count| *count >= 20), "{self:?}");
    }
}

/// After one entry, applied alone: what its operations gave, and what the store shows.
struct Mark {
    outcomes: Vec<Outcome>,
    seen: Seen,
}

/// The truth: every entry was a batch of its own, nothing was compacted.
struct Truth {
    commands: Vec<Command>,
    marks: Vec<Mark>,
    store: Store,
    writer: Writer,
}

/// Runs the case of a seed.
pub(crate) fn case(seed: u64, steps: u64) -> Reached {
    let mut random = Random::new(seed);
    let bounds = Bounds {
        point_deletes: random.below(7) as usize,
        stale_rows: random.between(1, 7) as usize,
        bytes_period: random.between(1, 8),
        events_step: random.between(1, 16),
    };
    let mut reached = Reached::default();
    let mut truth = one_at_a_time(bounds, Random::new(random.next()), steps, &mut reached);
    let past = seen::past(&truth.store);
    let verified = truth
        .store
        .lease()
        .expect("open")
        .view()
        .verify()
        .expect("fits together");
    let mut others: Vec<Batched> = (0..3)
        .map(|number| {
            let mut other = Batched::new(bounds, number == 2, Random::new(random.next()));
            other.run(&truth, &mut reached);
            assert_eq!(seen::past(other.store()), past, "history");
            let found = other
                .store()
                .lease()
                .expect("open")
                .view()
                .verify()
                .expect("fits together");
            assert_eq!(found, verified);
            other
        })
        .collect();
    drain(&mut truth, &mut others);
    reached
}

fn options(bounds: Bounds, in_memory: bool, node_cache_bytes: usize) -> StoreOptions {
    StoreOptions {
        cache_bytes: 1 << 20,
        node_cache_bytes,
        memtable_bytes: 1 << 20,
        in_memory,
        bounds,
        ..StoreOptions::default()
    }
}

fn one_at_a_time(bounds: Bounds, random: Random, steps: u64, reached: &mut Reached) -> Truth {
    let (store, mut writer) =
        storage::open("truth".as_ref(), options(bounds, true, 0)).expect("opens");
    let mut draw = Draw::new(random);
    let (mut commands, mut marks) = (Vec::new(), Vec::<Mark>::new());
    let mut before = Seen::of(&store);
    while (commands.len() as u64) < steps {
        for command in draw.commands(&store) {
            let outcomes = apply(&mut writer, std::slice::from_ref(&command), true).remove(0);
            seen::check_deadline(&store);
            let seen = Seen::of(&store);
            note(reached, &bounds, &command, &outcomes, &before, &store);
            reached.oldest_event_moves += u64::from(seen.oldest_event > before.oldest_event);
            before = seen.clone();
            marks.push(Mark { outcomes, seen });
            commands.push(command);
        }
    }
    Truth {
        commands,
        marks,
        store,
        writer,
    }
}

/// Applies commands as one batch.
fn apply(writer: &mut Writer, commands: &[Command], commit: bool) -> Vec<Vec<Outcome>> {
    let mut batch = writer.batch();
    let outcomes = commands
        .iter()
        .map(|command| {
            let (index, time) = (command.index, command.cluster_time);
            match command.operations.as_slice() {
                [operation] => vec![batch.apply_one(index, time, operation).expect("applies")],
                operations => batch.apply(index, time, operations).expect("applies"),
            }
        })
        .collect();
    if commit {
        batch.commit().expect("commits");
    }
    outcomes
}

fn note(
    reached: &mut Reached,
    bounds: &Bounds,
    command: &Command,
    outcomes: &[Outcome],
    before: &Seen,
    store: &Store,
) {
    for (operation, outcome) in command.operations.iter().zip(outcomes) {
        match (operation, outcome) {
            (Operation::Expire { cutoff, .. }, Outcome::Expired { events, more }) => {
                reached.expired += events.len() as u64;
                reached.slices += u64::from(*more);
                let due = store.next_deadline().is_some_and(|next| next <= *cutoff);
                let alone = command.operations.len() == 1;
                reached.stale_stops += u64::from(alone && !more && due);
            }
            (_, Outcome::Done(event)) if event.action == Action::Delete && event.node.dir => {
                let below = before
                    .nodes
                    .iter()
                    .filter(|node| node.path.is_below(&event.node.path));
                let range = below.count() > bounds.point_deletes;
                reached.ranges += u64::from(range);
                reached.points += u64::from(!range);
            }
            _ => {}
        }
    }
}

/// A store that applies in batches of random size, and is compacted both ways, flushed and crashed
/// between them.
struct Batched {
    handles: Option<(Store, Writer)>,
    options: StoreOptions,
    /// Where it lives, if not in memory.
    directory: Option<TempDir>,
    random: Random,
}

impl Batched {
    fn new(bounds: Bounds, on_disk: bool, mut random: Random) -> Self {
        let cache = random.pick(&[0, 16 << 10, 1 << 20]);
        let mut new = Self {
            handles: None,
            options: options(bounds, !on_disk, cache),
            directory: on_disk.then(|| {
                let memory = TempDir::new_in("/dev/shm").ok();
                memory.unwrap_or_else(|| TempDir::new().expect("a directory for the store"))
            }),
            random,
        };
        new.open();
        new
    }

    fn open(&mut self) {
        self.handles = None;
        let path = match &self.directory {
            Some(directory) => directory.path(),
            None => "batched".as_ref(),
        };
        self.handles = Some(storage::open(path, self.options.clone()).expect("opens"));
    }

    fn store(&self) -> &Store {
        &self.handles.as_ref().expect("open").0
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.handles.as_mut().expect("open").1
    }

    fn run(&mut self, truth: &Truth, reached: &mut Reached) {
        let sizes = self.random.pick(&[2, 5, 20, 80, 1_000]);
        let mut at = 0;
        while at < truth.commands.len() {
            let left = (truth.commands.len() - at) as u64;
            let size = self.random.between(1, sizes).min(left) as usize;
            let commands = &truth.commands[at..at + size];
            if self.random.percent(10) {
                apply(self.writer(), commands, false);
            }
            let outcomes = apply(self.writer(), commands, true);
            reached.batches += 1;
            for (number, found) in (at..).zip(outcomes) {
                let wanted = &truth.marks[number].outcomes;
                let command = &truth.commands[number];
                assert_eq!(&found, wanted, "outcomes of {command:#?}");
            }
            at += size;
            self.check(&truth.marks[at - 1].seen);
            if let Some(back) = self.between(truth, reached) {
                at = back;
            }
        }
    }

    fn check(&self, wanted: &Seen) {
        let index = wanted.applied.index;
        assert_eq!(&Seen::of(self.store()), wanted, "after entry {index}");
        seen::check_deadline(self.store());
    }

    /// What may happen between two batches; gives the entry to go on with if a crash lost some.
    fn between(&mut self, truth: &Truth, reached: &mut Reached) -> Option<usize> {
        if self.random.percent(40) {
            let budget = self.random.pick(&[1, 5, 1_000]);
            let done = self.writer().compact(budget).expect("compacts");
            reached.compacted += u64::from(done.rows > 0);
        }
        match self.random.below(20) {
            0 => drop(self.store().flush().expect("flushes")),
            1 => self.store().compact_tables().expect("compacts"),
            2 | 3 if self.directory.is_some() => {
                self.open();
                reached.crashes += 1;
                let index = self.store().applied().index;
                let back = truth
                    .commands
                    .partition_point(|command| command.index <= index);
                if let Some(last) = back.checked_sub(1) {
                    self.check(&truth.marks[last].seen);
                }
                return Some(back);
            }
            _ => {}
        }
        None
    }
}

/// Expires all that is left, a little at a time: rows without a node show in where an expiry ends.
fn drain(truth: &mut Truth, others: &mut [Batched]) {
    let first = truth.commands.last().map_or(0, |command| command.index) + 1;
    for index in first..first + DRAIN_MAX {
        if truth.store.next_deadline().is_none() {
            return;
        }
        let command = [Command {
            index,
            cluster_time: 0,
            operations: vec![Operation::Expire {
                cutoff: u64::MAX,
                limit: 2,
                bytes: None,
            }],
        }];
        let wanted = apply(&mut truth.writer, &command, true);
        for other in &mut *others {
            assert_eq!(apply(other.writer(), &command, true), wanted);
            let (shown, wanted) = (other.store().next_deadline(), truth.store.next_deadline());
            assert_eq!(shown, wanted, "the row where an expiry ended");
        }
    }
    panic!("rows are left after {DRAIN_MAX} expiries");
}
