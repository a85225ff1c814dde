//! The connections to the leader that nobody uses now, how many may be in use, and whether it is left alone for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Vocabulary;
use crate::service::Service;

/// How many there are at once, in use or kept.
const CONNECTIONS_MAX: usize = 64;
/// For how long a leader that does not answer is left alone.
const SHUNNED: Duration = Duration::from_secs(5);
/// After how long the log hears of it again.
const AGAIN: Duration = Duration::from_secs(60);

/// See the module.
pub(in crate::http) struct RelayConnections {
    /// This member, as those who pass a read on to it name it.
    pub(super) own: HeaderValue,
    permits: Arc<Semaphore>,
    // Each is held for a moment.
    idle: Mutex<Vec<Idle>>,
    shunned: Mutex<Option<Shunned>>,
}

/// One of them.
pub(super) struct Idle {
    pub(super) url: String,
    pub(super) requests: SendRequest<Empty<Bytes>>,
}

struct Shunned {
    url: String,
    until: Instant,
    told: Instant,
}

impl RelayConnections {
    pub(in crate::http) fn new(service: &Service) -> Self {
        Self {
            own: member_value(service, service.member_id()),
            permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            idle: Mutex::default(),
            shunned: Mutex::default(),
        }
    }

    /// To ask the leader something.
    pub(super) async fn permit(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// One to this URL; those to others, which lead no more, are dropped.
    pub(super) fn take(&self, url: &str) -> Option<SendRequest<Empty<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|one| one.url == url && !one.requests.is_closed());
        idle.pop().map(|one| one.requests)
    }

    pub(super) fn give_back(&self, one: Idle) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CONNECTIONS_MAX && !one.requests.is_closed() {
            idle.push(one);
        }
    }

    /// Whether nothing is to be asked there now.
    pub(super) fn is_shunned(&self, url: &str) -> bool {
        let shunned = self.shunned.lock().unwrap_or_else(PoisonError::into_inner);
        let shunned = shunned.as_ref().filter(|shunned| shunned.url == url);
        shunned.is_some_and(|shunned| Instant::now() < shunned.until)
    }

    /// Nothing came of a question there.
    pub(super) fn shun(&self, url: &str, reason: &str) {
        let now = Instant::now();
        let mut shunned = self.shunned.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shunned.take().filter(|shunned| shunned.url == url);
        let told = before.map(|shunned| shunned.told);
        let told = told.filter(|told| now.duration_since(*told) < AGAIN);
        if told.is_none() {
            tracing::warn!(
                url,
                reason,
                "the leader cannot be asked to answer reads for this member, whose disk is slow: they are answered here, and \
                 wait for it; members should reach each other at the client URLs that they advertise"
            );
        }
        *shunned = Some(Shunned {
            url: url.to_owned(),
            until: now + SHUNNED,
            told: told.unwrap_or(now),
        });
    }
}

/// A member of this cluster, and how it answers: one of another vocabulary would answer with other bytes.
pub(super) fn member_value(service: &Service, member: u64) -> HeaderValue {
    let vocabulary = match service.vocabulary() {
        Vocabulary::Classic => "0.4",
        Vocabulary::Modern => "2",
    };
    let text = format!("{:x}/{member:x}/{vocabulary}", service.cluster_id());
    HeaderValue::from_str(&text).expect("digits and letters are valid in a header")
}
