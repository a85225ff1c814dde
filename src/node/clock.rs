//! Time for the node: the machine's clocks behind a trait, and cluster time made from them.
//!
//! Cluster time (nanoseconds) is replicated: every command carries it, it never runs backwards, and it advances with
//! the leader's `CLOCK_BOOTTIME`, which no wall clock step can touch. Deadlines of TTLs count in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rustix::time::{ClockId, clock_gettime};
use sha1::{Digest, Sha1};

use crate::command::Stamp;

/// The machine's clocks.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since boot, time asleep included; never steps.
    fn boottime(&self) -> u64;
    /// Nanoseconds since the Unix epoch; may step.
    fn wall(&self) -> u64;
    /// Identifies the boot that `boottime` counts from.
    fn boot(&self) -> u64;
}

/// The real clocks.
#[derive(Debug)]
pub struct SystemClock {
    boot: u64,
}

impl SystemClock {
    /// Reads the kernel's boot id. Where there is none, every start counts as a new boot: elapsed time then comes
    /// from the wall clock.
    pub fn new() -> Self {
        let identity = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_else(|_| {
            format!("{}-{:?}", std::process::id(), std::time::Instant::now()).into()
        });
        let digest = Sha1::digest(&identity);
        let boot = digest
            .iter()
            .take(8)
            .fold(0, |word, byte| (word << 8) | u64::from(*byte));
        Self { boot }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

impl Clock for SystemClock {
    fn boottime(&self) -> u64 {
        nanoseconds(ClockId::Boottime)
    }

    fn wall(&self) -> u64 {
        nanoseconds(ClockId::Realtime)
    }

    fn boot(&self) -> u64 {
        self.boot
    }
}

/// Cluster time as this member knows it: boot time plus an offset that only grows.
#[derive(Clone)]
pub struct ClusterClock {
    clock: Arc<dyn Clock>,
    offset: Arc<AtomicI64>,
}

impl ClusterClock {
    /// Continues from the stamp of the last command: by boot time within one boot, else by the wall clock, never
    /// below zero (the stated exception: a wall step while every member is down).
    pub fn resume(clock: Arc<dyn Clock>, last: &Stamp) -> Self {
        let offset = Self::offset_after(&*clock, last);
        Self {
            clock,
            offset: Arc::new(AtomicI64::new(offset)),
        }
    }

    /// As if resumed from a later command, found while the log was replayed.
    pub fn catch_up(&self, last: &Stamp) {
        let offset = Self::offset_after(&*self.clock, last);
        self.offset.fetch_max(offset, Ordering::AcqRel);
    }

    fn offset_after(clock: &dyn Clock, last: &Stamp) -> i64 {
        let elapsed = if last.boot == clock.boot() && last.boottime != 0 {
            clock.boottime().saturating_sub(last.boottime)
        } else if last.wall == 0 {
            0
        } else {
            clock.wall().saturating_sub(last.wall)
        };
        let now = last.cluster_time.saturating_add(elapsed);
        now as i64 - clock.boottime() as i64
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
    pub fn machine(&self) -> &dyn Clock {
        &*self.clock
    }

    /// A stamp for a proposal taken now; the request id is the caller's.
    pub fn stamp(&self, request: u64) -> Stamp {
        let boottime = self.clock.boottime();
        let now = boottime as i64 + self.offset.load(Ordering::Acquire);
        Stamp {
            request,
            cluster_time: u64::try_from(now).unwrap_or(0),
            wall: self.clock.wall(),
            boot: self.clock.boot(),
            boottime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    struct Fixed {
        boottime: AtomicU64,
        wall: AtomicU64,
        boot: u64,
    }

    impl Clock for Fixed {
        fn boottime(&self) -> u64 {
            self.boottime.load(Ordering::Relaxed)
        }
        fn wall(&self) -> u64 {
            self.wall.load(Ordering::Relaxed)
        }
        fn boot(&self) -> u64 {
            self.boot
        }
    }

    fn clock(boottime: u64, wall: u64, boot: u64) -> Arc<Fixed> {
        Arc::new(Fixed {
            boottime: boottime.into(),
            wall: wall.into(),
            boot,
        })
    }

    const LAST: Stamp = Stamp {
        request: 0,
        cluster_time: 500,
        wall: 10_000,
        boot: 1,
        boottime: 100,
    };

    #[test]
    fn the_same_boot_counts_boot_time_whatever_the_wall_says() {
        let machine = clock(130, 1, 1);
        let cluster = ClusterClock::resume(machine.clone(), &LAST);
        assert_eq!(cluster.now(), 530);
        machine.wall.store(99_999_999, Ordering::Relaxed);
        machine.boottime.store(140, Ordering::Relaxed);
        assert_eq!(cluster.now(), 540);
    }

    #[test]
    fn another_boot_counts_the_wall_and_never_goes_back() {
        assert_eq!(
            ClusterClock::resume(clock(5, 10_700, 2), &LAST).now(),
            1_200
        );
        assert_eq!(ClusterClock::resume(clock(5, 9_000, 2), &LAST).now(), 500);
    }

    #[test]
    fn observing_only_moves_forward() {
        let cluster = ClusterClock::resume(clock(130, 0, 1), &LAST);
        cluster.observe(10);
        assert_eq!(cluster.now(), 530);
        cluster.observe(9_000);
        assert_eq!(cluster.now(), 9_000);
    }
}
