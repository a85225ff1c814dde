//! What a member of several does beside serving: it is let in, and its network goes by who belongs to the cluster.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::formation::{self, AdmissionError, NewMember};
use crate::node::context::NodeContext;
use crate::service::{Member, Service, ServiceError};
use crate::transport::Network;

use super::network;

/// Between two looks of a member that is alone.
const SELDOM: Duration = Duration::from_secs(1);
/// How long that goes on before it is told.
const UNHEARD: Duration = Duration::from_secs(10);
/// Between two tries to find the cluster.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Membership<'a> {
    pub(super) service: &'a Service,
    pub(super) network: &'a Network,
    pub(super) node: &'a NodeContext,
    pub(super) config: &'a Config,
    /// All members as the start knew them.
    pub(super) listed: &'a [Member],
    /// Whether this member had no vote, as its store knew at the start, and how many had one.
    pub(super) learner: bool,
    pub(super) voters: usize,
    /// What the data directory drew when it was founded.
    pub(super) disk: u64,
}

/// How long no leader is known while nobody reaches this member.
#[derive(Debug, Default)]
struct Unheard {
    since: Option<Instant>,
}

impl Unheard {
    /// Says what is wrong where this member reaches others, none reaches it, and no leader is known for long: its address is not where it
    /// listens.
    fn look(&mut self, own: &Membership<'_>) {
        let reached = match own.node.status.leader() {
            0 => own.network.reaches_in_vain(),
            _ => 0,
        };
        if reached == 0 {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < UNHEARD {
            return;
        }
        // Again after as long.
        self.since = Some(Instant::now());
        let id = own.service.member_id();
        let members = own.service.members().unwrap_or_default();
        let stored = members.into_iter().find(|member| member.id == id);
        let urls = stored.map_or_else(|| own.config.advertise_peer.clone(), |own| own.peer_urls);
        tracing::warn!(
            "this member reaches {reached} of the others, and none of them reaches it at {}: let it listen there (--listen-peer-urls), or \
             tell them where it is ('etcdctl member update {id:x} URL' at one of them)",
            urls.join(", ")
        );
    }
}

/// Says so where the options name members that this directory does not know: it is of another cluster, or was alone.
pub(super) fn tell_strangers(service: &Service, config: &Config) {
    let known = service.members().unwrap_or_default();
    if !config.existing || known.is_empty() {
        return;
    }
    let is_known = |url: &String| known.iter().any(|member| member.peer_urls.contains(url));
    let named = config
        .initial_cluster
        .iter()
        .flat_map(|member| &member.peer_urls);
    let strangers: Vec<&str> = named
        .filter(|url| !is_known(url))
        .map(String::as_str)
        .collect();
    if !strangers.is_empty() {
        tracing::warn!(
            "--initial-cluster names members at {}, and the data directory {} does not know them: it goes on as the member that it was. To \
             join them, start with an empty one",
            strangers.join(", "),
            config.data_dir.display()
        );
    }
}

/// Why this server must not serve, whatever the others say, as its own store tells.
pub(super) fn refusal(service: &Service, config: &Config) -> Option<AdmissionError> {
    match service.is_removed() {
        Ok(true) => Some(AdmissionError::Removed {
            member: service.member_id(),
        }),
        // Rows that cannot be read are told where they are needed.
        _ => is_another(service, config),
    }
}

/// Whether the options are those of another member of this cluster than the one whose directory it is. Two of them would answer for
/// one, and none for the other.
fn is_another(service: &Service, config: &Config) -> Option<AdmissionError> {
    let own = service.member_id();
    let members = service.members().ok()?;
    let is_here = |member: &&Member| member.peer_urls == config.advertise_peer;
    if members
        .iter()
        .any(|member| member.id == own && is_here(&member))
    {
        return None;
    }
    let other = members.iter().find(is_here)?;
    Some(AdmissionError::OtherMember {
        member: own,
        other: other.id,
        name: other.name.clone(),
    })
}

impl Membership<'_> {
    /// For as long as the server runs.
    ///
    /// # Errors
    /// Returns only where this member may never take part.
    pub(super) async fn keep(&self) -> AdmissionError {
        tokio::select! {
            error = self.keep_in_step() => error,
            error = self.come_in() => error,
        }
    }

    /// Returns only where it is refused for good.
    async fn come_in(&self) -> AdmissionError {
        if self.node.status.is_silent() {
            tracing::info!(
                "this member is new: it speaks once a majority is as new, or the cluster has let it in"
            );
        }
        let members = self.known().await;
        let new = NewMember {
            service: self.service,
            network: self.network,
            pause: self.config.heartbeat,
            members: &members,
            voters: self.voters,
            joins: self.learner,
            disk: self.disk,
        };
        match new.come_in(|| self.node.intake.admit()).await {
            Err(error) => error,
            Ok(()) => std::future::pending().await,
        }
    }

    /// All members. One that was added, and stopped before it had anything, asks the cluster again who they are.
    async fn known(&self) -> Vec<Member> {
        let stored = self.service.members().unwrap_or_default();
        if !stored.is_empty() {
            return stored;
        }
        // The options know no ids of a cluster that was joined; a first start has asked for them.
        if !(self.learner && self.config.has_data) {
            return self.listed.to_vec();
        }
        let mut told = false;
        loop {
            match formation::find_cluster(self.config).await {
                Ok(found) => {
                    let own = self.service.member_id();
                    let addresses = network::addresses_of(found.members.clone(), own);
                    self.network.set_peers(addresses);
                    self.service.set_told(found.members.clone());
                    return found.members;
                }
                Err(error) if !told => {
                    tracing::warn!("this member cannot join its cluster yet: {error}");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Rows change seldom and cost little to read: they are looked at when something was applied. Returns only where this member was
    /// removed.
    async fn keep_in_step(&self) -> AdmissionError {
        let mut seen = None;
        let mut several = false;
        let mut unheard = Unheard::default();
        loop {
            let applied = self.node.status.applied();
            if seen.replace(applied) != Some(applied) {
                match self.step() {
                    Ok(members) => several = members > 1,
                    Err(error) => tracing::error!("the members cannot be read: {error}"),
                }
            }
            let member = self.service.member_id();
            if self.service.is_removed().unwrap_or(false) {
                return AdmissionError::Removed { member };
            }
            if let Some(by) = self.network.removed_by() {
                tracing::error!("member {by:x} says that this one was removed");
                return AdmissionError::Removed { member };
            }
            unheard.look(self);
            let pause = match several {
                true => self.config.heartbeat,
                // A lone member is asked before it is joined.
                false => SELDOM,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// How many members there are.
    fn step(&self) -> Result<usize, ServiceError> {
        let started = self.service.started()?;
        let members = self.service.members()?;
        let count = members.len();
        if started.is_empty() {
            // It is not founded yet, or was by a build that wrote nothing of it: everybody is heard.
            return Ok(count.max(self.listed.len()));
        }
        let own = self.service.member_id();
        let (in_it, new): (Vec<_>, Vec<_>) = members
            .into_iter()
            // Who published itself has started, whatever an early build wrote down of it.
            .partition(|member| {
                member.id == own
                    || started.contains_key(&member.id)
                    || !member.client_urls.is_empty()
            });
        let unstarted: BTreeSet<u64> = new.iter().map(|member| member.id).collect();
        self.network.set_unstarted(unstarted);
        self.network.set_disks(started);
        self.network.set_removed(self.service.removed()?);
        self.network.set_peers(network::addresses_of(in_it, own));
        Ok(count)
    }
}
