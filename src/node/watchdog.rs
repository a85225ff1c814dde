//! Notices a disk that is slow or hangs, while it hangs.
//!
//! Whoever asks the disk for something marks begin and end here; one thread looks at the marks about once a second. A
//! mark is a store of an atomic with a time that its caller has read anyway: no lock, no clock.
//!
//! | lasts longer than | what is told |
//! |---|---|
//! | [`SLOW`] | one line when that is seen, one when it returns; counted |
//! | a request may wait | `/health` is false; unless it is work of the flush thread, which holds up no write, writes are refused at once |
//!
//! A mark that ends and a look that finds it late may cross: each writes its own word before it reads the other's, so at
//! least one of them sees both, and what was told is always taken back. The look's words are two, that it was told and the
//! refusal: an end between them takes the first back, so whoever finds the end after both takes back both.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::refusal::{RefusalKind, WriteRefusal, WriteRefusals};
use crate::clock::Clock;

/// From here on an operation of the disk is told.
pub const SLOW: Duration = Duration::from_secs(1);
/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long a request may wait, until [`Watchdog::set_patience`] says it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A group is written to the log and synced.
    LogSync,
    /// Old segments are recycled or removed.
    LogRelease,
    /// Entries are applied.
    StoreWrite,
    /// The store's memtables are written out.
    StoreFlush,
    /// The log's worker looks whether there is room, and whether everything is where it was.
    LogLook,
    /// The flush thread looks whether everything is where it was.
    FlushLook,
    /// The witness file is written and synced.
    Witness,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 7] = [
        Self::LogSync,
        Self::LogRelease,
        Self::StoreWrite,
        Self::StoreFlush,
        Self::LogLook,
        Self::FlushLook,
        Self::Witness,
    ];

    /// The word in `/metrics`.
    pub fn label(self) -> &'static str {
        match self {
            Self::LogSync => "log_sync",
            Self::LogRelease => "log_release",
            Self::StoreWrite => "store_write",
            Self::StoreFlush => "store_flush",
            Self::LogLook => "log_look",
            Self::FlushLook => "flush_look",
            Self::Witness => "witness",
        }
    }

    /// Whether writes wait for it.
    fn holds_writes(self) -> bool {
        match self {
            Self::LogSync | Self::LogRelease | Self::StoreWrite | Self::LogLook => true,
            Self::StoreFlush | Self::FlushLook | Self::Witness => false,
        }
    }
}

/// Times are nanoseconds since the watchdog was made, never 0.
#[derive(Debug, Default)]
struct Mark {
    /// When the present operation began; 0 for none.
    since: AtomicU64,
    /// The one that was told, by the time it began; 0 for none.
    told: AtomicU64,
    /// How many were slow.
    slow: AtomicU64,
}

/// See the module.
#[derive(Debug)]
pub struct Watchdog {
    clock: Clock,
    made: Instant,
    marks: [Mark; Work::ALL.len()],
    patience: AtomicU64,
    data_dir: OnceLock<PathBuf>,
    refusals: Arc<WriteRefusals>,
}

impl Watchdog {
    /// One that refuses writes through `refusals`.
    pub fn new(refusals: Arc<WriteRefusals>, clock: Clock) -> Self {
        Self {
            made: clock.now(),
            clock,
            marks: Default::default(),
            patience: AtomicU64::new(nanoseconds(PATIENCE)),
            data_dir: OnceLock::new(),
            refusals,
        }
    }

    /// Says how long a request may wait.
    pub fn set_patience(&self, patience: Duration) {
        self.patience
            .store(nanoseconds(patience), Ordering::Relaxed);
    }

    /// Says which directory the sentences are to name.
    pub fn set_data_dir(&self, data_dir: PathBuf) {
        // The first one stays: a process has one.
        let _ = self.data_dir.set(data_dir);
    }

    /// The calling thread is about to ask the disk. Only one thread at a time does each kind of work.
    pub fn begin(&self, work: Work, now: Instant) {
        self.marks[work as usize]
            .since
            .store(self.since(now), Ordering::Release);
    }

