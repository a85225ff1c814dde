//! What the node's threads tell the rest of the process: facts that are read often and written rarely.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use super::damage::Damages;
use super::disk_pace::{DiskPace, SLOW};
use super::fatal::FatalError;
use super::outcome::Failure;
use super::refusal::{WriteRefusal, WriteRefusals};
use super::traffic::Traffic;
use super::volume::Volume;
use super::watchdog::{Watchdog, Work};
use crate::clock::Clock;
use crate::raft::{Role, SoftState};

struct WhenHalted(Box<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for WhenHalted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WhenHalted")
    }
}

/// Shared by all threads of a node.
#[derive(Debug)]
pub struct Status {
    clock: Clock,
    role: AtomicU8,
    leader: AtomicU64,
    term: AtomicU64,
    commit: AtomicU64,
    applied: AtomicU64,
    reads_at_once: AtomicBool,
    sole_voter: AtomicBool,
    silent: AtomicBool,
    refusals: Arc<WriteRefusals>,
    damages: Damages,
    watchdog: Watchdog,
    traffic: Traffic,
    releasable: AtomicU64,
    /// The entry after which a follower needs the log, or u64::MAX.
    follower_needs: AtomicU64,
    store_delays: AtomicBool,
    log_pace: DiskPace,
    store_pace: DiskPace,
    told: AtomicU64,
    answered: AtomicU64,
    leader_since: Mutex<SystemTime>,
    /// Term and vote. Held for a copy.
    promised: Mutex<(u64, u64)>,
    has_failed: AtomicBool,
    stopping: AtomicBool,
    to_compact: AtomicBool,
    waits_for_disk: AtomicBool,
    when_halted: OnceLock<WhenHalted>,
    volume: OnceLock<Arc<Volume>>,
    lost: OnceLock<String>,
    removed_log: OnceLock<String>,
    failed: watch::Sender<Option<FatalError>>,
    leader_known: watch::Sender<u64>,
}

impl Status {
    /// Of a node that reads this clock.
    pub fn new(clock: Clock) -> Self {
        let refusals = Arc::<WriteRefusals>::default();
        Self {
            role: AtomicU8::new(0),
            leader: AtomicU64::new(0),
            term: AtomicU64::new(0),
            commit: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            reads_at_once: AtomicBool::new(false),
            sole_voter: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            watchdog: Watchdog::new(refusals.clone(), clock.clone()),
            refusals,
            damages: Damages::default(),
            traffic: Traffic::default(),
            releasable: AtomicU64::new(0),
            follower_needs: AtomicU64::new(u64::MAX),
            store_delays: AtomicBool::new(false),
            log_pace: DiskPace::default(),
            store_pace: DiskPace::default(),
            told: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            leader_since: Mutex::new(clock.wall_time()),
            promised: Mutex::default(),
            has_failed: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            to_compact: AtomicBool::new(false),
            waits_for_disk: AtomicBool::new(false),
            when_halted: OnceLock::new(),
            volume: OnceLock::new(),
            lost: OnceLock::new(),
            removed_log: OnceLock::new(),
            failed: watch::Sender::new(None),
            leader_known: watch::Sender::new(0),
            clock,
        }
    }

    /// How long the log takes.
    pub(crate) fn log_pace(&self) -> &DiskPace {
        &self.log_pace
    }

    /// How long the store takes.
    pub(crate) fn store_pace(&self) -> &DiskPace {
        &self.store_pace
    }

    /// Whether this member follows a leader, and its log or its store take so long that it is far behind: lately, or now.
    pub(crate) fn lags(&self) -> bool {
        if self.is_sole_voter() {
            return false;
        }
        let now = || self.clock.boottime();
        let slow = self.log_pace.is_slow(now)
            || self.store_pace.is_slow(now)
            || self.watchdog.lasts(Work::LogSync, SLOW)
            || self.watchdog.lasts(Work::StoreWrite, SLOW)
            || self.waits_for_disk();
        slow && self.leader() != 0 && self.role() != Role::Leader
    }

    /// A client here was told of an index by the leader.
    pub(crate) fn has_told(&self, index: u64) {
        self.told.fetch_max(index, Ordering::Relaxed);
    }

    /// The highest index that clients here were told by a leader. It may not be applied here: what is "from now on" to them comes
    /// after it.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// A client here is about to be told by the leader of the state at this entry: what its write came to, or what it read.
    pub(crate) fn has_answered(&self, index: u64) {
        self.answered.fetch_max(index, Ordering::Relaxed);
    }

    /// Nobody can have been told of more than this entry.
    pub(crate) fn bound_answered(&self, last: u64) {
        self.answered.fetch_min(last, Ordering::Relaxed);
    }

