//! The one object that every front end calls: authorise, make the read or write safe, answer.
//!
//! It knows nothing of HTTP: front ends parse and render. Its methods take a [`Caller`] so that authorisation has one
//! place when it comes; today every caller may do everything, as in the originals while auth is off.

mod catch_up;
mod change;
mod error;
mod figures;
mod format;
mod gate;
mod growth;
mod lapsed;
mod peers;
mod read;
mod request;
pub(crate) mod stats;
mod watch;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

#[cfg(test)]
pub(crate) use error::LeastMember;
pub(crate) use error::{ServiceError, StorageFault};
pub(crate) use growth::{Growth, MemberChangeError};
pub(crate) use peers::{FollowerProgress, RaftStatus};
pub(crate) use read::ReadGrant;
pub(crate) use request::*;
pub(crate) use stats::{LeaderStats, NodeState, SelfStats, StoreStats};
pub(crate) use watch::{Budget, Claim, Delivery, Rendering, WaitingPlace, Watch};

use gate::Gate;

use crate::config::{ReadMode, Vocabulary};
pub(crate) use crate::members::Member;
use crate::members::{self, MembersError};
use crate::metrics::Metrics;
use crate::node::context::NodeContext;
use crate::transport::Network;
use crate::version::SERVER_VERSION;

/// What does not change while the process runs.
#[derive(Debug, Clone)]
pub(crate) struct ServiceSettings {
    /// This member.
    pub member_id: u64,
    /// Its name.
    pub name: String,
    /// Its cluster.
    pub cluster_id: u64,
    /// Decides words and defaults that the versions disagree on.
    pub vocabulary: Vocabulary,
    /// What a plain read means.
    pub default_read: ReadMode,
    /// How long a write or linearizable read may wait for consensus.
    pub request_timeout: Duration,
    /// When the process started to serve.
    pub start_time: SystemTime,
    /// Whether no other member had a vote when this one started.
    pub alone: bool,
    /// The highest format of commands that this member says it applies.
    pub applies: u8,
}

struct Inner {
    settings: ServiceSettings,
    node: NodeContext,
    gate: Gate,
    network: Option<Arc<Network>>,
    growth: OnceLock<Growth>,
    told: OnceLock<Vec<Member>>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    inner: Arc<Inner>,
}

impl Service {
    /// Over a started node, and what knows the way to the others if there are any.
    pub(crate) fn new(
        settings: ServiceSettings,
        node: NodeContext,
        network: Option<Arc<Network>>,
    ) -> Self {
        // From then on the disk is late for clients too.
        let patience = settings.request_timeout;
        node.status.watchdog().set_patience(patience);
        let gate = Gate::new(settings.alone, &node.store);
        Self {
            inner: Arc::new(Inner {
                settings,
                node,
                gate,
                network,
                growth: OnceLock::new(),
                told: OnceLock::new(),
            }),
        }
    }

    fn settings(&self) -> &ServiceSettings {
        &self.inner.settings
    }

    fn node(&self) -> &NodeContext {
        &self.inner.node
    }

    fn network(&self) -> Option<&Arc<Network>> {
        self.inner.network.as_ref()
    }

    /// The cluster's id.
    pub(crate) fn cluster_id(&self) -> u64 {
        self.settings().cluster_id
    }

    /// The vocabulary this node was started with.
    pub(crate) fn vocabulary(&self) -> Vocabulary {
        self.settings().vocabulary
    }

