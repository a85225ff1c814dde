//! Who answers this member, and what a leader may do to the membership because of that.
//!
//! A change that would leave fewer members than a majority to answer stops the cluster by its own doing. The leader alone knows who
//! answers, and every member has to come to one verdict about an entry. So a removal that is not safe goes into the log as a refusal of
//! it, and a learner gets its vote by a change that the leader itself proposes, once it is level with the others.

use std::collections::BTreeMap;

use crate::command::Change;
use crate::members::VOTERS_MAX;
use crate::raft::{LogRead, RaftCore, Role};

/// A learner is level when it has what was committed so many nanoseconds ago.
const LEVEL_WITHIN: u64 = 1_000_000_000;

/// See the module. Times are nanoseconds since boot.
#[derive(Debug)]
pub(super) struct Answering {
    /// An election time-out.
    timeout: u64,
    /// When each member was last heard.
    heard: BTreeMap<u64, u64>,
    /// What was committed, and when that was looked at: the last look, and the one before, which is [`LEVEL_WITHIN`] older.
    looks: [Option<(u64, u64)>; 2],
    /// When a learner was last to get a vote.
    promoted: Option<u64>,
    /// The member that is to be removed, and when that was first looked at.
    asked: Option<(u64, u64)>,
}

impl Answering {
    pub(super) fn new(timeout: u64) -> Self {
        Self {
            timeout,
            heard: BTreeMap::new(),
            looks: [None; 2],
            promoted: None,
            asked: None,
        }
    }

    /// A member says anything.
    pub(super) fn hear(&mut self, from: u64, now: u64) {
        self.heard.insert(from, now);
    }

    /// What was sent to a member may be lost, or its process has ended: it does not answer before it says something again.
    pub(super) fn lost(&mut self, member: u64) {
        self.heard.remove(&member);
    }

    /// Whether a member said anything within an election time-out, and no way to it was lost since.
    fn answers(&self, member: u64, now: u64) -> bool {
        let heard = self.heard.get(&member);
        heard.is_some_and(|at| now.saturating_sub(*at) <= self.timeout)
    }

    /// How many of these answer, where `own` is this member.
    fn count(&self, members: &[u64], own: u64, now: u64) -> usize {
        let answer = |id: &&u64| **id == own || self.answers(**id, now);
        members.iter().filter(answer).count()
    }

    /// What goes into the log where this change was asked for: a removal that would leave too few is refused. `None` while that is not
    /// known: those that stay have to say something after it was asked for, and have an election time-out for that.
    pub(super) fn made_safe<R: LogRead>(
        &mut self,
        change: Change,
        core: &RaftCore<R>,
        now: u64,
    ) -> Option<Change> {
        let Change::Remove { id } = change else {
            return Some(change);
        };
        let mut stay = core.conf_state().voters;
        if !stay.contains(&id) {
            return Some(change);
        }
        stay.retain(|voter| *voter != id);
        let asked = self.asked.filter(|(of, _)| *of == id);
        let since = asked.map_or(now, |(_, at)| at);
        self.asked = Some((id, since));
        let said = |member: &&u64| {
            let heard = self.heard.get(member);
            **member == core.id() || heard.is_some_and(|at| *at > since)
        };
        match stay.iter().filter(said).count() < stay.len() / 2 + 1 {
            true if stay.is_empty() => Some(change),
            true if now.saturating_sub(since) <= self.timeout => None,
            true => Some(Change::Unsafe { id }),
            false => Some(change),
        }
    }

    /// A change was proposed: the next one is looked at anew.
    pub(super) fn proposed(&mut self) {
        self.asked = None;
    }

    /// The learner that is to get a vote now, if this member leads and one is level: one at a time, and only where enough members
    /// answer to go on with it.
    pub(super) fn promotes<R: LogRead>(&mut self, core: &RaftCore<R>, now: u64) -> Option<u64> {
        let soft = core.soft_state();
        if soft.role != Role::Leader {
            self.looks = [None; 2];
            self.asked = None;
            return None;
        }
        if !core.has_learners() {
            return None;
        }
        let state = core.conf_state();
        let level = self.look(soft.commit, now)?;
        let paused = self
            .promoted
            .is_some_and(|at| now.saturating_sub(at) < self.timeout);
        let voters = state.voters;
        let majority_with_it = voters.len().div_ceil(2) + 1;
        let few = self.count(&voters, core.id(), now) + 1 < majority_with_it;
        if paused || few || voters.len() >= VOTERS_MAX || core.is_changing() {
            return None;
        }
        let mut learners = state.learners.into_iter();
        let learner =
            learners.find(|id| self.answers(*id, now) && core.has_acknowledged(*id, level))?;
        self.promoted = Some(now);
        Some(learner)
    }

    /// What was committed a second ago or before; `None` where this member has not led for so long.
    fn look(&mut self, commit: u64, now: u64) -> Option<u64> {
        let last = self.looks[0];
        if last.is_none_or(|(at, _)| now.saturating_sub(at) >= LEVEL_WITHIN) {
            self.looks = [Some((now, commit)), last];
        }
        self.looks[1].map(|(_, commit)| commit)
    }
}
