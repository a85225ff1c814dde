//! One call of the API, as it is sent: method, path, body, and how often it may be tried.

use std::fmt;

use bytes::Bytes;
use hyper::Method;

/// Whether a request may be sent a second time when its first try gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Reading, or writing the same twice: the next endpoint is asked. Changes of users and roles are among these, as
    /// in the original: the second may be refused because the first took effect, but never takes effect twice.
    Always,
    /// The first try may have taken effect, and the second would then be refused (`prevExist=false`, DELETE): asked
    /// again only when nothing was sent. The error is that of the first try alone (etcdctl reference 4).
    Never,
    /// The same rule for requests that the original repeated at the risk of a double effect (POST, compare-and-swap);
    /// their error keeps the form of a cluster-wide one.
    IfUnsent,
}

/// What goes with a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// No body and no type.
    None,
    /// A form (`application/x-www-form-urlencoded`); DELETE sends the type with nothing in it.
    Form(Bytes),
    /// A JSON document.
    Json(Bytes),
}

impl Payload {
    /// Value of the `Content-Type` header.
    pub(super) fn content_type(&self) -> Option<&'static str> {
        match self {
            Payload::None => None,
            Payload::Form(_) => Some("application/x-www-form-urlencoded"),
            Payload::Json(_) => Some("application/json"),
        }
    }

    /// The bytes to send.
    pub fn bytes(&self) -> Bytes {
        match self {
            Payload::None => Bytes::new(),
            Payload::Form(bytes) | Payload::Json(bytes) => bytes.clone(),
        }
    }
}

/// Shows how much it is, not what: there are passwords among them.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Payload::None => return f.write_str("None"),
            Payload::Form(_) => "Form",
            Payload::Json(_) => "Json",
        };
        write!(f, "{kind}({} bytes)", self.bytes().len())
    }
}

/// A call that any member of the cluster can answer.
#[derive(Clone, Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query, percent-encoded, without the prefix of the endpoint.
    pub target: String,
    /// Body.
    pub payload: Payload,
    /// How often.
    pub retry: Retry,
    /// A watch: it may take for ever, so the time-out of the head does not count.
    pub waits: bool,
    /// A question to one member about itself: no user goes with it, no observer is told, and any status is an answer.
    pub probe: bool,
}

impl Request {
    /// A reading request.
    pub fn get(target: impl Into<String>) -> Request {
        Request::new(Method::GET, target, Payload::None, Retry::Always)
    }

    pub(super) fn new(
        method: Method,
        target: impl Into<String>,
        payload: Payload,
        retry: Retry,
    ) -> Request {
        Request {
            method,
            target: target.into(),
            payload,
            retry,
            waits: false,
            probe: false,
        }
    }
}

/// Told of every request before it is sent: one call for each try and each redirect.
pub trait Observer: Send + Sync {
    /// `url` is whole; `payload` is what goes with it.
    fn request(&self, method: &Method, url: &str, payload: &Payload);
}

/// A user of the cluster, sent with every request as HTTP Basic authentication.
#[derive(Clone)]
pub struct Credentials {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
