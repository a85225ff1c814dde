//! The settings and limits of the client port. Each limit has a name, a default, and an answer of its own.

use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, Uri};

use super::request::browser::{self, BrowserGuard};
use super::request::cors::CorsPolicy;
use super::request::upload::{UploadBudget, UploadLimits};
use crate::config::{self, Config, HostWhitelist, Vocabulary};
use crate::listen::PortLimits;

/// Bytes of all bodies that are being read, beside the first of each: as much as the intake holds. Over it: 500/300.
const UPLOAD_BYTES: usize = 64 << 20;

/// What one more name in a key costs beside its bytes, as bytes of a row: measured, a directory on the way takes 5 us of
/// processor time, and each byte of it 0.01 to 0.02.
pub(super) const NAME_BYTES: usize = 256;

/// A header of at most 64 KiB needs no longer, however long bodies may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How a listener of the client API behaves.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    /// Which origins browsers may call from.
    pub(super) cors: CorsPolicy,
    /// Refuses what browsers send for pages of other sites; `None` where `cors` names the sites instead.
    pub(super) guard: Option<BrowserGuard>,
    /// `Host` names that are served without TLS (421 otherwise).
    pub(super) hosts: HostWhitelist,
    /// Whether `/metrics` and `/health` are all there is.
    pub(super) only_metrics: bool,
    /// Bytes of a form body; exactly that many are accepted (400/210).
    pub(crate) max_body_bytes: usize,
    /// What all bodies that are being read take from; listeners with the same settings share it.
    pub(super) uploads: Arc<UploadBudget>,
    /// Bytes of a decoded value (400/210).
    pub(crate) max_value_bytes: usize,
    /// Bytes of a decoded key, 16 KiB (414). The request line as a whole ends at 64 KiB anyway.
    pub(crate) max_key_bytes: usize,
    /// Names in a key, 512 (414).
    pub(crate) max_key_depth: usize,
    /// What a key that a request may create costs at most, 64 KiB (414): names times (bytes + [`NAME_BYTES`]). Each missing directory above a key gets rows of its own with its whole path; with this much, who
    /// writes only such keys leaves others within about twice their time (`benches/deep.py`). It leaves 16 KiB to keys of
    /// 3 names, 1 KiB to keys of 51, and 128 names to keys of 256 bytes.
    pub(crate) max_key_cost: usize,
    /// Connections, and how long each may take for what.
    pub(crate) limits: PortLimits,
    /// Listings too large for one buffer that stream at a time, 64; more wait for a permit.
    pub(crate) max_listings: usize,
    /// How long a large listing waits for its permit, 5 s (500/300 too many requests).
    pub(crate) listing_wait: Duration,
    /// How old the view of a streamed listing may become, 5 min; the answer is cut off then.
    pub(crate) listing_age: Duration,
    /// For the whole body of a request (408).
    pub(crate) body_timeout: Option<Duration>,
    /// Answers that take longer to begin are counted and logged, 1 s.
    pub(crate) slow_request: Duration,
}

impl HttpOptions {
    /// What a configuration asks for; what it does not speak of is at its default.
    pub(crate) fn from_config(config: &Config) -> Self {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            cors: CorsPolicy::new(config.cors.clone(), config.vocabulary),
            guard: (!config.cors_given).then(|| BrowserGuard::new(&config.own_names)),
            hosts: config.host_whitelist.clone(),
            max_body_bytes: size(config.max_body_bytes),
            max_value_bytes: size(config.max_request_bytes),
            limits: PortLimits {
                max_connections: config.max_connections,
                header_timeout: config
                    .http_read_timeout
                    .map(|limit| limit.min(HEADER_TIMEOUT)),
                answer_timeout: config.http_write_timeout,
                ..port_limits()
            },
            body_timeout: config.http_read_timeout,
            ..Self::new(config.vocabulary)
        }
    }

    /// The defaults for a vocabulary.
    pub(crate) fn new(vocabulary: Vocabulary) -> Self {
        let policy = match vocabulary {
            Vocabulary::Classic => config::Cors::None,
            Vocabulary::Modern => config::Cors::Any,
        };
        Self {
            cors: CorsPolicy::new(policy, vocabulary),
            guard: Some(BrowserGuard::new(&[])),
            hosts: HostWhitelist::Any,
            only_metrics: false,
            max_body_bytes: 10 << 20,
            uploads: Arc::new(UploadBudget::new(UPLOAD_BYTES)),
            max_value_bytes: 3 << 19,
            max_key_bytes: 16 << 10,
            max_key_depth: 512,
            max_key_cost: 64 << 10,
            limits: port_limits(),
            max_listings: 64,
            listing_wait: Duration::from_secs(5),
            listing_age: Duration::from_secs(300),
            body_timeout: Some(Duration::from_secs(300)),
            slow_request: Duration::from_secs(1),
        }
    }

    /// The same for a listener that serves `/metrics` and `/health` alone (`--listen-metrics-urls`).
    pub(crate) fn only_metrics(mut self) -> Self {
        self.only_metrics = true;
        self
    }

    /// What the form of a request may take.
    pub(super) fn form_limits(&self) -> UploadLimits<'_> {
        UploadLimits {
            bytes: self.max_body_bytes,
            value_bytes: self.max_value_bytes,
            within: self.body_timeout,
            stall: self.limits.stall_timeout,
            budget: &self.uploads,
        }
    }

    /// Whether a request is to a host that is served.
    pub(super) fn serves(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        // Most nodes serve any host: nothing is looked up for them.
        matches!(self.hosts, HostWhitelist::Any)
            || self.serves_host(browser::target(uri, headers).unwrap_or_default())
    }

    /// Whether a request to `host` (name, and perhaps port) is served. Names are compared without case.
    fn serves_host(&self, host: &str) -> bool {
        match &self.hosts {
            HostWhitelist::Any => true,
            HostWhitelist::List(listed) => {
                let name = host_name(host);
                let is_it =
                    |one: &String| one.eq_ignore_ascii_case(name) || one.eq_ignore_ascii_case(host);
                listed.iter().any(is_it)
            }
        }
    }
}

/// The defaults of a port for clients.
fn port_limits() -> PortLimits {
    PortLimits {
        whose: "client",
        max_connections: 10_000,
        when_taken: "close some, or raise --max-connections",
        max_refusals: 64,
        header_timeout: Some(HEADER_TIMEOUT),
        answer_timeout: None,
        idle_timeout: Duration::from_secs(600),
        stall_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(4),
    }
}

/// The name in `name:port` and `[v6]:port`.
fn host_name(host: &str) -> &str {
    if let Some((name, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return name;
    }
    match host.rsplit_once(':') {
        Some((name, port))
            if !name.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_without_ports() {
        for (host, name) in [
            ("a.example:2379", "a.example"),
            ("a.example", "a.example"),
            ("[::1]:2379", "::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("a:b", "a:b"),
            ("", ""),
        ] {
            assert_eq!(host_name(host), name, "{host}");
        }
    }

    #[test]
    fn only_listed_hosts_are_served() {
        let mut options = HttpOptions::new(Vocabulary::Modern);
        assert!(options.serves_host("anything:1"));
        options.hosts = HostWhitelist::List(vec!["A.example".to_owned(), "::1".to_owned()]);
        assert!(options.serves_host("a.Example:2379"));
        assert!(options.serves_host("[::1]:80"));
        assert!(!options.serves_host("b.example"));
        assert!(!options.serves_host(""));
    }
}
