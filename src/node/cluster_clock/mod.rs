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
//!
//! The exception of design 19: a wall clock that is set forward while every machine is off, beyond the furthest that it was
//! ever ahead, cannot be told from time that passed. What was written before ends early then, by that step at most.
//!
//! A member that does not lead follows the times of the entries that the leader sends it, and what the leader says with
//! each heartbeat, in both directions: its own clock may run faster than the leader's, or have been wrong at a boot, and a
//! lead that it takes over later must not begin ahead of the time that counted. One that begins to lead first passes every
//! time that stands in its log, committed or not. Across a restart such a member counts by its own clocks, from what they
//! read when its store was last written (two machines agree on neither boot time nor wall clock), and only where no other
//! leader came since, who may have counted less (`recovery/clocks`).

mod elapsed;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::command::Stamp;
use elapsed::{Elapsed, STEP};

/// Cluster time as this member knows it: boot time plus an offset, which only grows while this member leads.
#[derive(Clone)]
pub struct ClusterClock {
    clock: Clock,
    offset: Arc<AtomicI64>,
    /// The furthest that a wall clock was ahead of cluster time. Only grows, too.
    lead: Arc<AtomicU64>,
    /// The latest time that stands in the log of this member. Along a log times only rise.
    logged: Arc<AtomicU64>,
}