    /// The API version that clients are told.
    pub(crate) fn server_version(&self) -> &'static str {
        SERVER_VERSION
    }

    /// The index of the newest event, as applied here.
    pub(crate) fn revision(&self) -> u64 {
        self.node().store.revision()
    }

    /// Cluster time now, in nanoseconds: TTLs that are shown count in it.
    pub(crate) fn cluster_now(&self) -> u64 {
        self.node().clock.now()
    }

    /// The figures that front ends add to.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.node().metrics
    }

    /// What the founding of the cluster drew; `None` before it.
    pub(crate) fn nonce(&self) -> Result<Option<u64>, ServiceError> {
        members::nonce(&self.node().store).map_err(|error| self.bad_rows(error))
    }

    /// All members, by id.
    pub(crate) fn members(&self) -> Result<Vec<Member>, ServiceError> {
        members::all(&self.node().store).map_err(|error| self.bad_rows(error))
    }

    /// The same for who asks: a member that was added, and has nothing yet, shows those that it was told of.
    pub(crate) fn shown_members(&self) -> Result<Vec<Member>, ServiceError> {
        let members = self.members()?;
        match self.inner.told.get() {
            Some(told) if members.is_empty() => Ok(told.clone()),
            _ => Ok(members),
        }
    }

    /// A member that was added was told of these.
    pub(crate) fn set_told(&self, members: Vec<Member>) {
        // Once is enough: what it has itself counts soon.
        let _ = self.inner.told.set(members);
    }

    /// The members that are known to have started, and the disk of each, as far as it is applied here.
    pub(crate) fn started(&self) -> Result<BTreeMap<u64, u64>, ServiceError> {
        members::started(&self.node().store).map_err(|error| self.bad_rows(error))
    }

    /// Those that have no vote yet, as far as it is applied here.
    pub(crate) fn learners(&self) -> Result<BTreeSet<u64>, ServiceError> {
        members::learners(&self.node().store).map_err(|error| self.bad_rows(error))
    }

    /// Those that were members, and are none any more, as far as it is applied here.
    pub(crate) fn removed(&self) -> Result<BTreeSet<u64>, ServiceError> {
        members::removed(&self.node().store).map_err(|error| self.bad_rows(error))
    }

    /// Whether the cluster is founded, as far as it is applied here.
    pub(crate) fn is_founded(&self) -> Result<bool, ServiceError> {
        members::is_founded(&self.node().store).map_err(|error| self.bad_rows(error))
    }

    fn bad_rows(&self, error: MembersError) -> ServiceError {
        match error {
            MembersError::Storage(error) => self.broken(error),
            malformed => malformed.into(),
        }
    }

    /// The member that leads, if one does.
    pub(crate) fn leader(&self) -> Result<Option<Member>, ServiceError> {
        let leader = self.node().status.leader();
        Ok(self
            .members()?
            .into_iter()
            .find(|member| member.id == leader))
    }

    /// A client URL of the leader, if that is another member.
    pub(crate) fn leader_elsewhere(&self) -> Option<String> {
        let leader = self.leader().ok()??;
        let elsewhere = leader.id != self.settings().member_id;
        leader.client_urls.into_iter().next().filter(|_| elsewhere)
    }

    /// This member.
    pub(crate) fn member_id(&self) -> u64 {
        self.settings().member_id
    }

    /// Whether a leader answers sooner than this member, whose own log takes long.
    pub(crate) fn lags(&self) -> bool {
        self.node().status.lags()
    }

    /// A client here was told of this index, which this member may not have applied: see [`Status::told`](crate::node::status::Status::told).
    pub(crate) fn has_told(&self, index: u64) {
        self.node().status.has_told(index);
    }

    /// A client here was shown the leader's state at this entry: no read at this member is to show an earlier one.
    pub(crate) fn has_shown(&self, entry: u64) {
        self.node().status.has_answered(entry);
    }

    /// Ends when this member no longer follows that leader.
    pub(crate) async fn leads_no_more(&self, leader: u64) {
        let mut known = self.node().status.leader_changes();
        // Its sender lives as long as the node.
        let _ = known.wait_for(|known| *known != leader).await;
    }

    /// Whether this member can do its work: a leader is known, a linearizable read succeeds within a second, the
    /// disk works, answers in time and has room. `Err` says what is wrong.
    pub(crate) async fn health(&self) -> Result<(), String> {
        if let Some(failure) = self.node().status.refuses_writes() {
            return Err(failure.to_string());
        }
        let status = &self.node().status;
        if let Some(late) = status.watchdog().overdue(status.clock().now()) {
            return Err(late);
        }
        if let Some(damage) = self.node().status.damages().first() {
            return Err(damage);
        }
        if self.node().status.is_silent() {
            return Err("this member is new, and is not admitted to its cluster yet".into());
        }
        if self.node().status.leader() == 0 {
            return Err("no leader is known".into());
        }
        self.admitted().map_err(|error| error.to_string())?;
        match tokio::time::timeout(Duration::from_secs(1), self.linearize()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            // Its leader answers for it meanwhile.
            Err(_) if status.lags() => Ok(()),
            Err(_) => Err("a linearizable read took longer than a second".into()),
        }
    }

    /// The first damage of the store that is known, in words.
    pub(crate) fn damage(&self) -> Option<String> {
        self.node().status.damages().first()
    }

    /// A read failed; where it met damage, the node takes note of it.
    fn broken(&self, error: storage::Error) -> ServiceError {
        if let Some(damage) = error.damage() {
            self.node().status.damaged(&damage);
        }
        error.into()
    }

    /// The consensus thread publishes the commit index after it has handed out the entries, so what is applied may be
    /// ahead of it for a moment: clients must not see it go back.
    fn position(&self, revision: u64) -> MemberPosition {
        let status = &self.node().status;
        MemberPosition {
            revision,
            raft_index: status.commit().max(status.applied()).max(status.answered()),
            raft_term: status.term(),
        }
    }
}
