//! What all connections of a listener share.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;

use super::answer::headers::cluster_value;
use super::answer::large::ANSWER_BYTES;
use super::counters::RequestCounters;
use super::keys::permit::ListingPermits;
use super::options::HttpOptions;
use super::relay::connections::RelayConnections;
use crate::service::{Budget, Service};

/// Probes come every few seconds, and a trouble may last for days: its reason is told again after so long.
const UNHEALTHY_AGAIN: Duration = Duration::from_secs(60);

/// The service, the settings, and what is computed from them once.
pub(super) struct Front {
    pub(super) service: Service,
    pub(super) options: Arc<HttpOptions>,
    /// `X-Etcd-Cluster-Id`.
    pub(super) cluster: HeaderValue,
    /// Permits for listings that stream.
    pub(super) listings: Arc<ListingPermits>,
    /// For large answers on their way.
    pub(super) answers: Arc<Budget>,
    pub(super) counters: RequestCounters,
    pub(super) relay: RelayConnections,
    stopping: AtomicBool,
    // When `/health` last told the log why it says false; held for a look.
    unhealthy_told: Mutex<Option<Instant>>,
}

impl Front {
    pub(super) fn new(service: Service, options: Arc<HttpOptions>) -> Arc<Self> {
        Arc::new(Self {
            cluster: cluster_value(service.cluster_id()),
            listings: ListingPermits::new(options.max_listings),
            answers: Budget::new(ANSWER_BYTES),
            counters: RequestCounters::new(service.metrics()),
            relay: RelayConnections::new(&service),
            service,
            options,
            stopping: AtomicBool::new(false),
            unhealthy_told: Mutex::default(),
        })
    }

    /// Whether the log is to hear why this node is not healthy: at the first probe, and then now and again.
    pub(super) fn tells_unhealthy(&self, now: Instant) -> bool {
        let mut told = self.unhealthy_told();
        let due = told.is_none_or(|last| now.duration_since(last) >= UNHEALTHY_AGAIN);
        if due {
            *told = Some(now);
        }
        due
    }

    /// A probe found the node healthy: the next trouble is told at once.
    pub(super) fn is_healthy(&self) {
        *self.unhealthy_told() = None;
    }

    fn unhealthy_told(&self) -> MutexGuard<'_, Option<Instant>> {
        self.unhealthy_told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Each watch asks whether it is to end when it is polled.
    pub(super) fn end_watches(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
