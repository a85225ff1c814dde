//! The client side of the v2 API, shared by `etcdctl`, tests, benchmarks and the offline tools.

mod endpoint;

pub use endpoint::{Endpoint, EndpointError, Scheme};
