//! What every part of a started node shares, and the settings that they take from the configuration.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::metrics::Metrics;
use crate::node::Waiters;
use crate::node::clock::{ClusterClock, SystemClock};
use crate::node::counters::Counters;
use crate::node::intake::Intake;
use crate::node::marker::Marker;
use crate::node::status::Status;
use crate::service::{Facts, Parts, Service};
use crate::version::SERVER_VERSION;
use crate::watch::Hub;

use super::descriptors::Shares;

/// Time a write or linearizable read may take beside two election time-outs (cluster-and-config 11).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What all later steps need.
pub(super) struct Ground {
    pub(super) store: storage::Store,
    pub(super) metrics: Arc<Metrics>,
    pub(super) status: Arc<Status>,
    pub(super) waiters: Arc<Waiters>,
    pub(super) counters: Arc<Counters>,
    pub(super) hub: Arc<Hub>,
    pub(super) clock: ClusterClock,
}

/// Three quarters of the cache hold decoded nodes: a hit there costs a thirtieth of one in RocksDB's blocks, and what
/// those miss is mostly in the kernel's page cache.
pub(super) fn storage_options(config: &Config, shares: Shares) -> storage::Options {
    let cache = usize::try_from(config.cache_bytes).unwrap_or(usize::MAX);
    let cache_bytes = cache / 4;
    storage::Options {
        cache_bytes,
        node_cache_bytes: cache - cache_bytes,
        max_open_files: shares.tables,
        ..storage::Options::default()
    }
}

/// As many segments as the descriptors allow.
pub(super) fn log_options(shares: Shares) -> wal::Options {
    wal::Options {
        segments_max: shares.log_segments,
        ..wal::Options::default()
    }
}

/// Over an opened store.
pub(super) fn ground(config: &Config, store: storage::Store, marker: &Marker) -> Ground {
    let metrics = Metrics::new(SERVER_VERSION);
    let hub = Arc::new(Hub::new(
        store.clone(),
        config.max_watchers,
        metrics.clone(),
    ));
    let status = Arc::<Status>::default();
    let watches = hub.clone();
    status.when_halted(move |reason| watches.mute(reason));
    Ground {
        hub,
        clock: ClusterClock::resume(Arc::new(SystemClock::new()), &marker.stamp),
        status,
        waiters: Arc::default(),
        counters: Arc::default(),
        metrics,
        store,
    }
}

/// What does not change while the process runs.
pub(super) fn facts(config: &Config, identity: &wal::Identity) -> Facts {
    Facts {
        member_id: identity.member,
        name: config.name.clone(),
        cluster_id: identity.cluster,
        vocabulary: config.vocabulary,
        default_read: config.default_read,
        request_timeout: REQUEST_TIMEOUT + 2 * config.election,
        max_value_bytes: usize::try_from(config.max_request_bytes).unwrap_or(usize::MAX),
        start_time: SystemTime::now(),
    }
}

/// What front ends call.
pub(super) fn service(facts: Facts, ground: &Ground, intake: Arc<Intake>) -> Service {
    Service::new(Parts {
        facts,
        store: ground.store.clone(),
        hub: ground.hub.clone(),
        intake,
        waiters: ground.waiters.clone(),
        status: ground.status.clone(),
        counters: ground.counters.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
    })
}
