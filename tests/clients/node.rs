//! The server under test: this repository's, or Debian's when `TEST_SERVER=debian` asks whether the proofs are fair.

use crate::support::cluster::{self, Cluster};
use crate::support::server::{self, Kind, Server};

/// Events kept by the server, for the tests that must get past them: the original's number.
pub(crate) const HISTORY: u64 = 1000;

/// A fresh server on loopback ports.
///
/// # Panics
/// When `TEST_SERVER` names no known server, or the server does not start.
pub(crate) fn start() -> Server {
    match kind() {
        Kind::Ours => server::ours()
            .arg(format!("--retention-events={HISTORY}"))
            .start(),
        Kind::Debian => server::debian().start(),
    }
}

/// Three members of a fresh cluster.
pub(crate) fn start_three() -> Cluster {
    match kind() {
        Kind::Ours => Cluster::start(3),
        Kind::Debian => Cluster::of(cluster::launches_of(3, &server::debian)),
    }
}

fn kind() -> Kind {
    match std::env::var("TEST_SERVER").as_deref() {
        Err(_) | Ok("ours") => Kind::Ours,
        Ok("debian") => Kind::Debian,
        Ok(other) => panic!("TEST_SERVER must be 'ours' or 'debian', not {other:?}"),
    }
}

/// Whether the server is this repository's.
pub(crate) fn is_ours(server: &Server) -> bool {
    server.kind() == Kind::Ours
}
