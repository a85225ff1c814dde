//! Cluster time, made from the machine's clocks: what the deadlines of TTLs count in.
//!
//! Cluster time (nanoseconds) is replicated: every command carries it, it never runs backwards, and it advances with
//! the leader's `CLOCK_BOOTTIME`, which no wall clock step can touch. Deadlines of TTLs count in it.
//!
//! Only the wall clock tells how long a machine was off, and it may be wrong: one without a battery boots years in the
//! past, until a time server mends it. So the furthest that it was ever ahead of cluster time is kept (the *lead*), in
//! every stamp, and time across boots counts from there. A clock that is behind at a start then adds nothing, and a start
//! at which it is right again adds what was missed, unless it was mended while a node ran and wrote. One that was ahead
//! for a while has a lead that is too large: of the times between a last command and another boot, as much as it was ahead
//! is not counted. TTLs end late in these cases, never early.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::command::Stamp;

/// Time without a write that is told because all of it ages keys at once: the clock may be what is wrong.
const LONG_OFF: Duration = Duration::from_secs(24 * 3600);
/// A clock that is this much behind is told, and one that is set forward by as much is written down.
const STEP: Duration = Duration::from_secs(1);

/// Cluster time as this member knows it: boot time plus an offset that only grows.
#[derive(Clone)]
pub struct ClusterClock {
    clock: Clock,
    offset: Arc<AtomicI64>,
    /// The furthest that a wall clock was ahead of cluster time. Only grows, too.
    lead: Arc<AtomicU64>,
}

/// What passed between the last command and a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elapsed {
    /// In one boot.
    Running(Duration),
    /// Across boots.
    Off(Duration),
    /// Across boots, and the wall clock is before the last command: nothing can be said, so nothing counts.
    Behind(Duration),
}

impl Elapsed {
    fn since(last: &Stamp, clock: &Clock) -> Self {
        if last.boot == clock.boot() && last.boottime != 0 {
            let passed = clock.boottime().saturating_sub(last.boottime);
            return Self::Running(Duration::from_nanos(passed));
        }
        if last.wall == 0 {
            return Self::Off(Duration::ZERO);
        }
        let (then, now) = (last.wall.saturating_add(last.behind), clock.wall());
        match now.checked_sub(then) {
            Some(off) => Self::Off(Duration::from_nanos(off)),
            None => Self::Behind(Duration::from_nanos(then - now)),
        }
    }

    fn counted(self) -> u64 {
        match self {
            Self::Running(passed) | Self::Off(passed) => {
                u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
            }
            Self::Behind(_) => 0,
        }
    }

    /// Tells what an operator would want to know before keys are missed.
    fn tell(self) {
        match self {
            Self::Behind(by) if by >= STEP => tracing::warn!(
                "the clock is {} behind what this node has seen: keys with a TTL do not age for the time the machine was \
                 off. If the clock is wrong now, set it before the next start; if it was wrong then, such keys end late",
                in_words(by)
            ),
            Self::Running(off) | Self::Off(off) if off >= LONG_OFF => tracing::warn!(
                "{} passed since the last write, by the clock of this machine: keys whose TTL ended in that time lapse \
                 now. If the clock is wrong, set it before the next start",
                in_words(off)
            ),
            _ => {}
        }
    }
}

/// As people say it: days, hours or seconds.
fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 172_800.. => format!("{} days", seconds / 86_400),
        seconds @ 7_200.. => format!("{} hours", seconds / 3_600),
        seconds => format!("{seconds} s"),
    }
}

impl ClusterClock {
    /// Continues from the stamp of the last command: by boot time within one boot, else by the wall clock, never
    /// below zero (the stated exception: a wall clock that is ahead of the truth at a start).
    pub fn resume(clock: Clock, last: &Stamp) -> Self {
        let resumed = Self {
            clock,
            offset: Arc::default(),
            lead: Arc::default(),
        };
        resumed.continue_from(last, Elapsed::since(last, &resumed.clock));
        resumed
    }

    /// As if resumed from a later command, found while the log was replayed: what an earlier one said is forgotten, since
    /// its wall clock may have been mended between the two. Says in the log what is odd about the clock.
    ///
    /// Before anything is stamped.
    pub fn catch_up(&self, last: &Stamp) {
        let elapsed = Elapsed::since(last, &self.clock);
        elapsed.tell();
        self.continue_from(last, elapsed);
    }

