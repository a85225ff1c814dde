//! What is known of the other members: how they are reached, and how far behind the leader they are.

use super::Service;
use crate::metrics::StreamFigures;
use crate::raft::Role;
use crate::transport::{PeerState, StreamState};

/// What this member knows of consensus, for `/debug/vars`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RaftStatus {
    /// This member.
    pub id: u64,
    /// Its term.
    pub term: u64,
    /// The newest committed entry.
    pub commit: u64,
    /// The newest applied entry.
    pub applied: u64,
    /// The leader; 0 if none is known.
    pub leader: u64,
    /// This member's part.
    pub role: Role,
    /// The followers, if this member leads. Those that have not answered in its term are left out.
    pub progress: Vec<FollowerProgress>,
}

/// How far a follower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FollowerProgress {
    /// Its id.
    pub id: u64,
    /// The last entry that it has acknowledged.
    pub acknowledged: u64,
    /// How many entries of the leader come after it.
    pub behind: u64,
}

impl Service {
    /// What is known of the ways to the others; none for a lone member.
    pub(crate) fn peer_states(&self) -> Vec<PeerState> {
        self.network()
            .map(|network| network.peers())
            .unwrap_or_default()
    }

    /// Consensus as this member sees it.
    pub(crate) fn raft_status(&self) -> RaftStatus {
        let status = &self.node().status;
        let role = status.role();
        let commit = status.commit().max(status.applied());
        RaftStatus {
            id: self.settings().member_id,
            term: status.term(),
            commit,
            applied: status.applied(),
            leader: status.leader(),
            role,
            progress: match role {
                Role::Leader => self.follower_progress(commit),
                Role::Follower | Role::Candidate => Vec::new(),
            },
        }
    }

    fn follower_progress(&self, commit: u64) -> Vec<FollowerProgress> {
        let seen = self.node().status.traffic().progress();
        let last = seen.sent.max(commit);
        let one = |(id, acknowledged): (u64, u64)| FollowerProgress {
            id,
            acknowledged,
            behind: last.saturating_sub(acknowledged),
        };
        seen.acknowledged.into_iter().map(one).collect()
    }

    /// Shows the streams to the others, and how far behind they are, in `/metrics`.
    pub(super) fn copy_peers(&self) {
        let figures = &self.node().metrics.peers;
        let own = self.settings().member_id;
        let progress = self.raft_status().progress;
        for peer in self.peer_states() {
            let streams = [&peer.control, &peer.bulk].map(figures_of);
            figures.show(own, peer.id, &streams);
            let known = progress.iter().find(|one| one.id == peer.id);
            figures.show_behind(peer.id, known.map(|one| one.behind));
        }
    }
}

fn figures_of(stream: &StreamState) -> StreamFigures {
    StreamFigures {
        stream: stream.kind.word(),
        connected: stream.connected,
        queued_bytes: stream.queued_bytes,
        queued_messages: stream.queued_messages,
    }
}
