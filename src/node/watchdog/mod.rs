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

mod work;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::refusal::{RefusalKind, WriteRefusal, WriteRefusals};
use crate::clock::Clock;
pub(crate) use work::Work;

/// From here on an operation of the disk is told.
pub(crate) const SLOW: Duration = Duration::from_secs(1);
/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long a request may wait, until [`Watchdog::set_patience`] says it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Times are nanoseconds since the watchdog was made, never 0.
#[derive(Debug, Default)]
struct OperationMark {
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
    marks: [OperationMark; Work::ALL.len()],
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
                work.sentence(self.data_dir.get()),
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

    /// Whether an operation is under way and has taken so long.
    pub fn lasts(&self, work: Work, long: Duration) -> bool {
        let begun = self.marks[work as usize].since.load(Ordering::Relaxed);
        begun != 0 && self.age(begun, self.clock.now()) >= long
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
            work.sentence(self.data_dir.get()),
            age.as_secs()
        )
    }

    fn advice(&self, work: Work, age: Duration) -> String {
        format!("{}: check the disk", self.lateness(work, age))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