    fn continue_from(&self, last: &Stamp, elapsed: Elapsed) {
        let now = last.cluster_time.saturating_add(elapsed.counted());
        let offset = now as i64 - self.clock.boottime() as i64;
        self.offset.store(offset, Ordering::Release);
        let furthest = last.wall.saturating_add(last.behind);
        let lead = furthest.saturating_sub(last.cluster_time);
        self.lead.store(lead, Ordering::Release);
    }

    /// Cluster time now, in nanoseconds.
    pub fn now(&self) -> u64 {
        let now = self.clock.boottime() as i64 + self.offset.load(Ordering::Acquire);
        u64::try_from(now).unwrap_or(0)
    }

    /// Takes note of a command's cluster time: this member is never behind what it has applied.
    pub fn observe(&self, cluster_time: u64) {
        let offset = cluster_time as i64 - self.clock.boottime() as i64;
        self.offset.fetch_max(offset, Ordering::AcqRel);
    }

    /// The machine's clocks.
    pub fn machine(&self) -> &Clock {
        &self.clock
    }

    /// Whether the wall clock was set forward since the last stamp, which may then have been wrong.
    pub fn was_set_forward(&self) -> bool {
        let lead = self.clock.wall().saturating_sub(self.now());
        let ahead = lead.saturating_sub(self.lead.load(Ordering::Acquire));
        Duration::from_nanos(ahead) >= STEP
    }