    /// It returned, after `took` if the caller knows.
    pub fn end(&self, work: Work, took: Option<Duration>) {
        let mark = &self.marks[work as usize];
        let since = mark.since.swap(0, Ordering::SeqCst);
        let slow = took.is_some_and(|took| took >= SLOW);
        if !slow && mark.told.load(Ordering::SeqCst) == 0 {
            return;
        }
        let took = took.unwrap_or_else(|| self.age(since, self.clock.now()));
        mark.told.store(0, Ordering::SeqCst);
        self.take_back(work);
        if took >= SLOW {
            mark.slow.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                "{} took {:.1} s: the disk is slow",
                self.name(work),
                took.as_secs_f64()
            );
        }
    }

    /// Tells what is late; returns when to look again.
    pub fn look(&self, now: Instant) -> Duration {
        let mut next = LOOK;
        for work in Work::ALL {
            let Some((since, age)) = self.under_way(work, now) else {
                continue;
            };
            if age < SLOW {
                next = next.min(SLOW - age);
            } else {
                self.tell(work, since, age);
            }
        }
        next
    }

    fn tell(&self, work: Work, since: u64, age: Duration) {
        let mark = &self.marks[work as usize];
        if mark.told.swap(since, Ordering::SeqCst) != since {
            tracing::warn!("{}", self.advice(work, age));
        }
        if work.holds_writes() && age > self.patience() {
            self.refusals
                .add(WriteRefusal::SlowDisk(self.advice(work, age)));
        }
        if mark.since.load(Ordering::SeqCst) != since {
            // It returned meanwhile, perhaps before it could see that it was told. The next one that is told already stays so.
            let _ = mark
                .told
                .compare_exchange(since, 0, Ordering::SeqCst, Ordering::SeqCst);
            self.take_back(work);
        }
    }

    /// Another work that is late as well is told again by the next look.
    fn take_back(&self, work: Work) {
        if work.holds_writes() {
            self.refusals.remove(&[RefusalKind::SlowDisk]);
        }
    }

    /// What has lasted longer than a request may wait, as a sentence.
    pub fn overdue(&self, now: Instant) -> Option<String> {
        let patience = self.patience();
        let (work, age) = self.late(now, |age| age > patience)?;
        Some(self.advice(work, age))
    }

    /// What has lasted longer than [`SLOW`], as a sentence.
    pub fn hanging(&self, now: Instant) -> Option<String> {
        let (work, age) = self.late(now, |age| age >= SLOW)?;
        Some(self.lateness(work, age))
    }

    fn late(&self, now: Instant, late: impl Fn(Duration) -> bool) -> Option<(Work, Duration)> {
        Work::ALL.into_iter().find_map(|work| {
            let (_, age) = self.under_way(work, now)?;
            late(age).then_some((work, age))
        })
    }

    /// For `/metrics`: how many operations were slow so far, and how long the present one has lasted.
    pub fn figures(&self, work: Work, now: Instant) -> (u64, Duration) {
        let slow = self.marks[work as usize].slow.load(Ordering::Relaxed);
        let age = self
            .under_way(work, now)
            .map_or(Duration::ZERO, |(_, age)| age);
        (slow, age)
    }

    /// Whether an operation that writes wait for is slow and has not returned.
    pub fn is_slow(&self) -> bool {
        let told = |work: Work| self.marks[work as usize].told.load(Ordering::Relaxed) != 0;
        Work::ALL
            .into_iter()
            .any(|work| work.holds_writes() && told(work))
    }

    fn under_way(&self, work: Work, now: Instant) -> Option<(u64, Duration)> {
        let since = self.marks[work as usize].since.load(Ordering::SeqCst);
        (since != 0).then(|| (since, self.age(since, now)))
    }

    fn since(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.made)).max(1)
    }

    fn age(&self, since: u64, now: Instant) -> Duration {
        Duration::from_nanos(self.since(now).saturating_sub(since))
    }

    fn patience(&self) -> Duration {
        Duration::from_nanos(self.patience.load(Ordering::Relaxed))
    }

    fn lateness(&self, work: Work, age: Duration) -> String {
        format!(
            "{} has not returned for {} s",
            self.name(work),
            age.as_secs()
        )
    }

    fn advice(&self, work: Work, age: Duration) -> String {
        format!("{}: check the disk", self.lateness(work, age))
    }

    fn name(&self, work: Work) -> String {
        let place = |name: &str| match self.data_dir.get() {
            Some(data_dir) if name.is_empty() => data_dir.display().to_string(),
            Some(data_dir) => data_dir.join(name).display().to_string(),
            None => name.to_owned(),
        };
        match work {
            Work::LogSync => format!("the log's sync of {}", place("wal")),
            Work::LogRelease => format!("the release of old log segments in {}", place("wal")),
            Work::StoreWrite => format!("a write to the store in {}", place("store")),
            Work::StoreFlush => format!("the flush of the store in {}", place("store")),
            Work::LogLook => format!("the log's look at the disk of {}", place("")),
            Work::FlushLook => format!("the flush thread's look at the disk of {}", place("")),
            Work::Witness => format!("the write of {}", place(super::witness_file::NAME)),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog() -> (Watchdog, Arc<WriteRefusals>, Instant) {
        let refusals = Arc::new(WriteRefusals::default());
        let watchdog = Watchdog::new(refusals.clone(), Clock::system());
        watchdog.set_patience(Duration::from_secs(7));
        watchdog.set_data_dir("/data".into());
        let begun = watchdog.made + Duration::from_secs(100);
        (watchdog, refusals, begun)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_quick_operation_is_never_told() {
        let (watchdog, refusals, begun) = watchdog();
        assert_eq!(watchdog.look(begun), LOOK);
        watchdog.begin(Work::LogSync, begun);
        // The next look is when it becomes slow.
        assert_eq!(watchdog.look(begun + SECOND / 4), SECOND * 3 / 4);
        watchdog.end(Work::LogSync, Some(SECOND / 2));
        assert!(!watchdog.is_slow());
        assert_eq!(watchdog.figures(Work::LogSync, begun), (0, Duration::ZERO));
        assert!(!refusals.any());
    }

    #[test]
    fn a_slow_one_is_told_while_it_lasts_and_counted_when_it_returns() {
        let (watchdog, refusals, begun) = watchdog();
        watchdog.begin(Work::LogSync, begun);
        let later = begun + 3 * SECOND;
        assert_eq!(watchdog.look(later), LOOK);
        assert!(watchdog.is_slow());
        assert_eq!(watchdog.overdue(later), None);
        let hanging = "the log's sync of /data/wal has not returned for 3 s";
        assert_eq!(watchdog.hanging(later).as_deref(), Some(hanging));
        assert_eq!(watchdog.figures(Work::LogSync, later), (0, 3 * SECOND));
        assert!(!refusals.any(), "writes still have time");
        watchdog.end(Work::LogSync, Some(3 * SECOND));
        assert!(!watchdog.is_slow());
        assert_eq!(watchdog.figures(Work::LogSync, later), (1, Duration::ZERO));
    }

    #[test]
    fn one_that_outlasts_a_request_refuses_writes_until_it_returns() {
        let (watchdog, refusals, begun) = watchdog();
        watchdog.begin(Work::StoreWrite, begun);
        watchdog.look(begun + 8 * SECOND);
        let sentence =
            "a write to the store in /data/store has not returned for 8 s: check the disk";
        assert_eq!(
            refusals.first(),
            Some(WriteRefusal::SlowDisk(sentence.to_owned()))
        );
        assert_eq!(
            watchdog.overdue(begun + 8 * SECOND).as_deref(),
            Some(sentence)
        );
        watchdog.end(Work::StoreWrite, None);
        assert!(!refusals.any());
        assert_eq!(watchdog.overdue(begun + 8 * SECOND), None);
    }

    #[test]
    fn a_flush_that_hangs_is_unhealthy_and_refuses_nothing() {
        let (watchdog, refusals, begun) = watchdog();
        watchdog.begin(Work::StoreFlush, begun);
        watchdog.look(begun + 60 * SECOND);
        assert!(watchdog.overdue(begun + 60 * SECOND).is_some());
        assert!(!refusals.any());
        assert!(!watchdog.is_slow());
    }

    #[test]
    fn looks_at_the_disk_are_marked_for_each_thread() {
        let (watchdog, refusals, begun) = watchdog();
        watchdog.begin(Work::FlushLook, begun);
        watchdog.look(begun + 9 * SECOND);
        let sentence = "the flush thread's look at the disk of /data has not returned for 9 s";
        assert_eq!(
            watchdog.hanging(begun + 9 * SECOND).as_deref(),
            Some(sentence)
        );
        assert!(watchdog.overdue(begun + 9 * SECOND).is_some());
        assert!(!refusals.any(), "it holds up no write");
        watchdog.begin(Work::LogLook, begun);
        watchdog.look(begun + 9 * SECOND);
        assert!(refusals.holds(RefusalKind::SlowDisk));
        watchdog.end(Work::LogLook, None);
        assert!(!refusals.any());
    }

    /// A process that was stopped finds the log's sync late in the moment in which it ends.
    #[test]
    fn an_end_in_the_middle_of_a_look_leaves_nothing_behind() {
        let (watchdog, refusals, begun) = watchdog();
        let (looks, ends) = (std::sync::Barrier::new(2), 20_000);
        // Told at the end: a panic here would leave the other thread waiting.
        let mut left = Vec::new();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for _ in 0..ends {
                    looks.wait();
                    watchdog.look(begun + 9 * SECOND);
                    looks.wait();
                }
            });
            for round in 0..ends {
                watchdog.begin(Work::LogSync, begun);
                looks.wait();
                // The two have no other clock in common: each round meets another moment of the look.
                (0..round % 512).for_each(|_| std::hint::spin_loop());
                watchdog.end(Work::LogSync, Some(9 * SECOND));
                looks.wait();
                if refusals.any() || watchdog.is_slow() {
                    left.push(round);
                }
            }
        });
        assert!(left.is_empty(), "left by rounds {left:?}");
    }

    #[test]
    fn an_end_that_crosses_a_look_leaves_nothing_behind() {
        let (watchdog, refusals, begun) = watchdog();
        watchdog.begin(Work::LogSync, begun);
        let (since, age) = watchdog
            .under_way(Work::LogSync, begun + 9 * SECOND)
            .expect("it is under way");
        watchdog.end(Work::LogSync, Some(SECOND / 2));
        // The look had read the mark before the end.
        watchdog.tell(Work::LogSync, since, age);
        assert!(!refusals.any());
        assert!(!watchdog.is_slow());
    }
}
