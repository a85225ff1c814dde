//! The client side of the v2 API, shared by `etcdctl`, tests, benchmarks and the offline tools.
//!
//! A [`Client`] is a cluster as one server: it asks its endpoints in turn until one answers, follows redirects with
//! method and body, and repeats nothing that could take effect twice. A [`KeyWatcher`] outlives broken connections
//! without losing or repeating an event.
//!
//! ```text
//! keys, member, auth, watch      the calls
//!     │
//!   cluster                      fail-over: which endpoint, how often
//!     │
//!   exchange ─ redirect          one try: request, redirects, whole answer
//!     │
//!   connection ─ dial            open connections; TCP, proxy, tls
//! ```
//!
//! Beside them: `path` encodes keys and forms, `reply` says what an answer means, `decode` makes an `event` of its body,
//! `discovery` finds endpoints by DNS, `error` has the words.
//!
//! ```no_run
//! use etcd2::client::{Client, ClientOptions, Endpoint, GetOptions, Key, PutOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(ClientOptions {
//!     endpoints: Endpoint::parse_list("http://127.0.0.1:2379,http://127.0.0.1:4001")?,
//!     ..ClientOptions::default()
//! });
//! client.put(&Key::from("/message"), b"Hello", PutOptions::default()).await?;
//! let event = client.get(&Key::from("/message"), GetOptions::default()).await?;
//! assert_eq!(event.node.value, "Hello");
//! # Ok(())
//! # }
//! ```

mod attempt;
mod auth;
mod basic;
mod body;
mod cluster;
mod connection;
mod decode;
mod dial;
mod discovery;
mod endpoint;
mod error;
mod event;
mod exchange;
#[cfg(test)]
mod fuzz;
mod keys;
mod member;
mod path;
mod proxy;
mod redirect;
mod reply;
mod request;
mod watch;

pub use crate::dns::{LookupError, Resolver};
pub use crate::tls::{CertificateFault, Tls, TlsError, TlsFiles};
pub use attempt::{Attempt, Cause};
pub use auth::{AuthRole, AuthUser, Permission, RightsChange};
pub use cluster::{Client, ClientOptions, REPLY_BYTES_MAX, within};
pub use decode::ParseError;
pub use dial::DialError;
pub use discovery::{Discovered, DiscoveryError, discover};
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use error::{Error, KeysError};
pub use event::{Children, KeyEvent, KeyNode};
pub use hyper::Method;
pub use keys::{DeleteOptions, GetOptions, PutOptions};
pub use member::{HealthError, MemberInfo, Sync};
pub use path::Key;
pub use proxy::{Proxies, ProxyError};
pub use reply::ServerReply;
pub use request::{Credentials, Observer, Payload, Request, Retry};
pub use watch::{Interruption, KeyWatcher, WatchOptions};
