//! The server under test: this repository's, or Debian's when `TEST_SERVER=debian` asks whether the proofs are fair.

use crate::support::server::{self, Kind, Launch};

/// The server, not started yet, with `snapshot_count` un-flushed entries at most and history without end (ours).
///
/// # Panics
/// When `TEST_SERVER` names no known server.
pub(crate) fn launch(snapshot_count: u64) -> Launch {
    let launch = match kind() {
        Kind::Ours => server::ours()
            .arg("--retention-events=1000000000")
            .arg("--retention-bytes=1000000000000"),
        Kind::Debian => server::debian(),
    };
    launch.arg(format!("--snapshot-count={snapshot_count}"))
}

/// Which server `TEST_SERVER` asks for.
///
/// # Panics
/// When it names no known server.
pub(crate) fn kind() -> Kind {
    match std::env::var("TEST_SERVER").as_deref() {
        Err(_) | Ok("ours") => Kind::Ours,
        Ok("debian") => Kind::Debian,
        Ok(other) => panic!("TEST_SERVER must be 'ours' or 'debian', not {other:?}"),
    }
}