    /// The last entry that the leader told a client here of. Where it is not applied yet, whoever reads here has to wait, or would not
    /// find what it wrote itself, or what it has seen.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// The consensus thread publishes its state. Returns whether the leader changed.
    pub fn publish(&self, soft: &SoftState, now: SystemTime) -> bool {
        let role = match soft.role {
            Role::Follower => 0,
            Role::Candidate => 1,
            Role::Leader => 2,
        };
        self.role.store(role, Ordering::Relaxed);
        self.term.store(soft.term, Ordering::Relaxed);
        self.commit.store(soft.commit, Ordering::Relaxed);
        let changed = self.leader.swap(soft.leader, Ordering::Relaxed) != soft.leader;
        if changed {
            *self
                .leader_since
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = now;
            self.leader_known.send_replace(soft.leader);
        }
        let alone = soft.sole_voter && soft.role == Role::Leader;
        self.reads_at_once.store(alone, Ordering::Release);
        self.sole_voter.store(soft.sole_voter, Ordering::Relaxed);
        changed
    }

    /// The consensus thread says which term it knows, and to whom it gave its vote in it, before anybody hears of either.
    pub(crate) fn set_promised(&self, (term, vote): (u64, u64)) {
        *self.promised.lock().unwrap_or_else(PoisonError::into_inner) = (term, vote);
    }

    /// The term, and the vote given in it; 0 for none.
    pub(crate) fn promised(&self) -> (u64, u64) {
        *self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was measured of messages that carry entries.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// What all threads of the node read the time from.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// This member's part.
    pub fn role(&self) -> Role {
        match self.role.load(Ordering::Relaxed) {
            2 => Role::Leader,
            1 => Role::Candidate,
            _ => Role::Follower,
        }
    }

    /// The known leader; 0 for none.
    pub fn leader(&self) -> u64 {
        self.leader.load(Ordering::Relaxed)
    }

    /// When the present leader was first known.
    pub fn leader_since(&self) -> SystemTime {
        *self
            .leader_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Current term.
    pub fn term(&self) -> u64 {
        self.term.load(Ordering::Relaxed)
    }

    /// Commit index.
    pub fn commit(&self) -> u64 {
        self.commit.load(Ordering::Relaxed)
    }

    /// Applied index.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// The apply thread moves on.
    pub fn set_applied(&self, index: u64) {
        self.applied.store(index, Ordering::Release);
    }

    /// Whether nobody else has a vote.
    pub fn is_sole_voter(&self) -> bool {
        self.sole_voter.load(Ordering::Relaxed)
    }

    /// Whether this member is new, and neither votes nor acknowledges yet. One of several whose directory is empty may have
    /// voted and acknowledged before its disk was lost; what it promised then, it would break. So it keeps silent until the
    /// others have shown that it is new.
    pub fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Acquire)
    }

