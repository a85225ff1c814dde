//! What the parts of the server take from the configuration.

use std::time::{Duration, SystemTime};

use storage::operation::Retention;

use crate::clock::Clock;
use crate::config::{Config, Exit};
use crate::http::HttpOptions;
use crate::listen::PortLimits;
use crate::node::disk_space::DiskSpace;
use crate::node::start::{ConnectPeers, Founder, NodeOptions};
use crate::service::ServiceSettings;
use crate::version::SERVER_VERSION;

use super::claim;
use super::descriptors::Shares;

/// Connections of a peer port.
pub(super) const PEER_CONNECTIONS: usize = 64;
/// How long a connection to the peer port may take to ask for something.
const PEER_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Time a write or linearizable read may take beside two election time-outs (cluster-and-config 11).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// For the node.
pub(super) fn node(
    config: &Config,
    shares: Shares,
    founder: Result<Founder, Exit>,
    connect: ConnectPeers,
) -> NodeOptions {
    NodeOptions {
        clock: Clock::system(),
        space: DiskSpace::system(),
        data_dir: config.data_dir.clone(),
        founder,
        accept_log_loss: config.accept_log_loss,
        storage: storage(config, shares),
        wal: wal::Options {
            segments_max: shares.log_segments,
            ..wal::Options::default()
        },
        retention: Retention {
            events: config.retention_events,
            bytes: config.retention_bytes,
        },
        snapshot_count: config.snapshot_count,
        watchers_max: config.max_watchers,
        heartbeat: config.heartbeat,
        election: config.election,
        connect,
        sync_delay: claim::sync_delay(),
        server_version: SERVER_VERSION,
    }
}

/// Three quarters of the cache hold decoded nodes: a hit there costs a thirtieth of one in RocksDB's blocks, and what
/// those miss is mostly in the kernel's page cache.
fn storage(config: &Config, shares: Shares) -> storage::StoreOptions {
    let cache = usize::try_from(config.cache_bytes).unwrap_or(usize::MAX);
    let cache_bytes = cache / 4;
    storage::StoreOptions {
        cache_bytes,
        node_cache_bytes: cache - cache_bytes,
        max_open_files: shares.tables,
        ..storage::StoreOptions::default()
    }
}

/// For what front ends call.
pub(super) fn service(config: &Config, identity: &wal::Identity, alone: bool) -> ServiceSettings {
    ServiceSettings {
        member_id: identity.member,
        name: config.name.clone(),
        cluster_id: identity.cluster,
        vocabulary: config.vocabulary,
        default_read: config.default_read,
        request_timeout: REQUEST_TIMEOUT + 2 * config.election,
        start_time: SystemTime::now(),
        alone,
        applies: claim::applies(),
    }
}

/// For the peer port: three streams of each of eight members, those that take their place, and people who look.
pub(super) fn peers(config: &Config, shares: Shares) -> PortLimits {
    PortLimits {
        whose: "peer",
        max_connections: PEER_CONNECTIONS,
        when_taken: "look who has connected to this port, which is for members alone; those that ask for nothing are closed \
                     within seconds",
        // Members ask at once; whoever is silent takes the place of one.
        header_timeout: Some(PEER_HEADER_TIMEOUT),
        idle_timeout: PEER_HEADER_TIMEOUT,
        ..http(config, shares).limits
    }
}

/// For the front end: what the configuration asks for, and what the descriptors set.
pub(super) fn http(config: &Config, shares: Shares) -> HttpOptions {
    let mut options = HttpOptions::from_config(config);
    options.limits.max_refusals = shares.refusals;
    options
}
