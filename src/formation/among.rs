//! The first writes of a member of several: one command founds the cluster, and then each member publishes itself.
//!
//! The member that leads first writes down all of them, itself as its options say, the others as the list names them. Every
//! other one waits until that is applied here, and adds its name and client URLs. So on a fresh cluster of three the
//! revisions are 1 and 2 as on a lone node, one for each of the other two, and the first user write is 5, as in 0.4.6.
//!
//! It runs beside the serving ports, for as long as it takes: a cluster is there when a majority is.

use std::collections::BTreeMap;

use storage::operation::Outcome;

use crate::config::Config;
use crate::members::Member;
use crate::node::status::Status;
use crate::service::{NodeState, Service, ServiceError};

use super::first_command::{first_command, other_founders};
use super::publication::{Publication, founded, leader_found, postponed, update};

/// How one look at the cluster ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Published,
    /// Another member has to do something first, or time has to pass.
    TooEarly,
    /// Something was written: the next look sees it.
    Founded,
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(
        "this member leads a cluster without a word about its members, and its options are not those that it was founded \
         with: start it with the --initial-cluster and --initial-cluster-token of its first start"
    )]
    OtherOptions,
}

/// Waits until the cluster is founded, or founds it, and publishes this member. `nonce` is random: see
/// [`crate::members::nonce`]; `disks` gives those of all that are known to start: see [`super::disks`].
///
/// # Errors
/// The node fails or stops. Whatever else is in the way passes: it is told once, and tried again.
pub(crate) async fn publish_among_others(
    service: &Service,
    status: &Status,
    config: &Config,
    nonce: u64,
    disks: &(dyn Fn() -> BTreeMap<u64, u64> + Sync),
) -> Result<Publication, ServiceError> {
    tracing::info!(
        "waiting for a majority of the members of cluster {:x}",
        service.cluster_id()
    );
    let own = OwnMember {
        service,
        status,
        config,
        nonce,
        disks,
    };
    let mut published = Publication::Again;
    let mut told = String::new();
    loop {
        match own.look().await {
            Ok(Look::Published) => return Ok(published),
            Ok(Look::Founded) => {
                published = Publication::First;
                continue;
            }
            Ok(Look::TooEarly) => {}
            Err(LookError::Service(ServiceError::StorageFailed(reason)))
                if !status.has_failed() =>
            {
                return Ok(postponed(&reason));
            }
            Err(LookError::Service(
                error @ (ServiceError::StorageFailed(_) | ServiceError::Stopped),
            )) => return Err(error),
            Err(error) => {
                let trouble = error.to_string();
                if trouble != told {
                    tracing::warn!("this member is not published yet: {trouble}");
                    told = trouble;
                }
            }
        }
        // A look costs a read index, which members exchange with their heartbeats anyway.
        tokio::time::sleep(config.heartbeat).await;
    }
}

/// Another member that has the name under which this one is published.
fn namesake<'a>(own: u64, name: &str, known: &'a [Member]) -> Option<&'a Member> {
    let other = |member: &&Member| member.id != own && member.name == name;
    known.iter().find(other)
}

/// This member, on its way to be published.
struct OwnMember<'a> {
    service: &'a Service,
    status: &'a Status,
    config: &'a Config,
    nonce: u64,
    disks: &'a (dyn Fn() -> BTreeMap<u64, u64> + Sync),
}

impl OwnMember<'_> {
    async fn look(&self) -> Result<Look, LookError> {
        leader_found(self.status).await?;
        // What is looked at then is no older than this moment: nothing is founded twice for want of an entry.
        self.service.catch_up().await?;
        if !self.service.is_founded()? {
            return self.found().await;
        }
        self.service.admit_clients();
        let id = self.service.self_stats().id;
        let known = self.service.members()?;
        let Some(stored) = known.iter().find(|member| member.id == id) else {
            return Ok(Look::TooEarly);
        };
        let differs = update(
            stored,
            self.config,
            self.service.applies(),
            self.service.may_lose_members(),
        );
        if !differs.is_empty() {
            self.service.write_own(&differs).await?;
        }
        if let Some(other) = namesake(id, &self.config.name, &known) {
            tracing::warn!(
                "member {:x} has the name {:?} of this one: give one of them another --name, since tools look for members by name",
                other.id,
                other.name
            );
        }
        if !names(self.config, stored) {
            tracing::warn!(
                "this member is known by the peer URLs {}, and its options say {}: the former count until they are \
                 changed for the whole cluster",
                stored.peer_urls.join(","),
                self.config.advertise_peer.join(",")
            );
        }
        Ok(Look::Published)
    }

    /// Writes the first command, if this member leads.
    async fn found(&self) -> Result<Look, LookError> {
        if self.status.role() != NodeState::Leader {
            return Ok(Look::TooEarly);
        }
        let (cluster, id) = (self.service.cluster_id(), self.service.self_stats().id);
        let others = other_founders(self.config, cluster, id).ok_or(LookError::OtherOptions)?;
        let applies = self.service.applies();
        let own = founded(id, own_urls(self.config).to_vec(), self.config, applies);
        let command = first_command(
            cluster,
            &own,
            &others,
            self.config,
            self.nonce,
            &(self.disks)(),
        );
        let applied = self.service.write_own(&command).await?;
        match applied.outcomes.first() {
            // Another leader was faster.
            Some(Outcome::Ended) | None => Ok(Look::TooEarly),
            Some(_) => Ok(Look::Founded),
        }
    }
}

/// This member's peer URLs, as the list of members spells them.
fn own_urls(config: &Config) -> &[String] {
    let own = config
        .initial_cluster
        .iter()
        .find(|member| member.name == config.name);
    own.map_or(&config.advertise_peer, |member| &member.peer_urls)
}

/// Whether the options name the stored peer URLs, in either spelling.
fn names(config: &Config, stored: &Member) -> bool {
    stored.peer_urls == config.advertise_peer || stored.peer_urls == own_urls(config)
}
