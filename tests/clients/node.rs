//! The server under test: this repository's, or Debian's when `TEST_SERVER=debian` asks whether the proofs are fair.

use std::path::{Path, PathBuf};

use crate::support::http::Request;
use crate::support::server::{self, Kind, Server};

/// Events kept by the server, for the tests that must get past them: the original's number.
pub(crate) const HISTORY: u64 = 1000;

/// A fresh server on loopback ports.
///
/// # Panics
/// When `TEST_SERVER` names no known server, or the server does not start.
pub(crate) fn start() -> Server {
    match std::env::var("TEST_SERVER").as_deref() {
        Err(_) | Ok("ours") => server::ours()
            .arg(format!("--retention-events={HISTORY}"))
            .start(),
        Ok("debian") => server::debian().start(),
        Ok(other) => panic!("TEST_SERVER must be 'ours' or 'debian', not {other:?}"),
    }
}

/// Whether the server is this repository's.
pub(crate) fn is_ours(server: &Server) -> bool {
    server.kind() == Kind::Ours
}

/// The index of the last write so far.
///
/// # Panics
/// When the answer has no `X-Etcd-Index`.
pub(crate) fn index(server: &Server) -> u64 {
    let answer = server.exchange(&Request::get("/v2/keys/"));
    answer.etcd_index().expect("a read carries X-Etcd-Index")
}

/// Where `name` is installed.
///
/// # Panics
/// When it is not: a proof that cannot run must not look like one that passed.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name));
    found
        .into_iter()
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; `make test` installs it"))
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
