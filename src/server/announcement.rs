//! What a start says once it serves: for people, for systemd, and in the words that scripts wait for.

use std::time::Instant;

use crate::config::{Config, Vocabulary};
use crate::formation::Publication;
use crate::service::Service;
use crate::version::SERVER_VERSION;

use super::systemd;

/// Clients are served.
pub(super) fn serving(config: &Config, service: &Service, begun: Instant) {
    let addresses = config
        .listen_client
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    tracing::info!(
        "member {} ({:x}) of cluster {:x} serves clients on {addresses}, {:?} after it was started",
        config.name,
        service.self_stats().id,
        service.cluster_id(),
        begun.elapsed()
    );
    let damaged = service.damage();
    if let Some(damage) = &damaged {
        tracing::error!("this node is damaged and serves what it can: {damage}");
    }
    let state = if damaged.is_some() { "damaged, " } else { "" };
    if let Err(error) = systemd::ready(&format!("{state}serving clients on {addresses}")) {
        tracing::warn!("systemd could not be told that the node serves: {error}");
    }
}

/// The lines that scripts and test suites of the originals wait for, in their words: 2.x's and 3.4's at any rate, 0.4's
/// where it was spoken to in its words.
pub(super) fn published(config: &Config, service: &Service, publication: Publication) {
    if publication == Publication::Postponed {
        return;
    }
    let minor = SERVER_VERSION
        .rsplit_once('.')
        .map_or(SERVER_VERSION, |(minor, _)| minor);
    if publication == Publication::First {
        tracing::info!("set the initial cluster version to {minor}");
    }
    tracing::info!("enabled capabilities for version {minor}");
    tracing::info!(
        "published {{Name:{} ClientURLs:[{}]}} to cluster {:x}",
        config.name,
        config.advertise_client.join(" "),
        service.cluster_id()
    );
    if config.vocabulary == Vocabulary::Classic {
        for (listen, url) in config.listen_client.iter().zip(&config.advertise_client) {
            let listen = listen.to_string();
            tracing::info!(
                "etcd server [name {}, listen on {}, advertised url {url}]",
                config.name,
                listen.trim_start_matches("http://")
            );
        }
    }
    tracing::info!("ready to serve client requests");
}
