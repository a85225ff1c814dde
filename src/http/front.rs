//! What all connections of a listener share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::HeaderValue;
use tokio::sync::Semaphore;

use super::counters::Counters;
use super::headers::cluster_value;
use super::options::HttpOptions;
use crate::service::Service;

/// The service, the settings, and what is computed from them once.
pub(super) struct Front {
    pub(super) service: Service,
    pub(super) options: Arc<HttpOptions>,
    /// `X-Etcd-Cluster-Id`.
    pub(super) cluster: HeaderValue,
    /// Turns for listings that stream.
    pub(super) listings: Arc<Semaphore>,
    pub(super) counters: Counters,
    stopping: AtomicBool,
}

impl Front {
    pub(super) fn new(service: Service, options: Arc<HttpOptions>) -> Arc<Self> {
        Arc::new(Self {
            cluster: cluster_value(service.cluster_id()),
            listings: Arc::new(Semaphore::new(options.max_listings)),
            counters: Counters::new(service.metrics()),
            service,
            options,
            stopping: AtomicBool::new(false),
        })
    }

    /// Ends watches: each body asks this when it is polled.
    pub(super) fn stop(&self) {
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
