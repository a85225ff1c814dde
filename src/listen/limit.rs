//! How many connections a port takes, and how long each may take for what.

use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct PortLimits {
    /// Whose connections these are, for the log.
    pub(crate) whose: &'static str,
    /// Open connections (503).
    pub(crate) max_connections: usize,
    /// What to do where they are taken, for the log.
    pub(crate) when_taken: &'static str,
    /// Connections over that limit that are told so at a time; more are closed without a word.
    pub(crate) max_refusals: usize,
    /// From the first byte of a request to the end of its header; the connection is closed then.
    pub(crate) header_timeout: Option<Duration>,
    /// From the end of a header to the end of its answer, watches included; the connection is closed then.
    pub(crate) answer_timeout: Option<Duration>,
    /// Between requests; the connection is closed then. Long, because clients pool connections, and a close that crosses a
    /// request fails it.
    pub(crate) idle_timeout: Duration,
    /// How long a client may read nothing of what is ready for it; the connection is closed then.
    pub(crate) stall_timeout: Duration,
    /// How long requests in flight may take to finish when the port stops.
    pub(crate) drain_timeout: Duration,
}

#[cfg(test)]
impl PortLimits {
    pub(crate) fn of_a_test() -> Self {
        Self {
            whose: "client",
            max_connections: 1,
            when_taken: "close some",
            max_refusals: 1,
            header_timeout: Some(Duration::from_secs(4)),
            answer_timeout: None,
            idle_timeout: Duration::from_secs(8),
            stall_timeout: Duration::from_secs(6),
            drain_timeout: Duration::from_secs(4),
        }
    }
}
