//! When this member is published: a lone one before it listens, a member of several while it serves.

use std::convert::Infallible;

use crate::config::Config;
use crate::formation::{self, Publication};
use crate::node::status::Status;
use crate::service::{Service, ServiceError};
use crate::transport::Network;

use super::announcement;
use super::stopping::StopSignal;

/// What it takes.
pub(super) struct Publishing<'a> {
    pub(super) service: &'a Service,
    pub(super) status: &'a Status,
    pub(super) config: &'a Config,
    /// The way to the others, whose greetings say that this member belongs to a founded cluster.
    pub(super) network: Option<&'a Network>,
    /// What the data directory drew when it was founded.
    pub(super) disk: u64,
    /// Random; it counts if this member founds its cluster.
    pub(super) nonce: u64,
}

impl Publishing<'_> {
    /// Publishes a lone member, unless it is told to stop first.
    pub(super) async fn alone(&self, stop: &StopSignal) -> Result<Publication, ServiceError> {
        tokio::select! {
            published = formation::publish(self.service, self.status, self.config, (self.nonce, self.disk)) => published,
            () = stop.told() => Err(ServiceError::Stopped),
        }
    }

    /// Says that this member is published, once it is; `done` if it is already. Never ends: whoever waits for the end of
    /// the process drops it.
    pub(super) async fn announced(&self, done: Option<Publication>) -> Infallible {
        let published = match done {
            Some(published) => Ok(published),
            None => self.among_others().await,
        };
        match published {
            Ok(published) => {
                self.greet_as_founded();
                announcement::published(self.config, self.service, published);
            }
            // The process ends for the same reason, and says so.
            Err(error) => tracing::debug!("this member is not published: {error}"),
        }
        std::future::pending().await
    }

    async fn among_others(&self) -> Result<Publication, ServiceError> {
        let own = self.service.self_stats().id;
        let disks = || formation::disks(self.network, own, self.disk);
        let (status, config) = (self.status, self.config);
        formation::publish_among_others(self.service, status, config, self.nonce, &disks).await
    }

    fn greet_as_founded(&self) {
        match (self.network, self.service.nonce()) {
            (Some(network), Ok(Some(nonce))) => network.set_founding(nonce, true),
            (Some(_), Err(error)) => tracing::error!("the founding cannot be read: {error}"),
            _ => {}
        }
    }
}
