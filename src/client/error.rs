//! Why a call gave no result: the answer of a server, or the lack of one.
//!
//! The texts are the ones scripts know (etcdctl reference 7).

use std::fmt;

use super::attempt::Attempt;
use super::decode::ParseError;
use super::endpoint::Endpoint;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the request with an error of the v2 API.
    #[error("{0}")]
    Api(KeysError),
    /// The member or auth API refused the request: status and the `message` of its body.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's sentence, or `unexpected status code N` when it gave none.
        message: String,
    },
    /// Every endpoint was tried, none gave an answer.
    #[error("client: etcd cluster is unavailable or misconfigured; {}", Enumerated(.0))]
    Unavailable(Vec<Attempt>),
    /// The request may be tried only once, and that try failed; whether it took effect is unknown if it was sent.
    #[error("{0}")]
    Failed(Box<Attempt>),
    /// An answer that no server of this kind gives.
    #[error("client: response is invalid json{}; {endpoint} answered {gist}", doubt(*status))]
    InvalidReply {
        /// Who answered.
        endpoint: Endpoint,
        /// HTTP status of the answer.
        status: u16,
        /// The status in words and the first line of the body.
        gist: Box<str>,
        /// What is wrong with the body, and its beginning.
        detail: Box<str>,
    },
    /// An answer above the bound of this client. What was asked may have been done.
    #[error("client: the answer of {endpoint} is larger than {bytes_max} bytes")]
    ReplyTooLarge {
        /// Who answered.
        endpoint: Endpoint,
        /// The bound.
        bytes_max: u64,
    },
    /// The answer is good, but more than can be read.
    #[error("client: {0}")]
    Tree(ParseError),
    /// A success without a body.
    #[error("client: response body is empty")]
    EmptyBody,
    /// There is nobody to ask: the list of endpoints is empty.
    #[error("client: no endpoints available")]
    NoEndpoints,
    /// The time for the whole call is over.
    #[error("context deadline exceeded")]
    DeadlineExceeded,
    /// A watch that went on met a cluster that is younger than what it has seen: its store was lost, or replaced by an
    /// older one.
    #[error(
        "the cluster's index went back from {expected} to {found}: its data was replaced, and events may be missing; read the key again and watch from the index of that answer"
    )]
    WentBack {
        /// The highest index that the cluster has shown to this watch.
        expected: u64,
        /// `X-Etcd-Index` of a linearizable read now.
        found: u64,
    },
    /// A watch that went on after a broken connection met another cluster: its indexes say nothing about the events
    /// seen so far.
    #[error(
        "the endpoints lead to another cluster ({found}) than before ({expected}): events may be missing; read the key again and watch from the index of that answer"
    )]
    OtherCluster {
        /// `X-Etcd-Cluster-Id` of the first answer.
        expected: String,
        /// `X-Etcd-Cluster-Id` now.
        found: String,
    },
}

/// The error body of the keys API (keys-api 3).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct KeysError {
    /// HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// Number of the error, 100 to 499.
    #[serde(rename = "errorCode")]
    pub code: i64,
    /// What happened.
    pub message: String,
    /// Where: a key, a compared value, an index.
    pub cause: String,
    /// The index at which it happened.
    pub index: u64,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({}) [{}]",
            self.code, self.message, self.cause, self.index
        )
    }
}

impl Error {
    /// Whether there was no conversation at all: nobody listened, or the network broke (etcdctl reference 4, "Sync").
    /// Refused certificates, time-outs of one try and answers of servers are something else.
    pub fn is_connection(&self) -> bool {
        match self {
            Error::DeadlineExceeded => true,
            Error::Unavailable(attempts) => attempts.iter().all(Attempt::is_connection),
            Error::Failed(attempt) => attempt.is_connection(),
            _ => false,
        }
    }

    /// The attempts behind this error, none when a server answered.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Error::Unavailable(attempts) => attempts,
            Error::Failed(attempt) => std::slice::from_ref(attempt.as_ref()),
            _ => &[],
        }
    }

    /// The number of the v2 error, when the server gave one.
    pub fn api_code(&self) -> Option<i64> {
        match self {
            Error::Api(error) => Some(error.code),
            _ => None,
        }
    }
}

/// The original's suspicion. A status that refuses says what it is about itself.
fn doubt(status: u16) -> &'static str {
    match status {
        400.. => "",
        _ => ". The endpoint is probably not valid etcd cluster endpoint",
    }
}

/// The list inside one line, as the original writes it: each item ends its line.
struct Enumerated<'a>(&'a [Attempt]);

impl fmt::Display for Enumerated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, attempt) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            writeln!(f, "{separator}error #{number}: {attempt}")?;
        }
        Ok(())
    }
}
