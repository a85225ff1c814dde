//! The connections to the leader that nobody uses now.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

/// How many are kept.
const IDLE_MAX: usize = 64;

/// See the module.
#[derive(Default)]
pub(in crate::http) struct RelayConnections {
    // Held for a push or a pop.
    idle: Mutex<Vec<Idle>>,
}

/// One of them.
pub(super) struct Idle {
    pub(super) url: String,
    pub(super) requests: SendRequest<Full<Bytes>>,
}

impl RelayConnections {
    /// One to this URL; those to others, which lead no more, are dropped.
    pub(super) fn take(&self, url: &str) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|one| one.url == url && !one.requests.is_closed());
        idle.pop().map(|one| one.requests)
    }

    pub(super) fn give_back(&self, one: Idle) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !one.requests.is_closed() {
            idle.push(one);
        }
    }
}