impl ClusterClock {
    /// Continues from the stamp of the last command: by boot time within one boot, else by the wall clock, never
    /// below zero (the stated exception: a wall clock that is ahead of the truth at a start).
    pub fn resume(clock: Clock, last: &Stamp) -> Self {
        let resumed = Self {
            clock,
            offset: Arc::default(),
            lead: Arc::default(),
            logged: Arc::default(),
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

    /// As [`ClusterClock::resume`] for a member of several: what passed since the `last` command that it applied is not known before its
    /// log was read, nor whether what its `own` clocks read then counts. A leader that came later may have counted less.
    pub fn resume_among(clock: Clock, last: &Stamp, own: &Stamp) -> Self {
        let resumed = Self {
            clock,
            offset: Arc::default(),
            lead: Arc::default(),
            logged: Arc::default(),
        };
        let offset = last.cluster_time as i64 - resumed.clock.boottime() as i64;
        resumed.offset.store(offset, Ordering::Release);
        let lead = Self::lead_of(own).max(Self::lead_of(last));
        resumed.lead.store(lead, Ordering::Release);
        resumed
    }

    /// After the log of such a member was read: its time is at least the latest that stands in it, and what passed since
    /// counts where that is known, by the boot that made that stamp or from `own` readings, less the nanoseconds beside them, by
    /// which the time that counts fell behind them. A little less of it: the leader counted it too, by a clock that may run slower
    /// than the one here, and what was written meanwhile has its deadline by that.
    ///
    /// `booted` is what the clocks here read at the first start of a boot. In that boot a wall clock that was set since counts no more
    /// than what it showed then.
    pub fn catch_up_among(
        &self,
        latest: &Stamp,
        own: Option<(&Stamp, u64)>,
        booted: Option<&Stamp>,
    ) {
        let running = Elapsed::since(latest, &self.clock);
        let running = Some(running).filter(|elapsed| matches!(elapsed, Elapsed::Running(_)));
        let counted = running.map_or(0, Elapsed::counted);
        self.observe(latest.cluster_time.saturating_add(without_drift(counted)));
        if let Some((own, lost)) = own {
            // A wall clock that was further ahead since then, as the log says, was mended while somebody ran: that is no time.
            let lead = self.lead.load(Ordering::Acquire);
            let furthest = own
                .cluster_time
                .saturating_add(lead.max(Self::lead_of(latest)));
            let own = Stamp {
                behind: own.behind.max(furthest.saturating_sub(own.wall)),
                ..*own
            };
            let elapsed = Elapsed::since(&own, &self.clock);
            elapsed.tell();
            let at_first = booted.filter(|booted| booted.boot == self.clock.boot());
            let at_first = at_first.map_or(u64::MAX, |booted| {
                let off = booted
                    .wall
                    .saturating_sub(own.wall.saturating_add(own.behind));
                off.saturating_add(self.clock.boottime().saturating_sub(booted.boottime))
            });
            let counted = without_drift(elapsed.counted().min(at_first));
            let now = own.cluster_time.saturating_add(counted);
            self.observe(now.saturating_sub(lost));
        }
    }

    fn continue_from(&self, last: &Stamp, elapsed: Elapsed) {
        let now = last.cluster_time.saturating_add(elapsed.counted());
        let offset = now as i64 - self.clock.boottime() as i64;
        self.offset.store(offset, Ordering::Release);
        self.lead.store(Self::lead_of(last), Ordering::Release);
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

    /// An entry that is not applied was found in the log at a start.
    pub fn has_logged(&self, stamp: &Stamp) {
        self.logged.fetch_max(stamp.cluster_time, Ordering::AcqRel);
        // How far a wall clock of this cluster was ahead stays known, whoever leads.
        self.lead.fetch_max(Self::lead_of(stamp), Ordering::AcqRel);
    }

    fn lead_of(stamp: &Stamp) -> u64 {
        let furthest = stamp.wall.saturating_add(stamp.behind);
        furthest.saturating_sub(stamp.cluster_time)
    }

    /// An entry of the leader was appended here, and is the last of the log: this member's time is that one's now, later or
    /// earlier. What stood in its place is of no leader that counts, and may have been later.
    pub fn follow(&self, stamp: &Stamp) {
        self.logged.store(stamp.cluster_time, Ordering::Release);
        self.lead.fetch_max(Self::lead_of(stamp), Ordering::AcqRel);
        let offset = stamp.cluster_time as i64 - self.clock.boottime() as i64;
        self.offset.store(offset, Ordering::Release);
    }

    /// The leader says what time it is: this member's time is that one's now, as with [`Self::follow`]. No entry was written with it.
    /// A time of centuries comes from nobody who leads.
    pub fn hear(&self, stamp: &Stamp) {
        if stamp.cluster_time > i64::MAX as u64 / 2 {
            return;
        }
        self.lead.fetch_max(Self::lead_of(stamp), Ordering::AcqRel);
        let offset = stamp.cluster_time as i64 - self.clock.boottime() as i64;
        self.offset.store(offset, Ordering::Release);
    }

    /// This member begins to lead: its time goes on behind everything that its log says.
    pub fn begin_to_lead(&self) {
        self.observe(self.logged.load(Ordering::Acquire));
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

    /// What this machine's clocks read now, and the time that counts: as a stamp, but nobody else will see it.
    pub fn reading(&self) -> Stamp {
        // The wall first: a pause between the two must not look like a wall clock that is ahead.
        let wall = self.clock.wall();
        let boottime = self.clock.boottime();
        let now = boottime as i64 + self.offset.load(Ordering::Acquire);
        let cluster_time = u64::try_from(now).unwrap_or(0);
        let lead = wall.saturating_sub(cluster_time);
        let furthest = self.lead.load(Ordering::Acquire).max(lead);
        Stamp {
            request: 0,
            cluster_time,
            wall,
            behind: cluster_time.saturating_add(furthest).saturating_sub(wall),
            boot: self.clock.boot(),
            boottime,
        }
    }

    /// A stamp for a proposal taken now; the request id is the caller's.
    pub fn stamp(&self, request: u64) -> Stamp {
        let stamp = Stamp {
            request,
            ..self.reading()
        };
        let furthest = stamp.wall.saturating_add(stamp.behind);
        let lead = furthest.saturating_sub(stamp.cluster_time);
        self.lead.fetch_max(lead, Ordering::AcqRel);
        stamp
    }
}

/// Time that a clock counted, less what it may be fast beside another one: one part in a hundred, far more than any does that is not
/// broken.
fn without_drift(counted: u64) -> u64 {
    counted - counted / 100
}

#[cfg(test)]
mod tests;
