//! A leader that cannot write hands over: its disk is full, or a sync hangs, or its process is told to stop.
//!
//! Only to a member that said lately that its own disk takes writes, and once in a while: with nobody fit the leader stays,
//! and members that are all short of room do not pass the lead round. A process that stops takes whoever is there.

use std::collections::BTreeMap;

use crate::raft::{LogRead, RaftCore, Role};

/// Election time-outs between two times that a leader that cannot write hands over.
const PAUSE_TIMEOUTS: u64 = 10;
/// The same for one that is to be removed.
const REMOVAL_PAUSE_TIMEOUTS: u64 = 2;
/// Election time-outs for which what a member said counts.
const COUNTS_TIMEOUTS: u64 = 2;

/// See the module. Times are nanoseconds since boot.
#[derive(Debug)]
pub(super) struct HandOver {
    /// An election time-out.
    timeout: u64,
    /// What the others said of themselves, and when.
    fit: BTreeMap<u64, (bool, u64)>,
    /// When it was last tried.
    tried: Option<u64>,
    /// When this member last told its leader.
    told: Option<(u64, bool)>,
}

impl HandOver {
    pub(super) fn new(timeout: u64) -> Self {
        Self {
            timeout,
            fit: BTreeMap::new(),
            tried: None,
            told: None,
        }
    }

    /// For how long a sync may hang on a leader.
    pub(super) fn patience(&self) -> u64 {
        self.timeout
    }

    /// A member says whether its disk takes writes.
    pub(super) fn hear(&mut self, from: u64, fit: bool, now: u64) {
        self.fit.insert(from, (fit, now));
    }

    /// Whether the leader is to be told of this member: at once when it changes, and again before it counts no more.
    pub(super) fn is_due(&mut self, fit: bool, now: u64) -> bool {
        let fresh =
            |(at, said): &(u64, bool)| *said == fit && now.saturating_sub(*at) < self.timeout;
        if self.told.as_ref().is_some_and(fresh) {
            return false;
        }
        self.told = Some((now, fit));
        true
    }

    /// This member leads and cannot write.
    pub(super) fn try_now<R: LogRead>(&mut self, core: &mut RaftCore<R>, now: u64) {
        let pause = PAUSE_TIMEOUTS * self.timeout;
        if core.soft_state().role != Role::Leader
            || self
                .tried
                .is_some_and(|tried| now.saturating_sub(tried) < pause)
        {
            return;
        }
        let counts = |(fit, at): &(bool, u64)| {
            *fit && now.saturating_sub(*at) <= COUNTS_TIMEOUTS * self.timeout
        };
        let fit = |id: u64| self.fit.get(&id).is_some_and(counts);
        if let Some(member) = core.successor(fit) {
            self.tried = Some(now);
            tracing::warn!(
                "this member leads and cannot write: it hands over to member {member:x}"
            );
            core.transfer_leadership(member);
        }
    }

    /// This member leads, and is to be removed, which another one has to carry out: who leads must hear that its last entry is
    /// committed. No writes are taken meanwhile, so it is tried once in a while.
    pub(super) fn before_removal<R: LogRead>(&mut self, core: &mut RaftCore<R>, now: u64) {
        let pause = REMOVAL_PAUSE_TIMEOUTS * self.timeout;
        if self
            .tried
            .is_some_and(|tried| now.saturating_sub(tried) < pause)
        {
            return;
        }
        // Nobody may be up to date for a moment, or for as long as the others are gone: then it waits.
        if let Some(member) = core.successor(|_| true) {
            self.tried = Some(now);
            tracing::info!(
                "this member leads and is to be removed: it hands over to member {member:x}"
            );
            core.transfer_leadership(member);
        }
    }

    /// This member leads, and its process stops. Whether somebody takes over.
    pub(super) fn leave<R: LogRead>(&self, core: &mut RaftCore<R>) -> bool {
        if core.soft_state().role != Role::Leader {
            return false;
        }
        let Some(member) = core.successor(|_| true) else {
            return false;
        };
        tracing::info!("this member leads and stops: it hands over to member {member:x}");
        core.transfer_leadership(member);
        true
    }
}
