//! The statistics of the v2 API, as facts; their words are the front end's.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::Service;
use crate::node::traffic::FollowerMeasure;
use crate::raft::Role;

/// A member's part, for `/v2/stats/self`.
pub(crate) type NodeState = Role;

/// Requests and bytes per second over the last messages; 0 when there were none in the last second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Rates {
    /// Messages received per second.
    pub recv_packages: f64,
    /// Bytes received per second.
    pub recv_bytes: f64,
    /// Messages sent per second.
    pub send_packages: f64,
    /// Bytes sent per second.
    pub send_bytes: f64,
}

/// `/v2/stats/self` (keys-api 10.2).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelfStats {
    /// This member's name.
    pub name: String,
    /// This member's id.
    pub id: u64,
    /// Its part.
    pub state: NodeState,
    /// When it started.
    pub start_time: SystemTime,
    /// The leader's id, if known.
    pub leader: Option<u64>,
    /// The leader's name; empty if unknown.
    pub leader_name: String,
    /// When the leader was first known.
    pub leader_since: SystemTime,
    /// Append messages received.
    pub recv_append_count: u64,
    /// Append messages sent.
    pub send_append_count: u64,
    /// Recent traffic.
    pub rates: Rates,
}

/// `/v2/stats/store` (keys-api 10.1), in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names are those of the reference
pub(crate) struct StoreStats {
    pub gets_success: u64,
    pub gets_fail: u64,
    pub sets_success: u64,
    pub sets_fail: u64,
    pub delete_success: u64,
    pub delete_fail: u64,
    pub update_success: u64,
    pub update_fail: u64,
    pub create_success: u64,
    pub create_fail: u64,
    pub compare_and_swap_success: u64,
    pub compare_and_swap_fail: u64,
    pub compare_and_delete_success: u64,
    pub compare_and_delete_fail: u64,
    pub expire_count: u64,
    pub watchers: u64,
}

/// Milliseconds of append messages to one follower.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)] // named by the reference
pub(crate) struct Latency {
    pub current: f64,
    pub average: f64,
    pub standard_deviation: f64,
    pub minimum: f64,
    pub maximum: f64,
}

/// Append messages to one follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named by the reference
pub(crate) struct Counts {
    pub fail: u64,
    pub success: u64,
}

/// One follower of `/v2/stats/leader`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FollowerStats {
    /// Its name.
    pub name: String,
    /// What was measured; `None` for one whose messages nobody has timed.
    pub traffic: Option<FollowerTraffic>,
}

/// What a leader measured of its messages to one follower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FollowerTraffic {
    /// Latencies.
    pub latency: Latency,
    /// Counts.
    pub counts: Counts,
}

impl FollowerTraffic {
    fn of(measured: &FollowerMeasure) -> Self {
        Self {
            latency: Latency {
                current: measured.current,
                average: measured.average(),
                standard_deviation: measured.standard_deviation(),
                minimum: measured.minimum,
                maximum: measured.maximum,
            },
            counts: Counts {
                fail: measured.fail,
                success: measured.success,
            },
        }
    }
}

/// `/v2/stats/leader` (keys-api 10.3).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeaderStats {
    /// The leader's id: this member.
    pub leader: u64,
    /// Its name.
    pub leader_name: String,
    /// By member id.
    pub followers: BTreeMap<u64, FollowerStats>,
}

impl Service {
    /// This member and its view of the leader.
    pub(crate) fn self_stats(&self) -> SelfStats {
        let status = &self.node().status;
        let settings = self.settings();
        let leader = status.leader();
        let now = status.clock().boottime();
        let (send_append_count, sent) = status.traffic().sending(now);
        let (recv_append_count, received) = status.traffic().receiving(now);
        // A leader without a row, or rows that cannot be read, is shown by its id alone.
        let known = self.leader().ok().flatten();
        SelfStats {
            name: settings.name.clone(),
            id: settings.member_id,
            state: status.role(),
            start_time: settings.start_time,
            leader: (leader != 0).then_some(leader),
            leader_name: known.map(|member| member.name).unwrap_or_default(),
            leader_since: status.leader_since(),
            recv_append_count,
            send_append_count,
            rates: Rates {
                recv_packages: received.messages,
                recv_bytes: received.bytes,
                send_packages: sent.messages,
                send_bytes: sent.bytes,
            },
        }
    }

    /// The counters of the store.
    pub(crate) fn store_stats(&self) -> StoreStats {
        let counters = &self.node().counters;
        let (gets_success, gets_fail) = counters.gets.read();
        let (sets_success, sets_fail) = counters.sets.read();
        let (delete_success, delete_fail) = counters.deletes.read();
        let (update_success, update_fail) = counters.updates.read();
        let (create_success, create_fail) = counters.creates.read();
        let (compare_and_swap_success, compare_and_swap_fail) = counters.compare_and_swaps.read();
        let (compare_and_delete_success, compare_and_delete_fail) =
            counters.compare_and_deletes.read();
        StoreStats {
            gets_success,
            gets_fail,
            sets_success,
            sets_fail,
            delete_success,
            delete_fail,
            update_success,
            update_fail,
            create_success,
            create_fail,
            compare_and_swap_success,
            compare_and_swap_fail,
            compare_and_delete_success,
            compare_and_delete_fail,
            expire_count: counters.expires.load(Ordering::Relaxed),
            watchers: self.node().hub.watchers() as u64,
        }
    }

    /// The leader's view of its followers; `None` on any other member. A sole voter has none. Rows that cannot be read
    /// name none either.
    pub(crate) fn leader_stats(&self) -> Option<LeaderStats> {
        if self.node().status.role() != Role::Leader {
            return None;
        }
        let leader = self.settings().member_id;
        let members = self.members().unwrap_or_default().into_iter();
        let followers = members.filter(|member| member.id != leader);
        let measured = self.node().status.traffic().followers();
        let followers = followers.map(|member| {
            let stats = FollowerStats {
                name: member.name,
                traffic: measured
                    .get(&member.id)
                    .filter(|one| one.success > 0)
                    .map(FollowerTraffic::of),
            };
            (member.id, stats)
        });
        Some(LeaderStats {
            leader,
            leader_name: self.settings().name.clone(),
            followers: followers.collect(),
        })
    }
}
