//! One try at one endpoint that gave no answer, and what ended it, in the words scripts know (etcdctl reference 7).

use std::fmt;
use std::io;

use super::dial::DialError;
use super::endpoint::Endpoint;

/// One try at one endpoint that gave no answer.
#[derive(Debug)]
pub struct Attempt {
    /// Whom we asked (after redirects: the one they led to).
    pub endpoint: Endpoint,
    /// What happened.
    pub cause: Cause,
    /// Whether any byte of the request may have reached the server.
    pub sent: bool,
}

/// What ended an attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// No connection came about.
    #[error("{0}")]
    Dial(DialError),
    /// The connection broke before the head of the answer was complete.
    #[error("{}", broken(.0.as_ref(), "EOF"))]
    Head(Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke inside the answer.
    #[error("{}", broken(.0.as_ref(), "unexpected EOF"))]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The other side of a TLS connection ended it with an alert.
    #[error("{0}")]
    TlsAlert(String),
    /// Connection, request and head of the answer together took too long.
    #[error("exceeded header timeout")]
    HeaderTimeout,
    /// HTTP 500 or 503, which the original's client takes for a missing leader whatever the body says.
    #[error("has no leader")]
    NoLeader {
        /// The body: why the server refused in truth.
        said: String,
    },
    /// Another status from 500 on.
    #[error("returns server error [{reason}]")]
    Server {
        /// The reason phrase of the status.
        reason: &'static str,
        /// The body.
        said: String,
    },
    /// The answer is larger than the client takes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// Redirected more than ten times.
    #[error("client: too many redirects")]
    TooManyRedirects,
    /// A redirect that does not say where to.
    #[error("location header not set")]
    NoLocation,
    /// A redirect from https to http, which is not followed: credentials and values would go on without TLS.
    #[error("redirected from https to {0}, which is not safe; name the endpoint that is meant")]
    Downgrade(Endpoint),
    /// A redirect to a place that is none.
    #[error("redirected to {0:?}, which is no HTTP address")]
    BadLocation(String),
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::HeaderTimeout => write!(f, "client: endpoint {} {}", self.endpoint, self.cause),
            Cause::NoLeader { .. } | Cause::Server { .. } => {
                write!(f, "client: etcd member {} {}", self.endpoint, self.cause)
            }
            _ => self.cause.fmt(f),
        }
    }
}

impl std::error::Error for Attempt {}

impl Attempt {
    /// What a failing server gave as its reason; empty when it said nothing.
    pub fn said(&self) -> &str {
        match &self.cause {
            Cause::NoLeader { said } | Cause::Server { said, .. } => said,
            _ => "",
        }
    }

    /// Whether another try would come to the same, because of how the client was set up.
    pub(super) fn is_hopeless(&self) -> bool {
        match &self.cause {
            Cause::Dial(error) => error.is_certificate() || error.is_not_tls(),
            Cause::TlsAlert(_) | Cause::TooManyRedirects | Cause::NoLocation => true,
            Cause::BadLocation(_) | Cause::Downgrade(_) => true,
            _ => false,
        }
    }

    /// Whether there was no conversation at all.
    pub(super) fn is_connection(&self) -> bool {
        match &self.cause {
            Cause::Dial(error) => error.is_connection(),
            Cause::Head(error) | Cause::Body(error) => io_error(error.as_ref())
                .is_some_and(|error| error.kind() != io::ErrorKind::UnexpectedEof),
            _ => false,
        }
    }
}

/// The operating system's error inside a library's.
pub(super) fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A connection that just ended is `ended`; anything else keeps the words of the operating system.
fn broken(error: &(dyn std::error::Error + Send + Sync + 'static), ended: &str) -> String {
    match io_error(error) {
        Some(found) if found.kind() == io::ErrorKind::ConnectionReset => {
            "read: connection reset by peer".to_owned()
        }
        Some(found) if found.kind() == io::ErrorKind::BrokenPipe => "write: broken pipe".to_owned(),
        Some(found) if found.kind() != io::ErrorKind::UnexpectedEof => found.to_string(),
        _ => match error.downcast_ref::<hyper::Error>() {
            Some(parse) if parse.is_parse() => format!("the answer is not HTTP: {parse}"),
            _ => ended.to_owned(),
        },
    }
}