    /// A stamp for a proposal taken now; the request id is the caller's.
    pub fn stamp(&self, request: u64) -> Stamp {
        // The wall first: a pause between the two must not look like a wall clock that is ahead.
        let wall = self.clock.wall();
        let boottime = self.clock.boottime();
        let now = boottime as i64 + self.offset.load(Ordering::Acquire);
        let cluster_time = u64::try_from(now).unwrap_or(0);
        let lead = wall.saturating_sub(cluster_time);
        let furthest = self.lead.fetch_max(lead, Ordering::AcqRel).max(lead);
        Stamp {
            request,
            cluster_time,
            wall,
            behind: cluster_time.saturating_add(furthest).saturating_sub(wall),
            boot: self.clock.boot(),
            boottime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimulatedClock;

    fn clock(boottime: u64, wall: u64, boot: u64) -> Arc<SimulatedClock> {
        Arc::new(SimulatedClock::new(boottime, wall, boot))
    }

    fn resume(machine: &Arc<SimulatedClock>, last: &Stamp) -> ClusterClock {
        ClusterClock::resume(Clock::simulated(machine.clone()), last)
    }

    const LAST: Stamp = Stamp {
        request: 0,
        cluster_time: 500,
        wall: 10_000,
        behind: 0,
        boot: 1,
        boottime: 100,
    };

    #[test]
    fn the_same_boot_counts_boot_time_whatever_the_wall_says() {
        let machine = clock(130, 1, 1);
        let cluster = resume(&machine, &LAST);
        assert_eq!(cluster.now(), 530);
        machine.set_wall(99_999_999);
        machine.advance(Duration::from_nanos(10));
        assert_eq!(cluster.now(), 540);
    }

    #[test]
    fn another_boot_counts_the_wall_and_never_goes_back() {
        assert_eq!(resume(&clock(5, 10_700, 2), &LAST).now(), 1_200);
        assert_eq!(resume(&clock(5, 9_000, 2), &LAST).now(), 500);
    }

    #[test]
    fn observing_only_moves_forward() {
        let cluster = resume(&clock(130, 0, 1), &LAST);
        cluster.observe(10);
        assert_eq!(cluster.now(), 530);
        cluster.observe(9_000);
        assert_eq!(cluster.now(), 9_000);
    }

    const HOUR: u64 = 3_600_000_000_000;
    const YEAR: u64 = 365 * 24 * HOUR;
    /// A wall clock that is right at the start of a test.
    const RIGHT: u64 = 56 * YEAR;

    /// The last stamp of a boot that lasts `hours`, with a wall clock that shows `wall` at its start; what the stamp loses
    /// on its way through the log is lost here too.
    fn boot(number: u64, last: &Stamp, wall: u64, hours: u64) -> (u64, Stamp) {
        let machine = clock(1, wall, number);
        let cluster = resume(&machine, last);
        cluster.catch_up(last);
        let begun = cluster.now();
        machine.advance(Duration::from_nanos(hours * HOUR));
        let data = crate::command::Proposal::of_server(&[]).stamp(&cluster.stamp(0));
        let stamp = crate::command::Stamp::decode(&data).expect("a stamp is read back");
        (begun, stamp)
    }

    #[test]
    fn a_boot_with_the_clock_behind_ages_nothing_and_the_next_one_exactly_what_was_missed() {
        for behind in [HOUR / 2, 30 * HOUR, 20 * YEAR, RIGHT - 1_000] {
            let (begun, first) = boot(1, &Stamp::default(), RIGHT, 10);
            assert_eq!((begun, first.behind), (0, 0));
            let at = RIGHT + 11 * HOUR;
            let (begun, second) = boot(2, &first, at - behind, 5);
            let counted = HOUR.saturating_sub(behind);
            assert_eq!(begun, 10 * HOUR + counted, "behind by {behind}");
            // Shown as the machine says it.
            assert_eq!(second.wall, at - behind + 5 * HOUR);
            // Another, as wrong.
            let (begun, third) = boot(3, &second, RIGHT + 17 * HOUR - behind, 50);
            assert!(begun <= 17 * HOUR, "behind by {behind}");
            let (begun, _) = boot(4, &third, RIGHT + 70 * HOUR, 0);
            assert_eq!(begun, 70 * HOUR, "behind by {behind}");
        }
    }

    #[test]
    fn a_clock_that_is_mended_while_it_runs_counts_from_the_right_time() {
        let (_, first) = boot(1, &Stamp::default(), RIGHT, 10);
        let machine = clock(1, RIGHT - 20 * YEAR, 2);
        let cluster = resume(&machine, &first);
        assert!(cluster.stamp(0).behind > 19 * YEAR);
        assert!(!cluster.was_set_forward());
        machine.advance(Duration::from_nanos(HOUR));
        machine.set_wall(RIGHT + 12 * HOUR);
        assert!(cluster.was_set_forward());
        let second = cluster.stamp(0);
        assert!(!cluster.was_set_forward());
        assert_eq!((second.cluster_time, second.behind), (11 * HOUR, 0));
        let (begun, _) = boot(3, &second, RIGHT + 13 * HOUR, 0);
        assert_eq!(begun, 12 * HOUR);
    }

    #[test]
    fn a_clock_that_was_ahead_makes_keys_end_late_by_as_much_and_never_early() {
        let (_, first) = boot(1, &Stamp::default(), RIGHT + 3 * HOUR, 10);
        let (begun, second) = boot(2, &first, RIGHT + 11 * HOUR, 1);
        assert_eq!(begun, 10 * HOUR);
        assert_eq!(second.wall, RIGHT + 12 * HOUR);
        let (begun, third) = boot(3, &second, RIGHT + 14 * HOUR, 1);
        assert_eq!(begun, 11 * HOUR);
        let (begun, _) = boot(4, &third, RIGHT + 25 * HOUR, 0);
        assert_eq!(begun, 22 * HOUR, "three hours late");
    }

    /// The store may be of a time before the clock was mended, and the log of one after it.
    #[test]
    fn the_last_command_alone_says_what_passed() {
        let old = Stamp { wall: 5, ..LAST };
        let cluster = resume(&clock(1, RIGHT, 2), &old);
        let last = Stamp {
            cluster_time: 600,
            wall: RIGHT - 50,
            ..LAST
        };
        cluster.observe(600);
        cluster.catch_up(&last);
        assert_eq!(cluster.now(), 650);
    }

    #[test]
    fn what_is_odd_about_a_clock_is_told_in_words() {
        let since = |wall| Elapsed::since(&LAST, &Clock::simulated(clock(5, wall, 2)));
        assert_eq!(since(9_000), Elapsed::Behind(Duration::from_nanos(1_000)));
        assert_eq!(since(10_700), Elapsed::Off(Duration::from_nanos(700)));
        for (seconds, words) in [
            (7_300 * 86_400, "7300 days"),
            (100_000, "27 hours"),
            (3_600, "3600 s"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
