//! When a member campaigns, and why.

use raft::StateRole;

use super::core::RaftCore;
use super::log_read::LogRead;
use super::succession::{ElectionCause, Succession};

/// Between the turns of two members that campaign after the end of a leader.
const SUCCESSION_TICKS: usize = 2;
/// The most ticks between two tries of one.
const SUCCESSION_SPAN: u64 = 4;

impl<R: LogRead> RaftCore<R> {
    /// Why this member campaigned last.
    pub(crate) fn election_cause(&self) -> ElectionCause {
        self.cause
    }

    /// The process of a member has ended. If it led, its followers need not wait for a time-out: they forget it, and
    /// campaign one after the other, so that no two votes meet. That is safe whoever is wrong about it: no read trusts that
    /// a leader still leads, and those who hear it give no vote.
    pub(crate) fn ended(&mut self, member: u64) {
        let raft = &mut self.node.raft;
        if raft.state != StateRole::Follower || raft.leader_id != member {
            return;
        }
        raft.become_follower(raft.term, raft::INVALID_ID);
        let voters = raft.prs().conf().voters().ids();
        let rivals = voters.iter().filter(|id| *id != member);
        let before = rivals.filter(|id| *id < raft.id).count();
        self.succession = Some(Succession {
            in_ticks: 1 + before * SUCCESSION_TICKS,
            tries: 1 + raft.election_timeout() / SUCCESSION_TICKS,
        });
        // The crate has drawn a time-out for the same term and role, perhaps the same one: ours must be drawn all the same,
        // or the seed would not decide.
        self.drawn_for.0 = u64::MAX;
        self.redraw_election_timeout();
    }

    /// After the leader's end: this member's turn to campaign, and once more while the others have not noticed.
    pub(super) fn succeed(&mut self) {
        let known = self.node.raft.leader_id != raft::INVALID_ID;
        if known || !self.node.raft.promotable() {
            self.succession = None;
        }
        let Some(succession) = &mut self.succession else {
            return;
        };
        succession.in_ticks -= 1;
        if succession.in_ticks > 0 {
            return;
        }
        succession.tries -= 1;
        // Drawn, so that two whose turns met once do not meet again and again.
        succession.in_ticks = 1 + (self.random.next() % SUCCESSION_SPAN) as usize;
        if succession.tries == 0 {
            self.succession = None;
        }
        self.cause = ElectionCause::LeaderEnded;
        // Refused only while a change of membership is not applied; then the time-out decides.
        let _ = self.campaign();
    }

    /// Starts an election at once (a sole voter has nobody to wait for).
    pub(crate) fn campaign(&mut self) -> raft::Result<()> {
        let outcome = self.node.campaign();
        self.redraw_election_timeout();
        outcome
    }

    /// The crate draws its election time-out from the thread's generator; ours replaces each draw, so that a seed
    /// decides. A draw happens with every change of term or role.
    pub(super) fn redraw_election_timeout(&mut self) {
        let raft = &mut self.node.raft;
        let now = (raft.term, raft.state, raft.randomized_election_timeout());
        if now == self.drawn_for {
            return;
        }
        let span = raft.election_timeout() as u64;
        let timeout = raft.election_timeout() + (self.random.next() % span) as usize;
        raft.set_randomized_election_timeout(timeout);
        self.drawn_for = (raft.term, raft.state, timeout);
    }
}
