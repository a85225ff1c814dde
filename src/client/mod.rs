//! The client side of the v2 API, shared by `etcdctl`, tests, benchmarks and the offline tools.

#[cfg(test)]
mod authority;
mod basic;
mod dial;
mod endpoint;
mod proxy;
mod srv;
mod tls;

pub use dial::DialError;
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use proxy::{Proxies, ProxyError};
pub use srv::{Discovered, LookupError, Resolver, SrvError, discover};
pub use tls::{Tls, TlsError, TlsFiles};
