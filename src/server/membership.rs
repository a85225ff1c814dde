//! What a member of several does beside serving: it is let in, and its network goes by who belongs to the cluster.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::formation::{AdmissionError, NewMember};
use crate::node::context::NodeContext;
use crate::service::{Member, Service, ServiceError};
use crate::transport::{Network, PeerAddress};

/// See the module.
pub(super) struct Membership<'a> {
    pub(super) service: &'a Service,
    pub(super) network: &'a Network,
    pub(super) node: &'a NodeContext,
    pub(super) config: &'a Config,
    /// What the data directory drew when it was founded.
    pub(super) disk: u64,
}

impl Membership<'_> {
    /// For as long as the server runs.
    ///
    /// # Errors
    /// Returns only where this member may never take part.
    pub(super) async fn keep(&self) -> AdmissionError {
        if let Some(error) = self.is_another() {
            return error;
        }
        let in_step = self.keep_in_step();
        let let_in = async {
            if self.node.status.is_silent() {
                tracing::info!(
                    "this member is new: it speaks once a majority is as new, or the cluster has let it in"
                );
            }
            let new = NewMember {
                service: self.service,
                network: self.network,
                config: self.config,
                disk: self.disk,
            };
            if let Err(error) = new.come_in(|| self.node.intake.admit()).await {
                return error;
            }
            std::future::pending().await
        };
        tokio::select! {
            () = in_step => std::future::pending().await,
            error = let_in => error,
        }
    }

    /// Whether the options are those of another member of this cluster than the one whose directory it is. Two of them would answer for
    /// one, and none for the other.
    fn is_another(&self) -> Option<AdmissionError> {
        let own = self.service.member_id();
        let members = self.service.members().ok()?;
        let here = &self.config.advertise_peer;
        let is_here = |member: &&Member| member.peer_urls == *here;
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

    /// Rows change seldom and cost little to read: they are looked at when something was applied.
    async fn keep_in_step(&self) {
        let mut seen = None;
        loop {
            let applied = self.node.status.applied();
            if seen.replace(applied) != Some(applied)
                && let Err(error) = self.step()
            {
                tracing::error!("the members cannot be read: {error}");
            }
            tokio::time::sleep(self.config.heartbeat).await;
        }
    }

    fn step(&self) -> Result<(), ServiceError> {
        let started = self.service.started()?;
        if started.is_empty() {
            // It is not founded yet, or was by a build that wrote nothing of it: everybody is heard.
            return Ok(());
        }
        let own = self.service.self_stats().id;
        let members = self.service.members()?.into_iter();
        let (in_it, new): (Vec<_>, Vec<_>) =
            members.partition(|member| member.id == own || started.contains_key(&member.id));
        let unstarted: BTreeSet<u64> = new.iter().map(|member| member.id).collect();
        self.network.set_unstarted(unstarted);
        let addresses = in_it.into_iter().map(|member| PeerAddress {
            id: member.id,
            name: member.name,
            urls: member.peer_urls,
        });
        self.network.set_peers(addresses.collect());
        Ok(())
    }
}
