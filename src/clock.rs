//! Time as a member reads it: the seam behind which the machine's clocks stand, or those of a simulation.
//!
//! A [`Clock`] is given at construction and cloned. Nothing in `node`, `raft` and `watch` asks the system in another way
//! (`tests/house/seams.rs`), so a simulation can drive whole members from one seed. A read costs what it costs without the
//! seam: one branch before the call that needs no system call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use sha1::{Digest, Sha1};

/// The clocks of one machine. A clone reads the same ones.
#[derive(Debug, Clone)]
pub struct Clock(ClockSource);

#[derive(Debug, Clone)]
enum ClockSource {
    System { boot: u64 },
    Simulated(Arc<SimulatedClock>),
}

impl Clock {
    /// The real ones. Reads the kernel's boot id; where there is none, every start counts as a new boot: elapsed time then
    /// comes from the wall clock.
    pub fn system() -> Self {
        let identity = std::fs::read("/proc/sys/kernel/random/boot_id")
            .unwrap_or_else(|_| format!("{}-{:?}", std::process::id(), Instant::now()).into());
        let digest = Sha1::digest(&identity);
        let boot = digest
            .iter()
            .take(8)
            .fold(0, |word, byte| (word << 8) | u64::from(*byte));
        Self(ClockSource::System { boot })
    }

    /// Those that whoever holds `clock` moves.
    pub fn simulated(clock: Arc<SimulatedClock>) -> Self {
        Self(ClockSource::Simulated(clock))
    }

    /// Never steps; for spans within this process.
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.0 {
            ClockSource::System { .. } => Instant::now(),
            ClockSource::Simulated(clock) => clock.origin + Duration::from_nanos(clock.boottime()),
        }
    }

    /// How long ago that was; zero for what is still to come.
    #[inline]
    pub fn elapsed(&self, since: Instant) -> Duration {
        self.now().saturating_duration_since(since)
    }

    /// Nanoseconds since boot, time asleep included; never steps.
    #[inline]
    pub fn boottime(&self) -> u64 {
        match &self.0 {
            ClockSource::System { .. } => nanoseconds(ClockId::Boottime),
            ClockSource::Simulated(clock) => clock.boottime(),
        }
    }

    /// Nanoseconds since the Unix epoch; may step.
    #[inline]
    pub fn wall(&self) -> u64 {
        match &self.0 {
            ClockSource::System { .. } => nanoseconds(ClockId::Realtime),
            ClockSource::Simulated(clock) => clock.wall.load(Ordering::Relaxed),
        }
    }

    /// [`Self::wall`] as people want to see it.
    pub fn wall_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.wall())
    }

    /// Identifies the boot that [`Self::boottime`] counts from.
    pub fn boot(&self) -> u64 {
        match &self.0 {
            ClockSource::System { boot } => *boot,
            ClockSource::Simulated(clock) => clock.boot,
        }
    }

    /// Lets time pass. Simulated time passes at once.
    pub fn sleep(&self, time: Duration) {
        match &self.0 {
            ClockSource::System { .. } => std::thread::sleep(time),
            ClockSource::Simulated(clock) => clock.advance(time),
        }
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Clocks that stand still until they are moved.
#[derive(Debug)]
pub struct SimulatedClock {
    /// What an [`Instant`] counts from, which cannot be made from a number.
    origin: Instant,
    boottime: AtomicU64,
    wall: AtomicU64,
    boot: u64,
}

impl SimulatedClock {
    /// A machine in this boot, with these clocks in nanoseconds.
    pub fn new(boottime: u64, wall: u64, boot: u64) -> Self {
        Self {
            origin: Instant::now(),
            boottime: boottime.into(),
            wall: wall.into(),
            boot,
        }
    }

    fn boottime(&self) -> u64 {
        self.boottime.load(Ordering::Relaxed)
    }

    /// Time passes, by all clocks.
    pub fn advance(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.boottime.fetch_add(nanos, Ordering::Relaxed);
        self.wall.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&self, nanos: u64) {
        self.wall.store(nanos, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock forward.
    pub fn step_wall(&self, nanos: u64) {
        self.wall.fetch_add(nanos, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_passes_when_it_is_told_to_and_by_every_clock() {
        let held = Arc::new(SimulatedClock::new(5, 1_000, 7));
        let clock = Clock::simulated(held.clone());
        let begun = clock.now();
        assert_eq!(clock.elapsed(begun), Duration::ZERO);
        clock.sleep(Duration::from_nanos(30));
        assert_eq!(
            (clock.boottime(), clock.wall(), clock.boot()),
            (35, 1_030, 7)
        );
        assert_eq!(clock.elapsed(begun), Duration::from_nanos(30));
        held.step_wall(500);
        assert_eq!((clock.boottime(), clock.wall()), (35, 1_530));
    }

    #[test]
    fn the_real_clocks_do_not_stand_still() {
        let clock = Clock::system();
        let (begun, boottime) = (clock.now(), clock.boottime());
        clock.sleep(Duration::from_millis(1));
        assert!(clock.elapsed(begun) >= Duration::from_millis(1));
        assert!(clock.boottime() > boottime && clock.boot() == Clock::system().boot());
    }
}
