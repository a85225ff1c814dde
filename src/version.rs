//! Which version of the original this server says it is.

/// The version of the API that clients are told they talk to: the last one that spoke v2.
pub(crate) const SERVER_VERSION: &str = "3.4.23";
/// The cluster version of that API.
pub(crate) const CLUSTER_VERSION: &str = "3.4.0";