    /// See [`Self::is_silent`].
    pub fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Release);
    }

    /// Whether a linearizable read needs no round trip: a sole voter that leads has acknowledged nothing that it has
    /// not applied.
    pub fn reads_at_once(&self) -> bool {
        self.reads_at_once.load(Ordering::Acquire) && !self.has_failed()
    }

    /// A store that is only read holds all that may have been acknowledged: linearizable reads are served from it.
    pub fn set_complete(&self) {
        self.reads_at_once.store(true, Ordering::Release);
    }

    /// What of the store is known to be damaged.
    pub fn damages(&self) -> &Damages {
        &self.damages
    }

    /// Damage was met. In the tree as it is, it ends all writing.
    pub fn damaged(&self, damage: &storage::Damage) {
        self.damages.note(damage);
        if !damage.is_history() {
            self.end_writes(damage);
        }
    }

    /// From here on nothing is applied any more, and nothing new is taken.
    pub fn end_writes(&self, damage: &storage::Damage) {
        self.damages.note(damage);
        self.halt(&damage.to_string());
    }

    /// As [`Self::end_writes`], for a reason in words.
    pub fn halt(&self, reason: &str) {
        if self.refusals.holds(super::refusal::RefusalKind::Damaged) {
            return;
        }
        self.refusals.add(WriteRefusal::Damaged(reason.to_owned()));
        if let Some(WhenHalted(tell)) = self.when_halted.get() {
            tell(reason);
        }
    }

    /// Who is to be told when [`Self::halt`] is called. Given once, at the start.
    pub fn when_halted(&self, tell: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.when_halted.set(WhenHalted(Box::new(tell)));
    }

    /// Why writes are refused for the time being, for those who see it or need to know.
    pub fn refusals(&self) -> &WriteRefusals {
        &self.refusals
    }

    /// Where the disk's operations are marked.
    pub fn watchdog(&self) -> &Watchdog {
        &self.watchdog
    }

    /// Why new writes are refused, if they are.
    pub fn refuses_writes(&self) -> Option<Failure> {
        if self.has_failed() {
            return self.reason_of_failure().map(Failure::Storage);
        }
        self.refusals.first().map(Failure::Refused)
    }

    /// Two flushes of the store hold entries up to here: the log may give them up where it must.
    pub fn set_releasable(&self, index: u64) {
        self.releasable.fetch_max(index, Ordering::AcqRel);
    }

    /// The consensus thread of a leader says after which entry one of its followers needs the log.
    pub(crate) fn set_follower_needs(&self, index: Option<u64>) {
        self.follower_needs
            .store(index.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// After which entry a follower needs the log, where one does.
    pub(crate) fn follower_needs(&self) -> Option<u64> {
        let index = self.follower_needs.load(Ordering::Relaxed);
        (index < u64::MAX).then_some(index)
    }

    /// See [`Self::set_releasable`].
    pub fn releasable(&self) -> u64 {
        self.releasable.load(Ordering::Acquire)
    }

    /// A write to the store may block now: RocksDB delays or stops writes until a flush or compaction is done.
    pub fn set_store_delays(&self, delays: bool) {
        self.store_delays.store(delays, Ordering::Relaxed);
    }

    /// See [`Self::set_store_delays`].
    pub fn store_delays(&self) -> bool {
        self.store_delays.load(Ordering::Relaxed)
    }

    /// Where the data lies. Told once, at the start.
    pub fn set_volume(&self, volume: Arc<Volume>) {
        // A second telling would be of the same directory.
        let _ = self.volume.set(volume);
    }

    /// Looks whether the data directory is still the one of the start; why not, if it is not. That is final: RocksDB
    /// works by path, so whatever it writes, closes or opens from then on would hurt another directory.
    pub fn lost_volume(&self) -> Option<&str> {
        if self.lost.get().is_none() {
            let lost = self.volume.get()?.lost()?;
            self.refusals.add(WriteRefusal::Unmounted(lost.clone()));
            self.fail(FatalError::new(lost.clone()));
            // Two that see it at once say the same.
            let _ = self.lost.set(lost);
        }
        self.lost.get().map(String::as_str)
    }

    /// As [`Self::lost_volume`], marked as this work: a disk that hangs keeps even such a look.
    pub fn look_at_volume(&self, work: Work) -> Option<&str> {
        self.watchdog.begin(work, self.clock.now());
        let lost = self.lost_volume();
        self.watchdog.end(work, None);
        lost
    }

    /// A segment of the log was removed under the node: what is synced into it from now on is found by no restart. Nothing
    /// new is taken, and the node ends. It has not failed: what the log took is applied, and flushed with the mark of a clean
    /// stop, so that the log is not missed.
    pub fn log_removed(&self, reason: &str) {
        if self.removed_log.set(reason.to_owned()).is_ok() {
            self.refusals
                .add(WriteRefusal::LogRemoved(reason.to_owned()));
            self.end_with(FatalError::new(reason));
            tracing::error!("{reason}: the store is flushed, then this process ends");
        }
    }

    /// The reason given to [`Self::log_removed`], if it was called.
    pub fn removed_log(&self) -> Option<&str> {
        self.removed_log.get().map(String::as_str)
    }

    /// The disk (or the data) failed: final until the process restarts. The first reason stays.
    pub fn fail(&self, reason: FatalError) {
        self.end_with(reason.clone());
        if !self.has_failed.swap(true, Ordering::AcqRel) {
            tracing::error!("this process takes no more writes: {reason}");
        }
    }

    /// Tells who waits for it why the process ends, unless that is known.
    fn end_with(&self, reason: FatalError) {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            if first {
                *failed = Some(reason);
            }
            first
        });
    }

    /// Whether [`Self::fail`] was called.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Why the process ends: the first reason given to [`Self::fail`] or [`Self::log_removed`].
    pub fn reason_of_failure(&self) -> Option<FatalError> {
        self.failed.borrow().clone()
    }

    /// The store has more history to remove than one step allowed.
    pub fn set_to_compact(&self, more: bool) {
        self.to_compact.store(more, Ordering::Relaxed);
    }

    /// See [`Self::set_to_compact`].
    pub fn has_to_compact(&self) -> bool {
        self.to_compact.load(Ordering::Relaxed)
    }

    /// Entries wait because the file system refuses the store: somebody has to look again and again.
    pub fn set_waits_for_disk(&self, waits: bool) {
        self.waits_for_disk.store(waits, Ordering::Release);
    }

    /// See [`Self::set_waits_for_disk`].
    pub fn waits_for_disk(&self) -> bool {
        self.waits_for_disk.load(Ordering::Acquire)
    }

    /// Where the data lies, once it was told.
    pub fn volume(&self) -> Option<&Arc<Volume>> {
        self.volume.get()
    }

    /// The node goes down by intention.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Self::set_stopping`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Resolves to the reason once the node fails.
    pub async fn failure(&self) -> FatalError {
        let mut failed = self.failed.subscribe();
        if let Ok(reason) = failed.wait_for(Option::is_some).await
            && let Some(reason) = reason.clone()
        {
            return reason;
        }
        std::future::pending().await
    }

    /// Hears of each change of the leader.
    pub(crate) fn leader_changes(&self) -> watch::Receiver<u64> {
        self.leader_known.subscribe()
    }

    /// Resolves once a leader is known.
    pub async fn leader_found(&self) -> u64 {
        let mut leader = self.leader_known.subscribe();
        match leader.wait_for(|leader| *leader != 0).await {
            Ok(leader) => *leader,
            Err(_) => std::future::pending().await,
        }
    }
}
