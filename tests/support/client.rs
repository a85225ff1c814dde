//! The two command-line clients, each on a search path of its own, so that a shell line says `etcdctl` and means one.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The client that the proofs measure against.
pub(crate) const DEBIAN_ETCDCTL: &str = "/usr/bin/etcdctl";

/// A client program, first on a search path.
#[derive(Debug)]
pub(crate) struct Client {
    program: PathBuf,
    /// Holds nothing but a link `etcdctl` to the program.
    directory: TempDir,
}

/// This repository's client.
pub(crate) fn ours() -> Client {
    Client::new(Path::new(env!("CARGO_BIN_EXE_etcdctl")))
}

/// Debian's client of 3.4.23, which speaks v2 when `ETCDCTL_API` is 2.
///
/// # Panics
/// When it is not installed: a proof that cannot run must not look like one that passed.
pub(crate) fn debian() -> Client {
    let program = Path::new(DEBIAN_ETCDCTL);
    assert!(
        program.is_file(),
        "{DEBIAN_ETCDCTL} is missing: this test needs Debian's etcd-client 3.4; `make test` installs it"
    );
    Client::new(program)
}

impl Client {
    /// A client of the caller's choice.
    ///
    /// # Panics
    /// When there is no such program.
    pub(crate) fn new(program: &Path) -> Client {
        let program = program
            .canonicalize()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        symlink(&program, directory.path().join("etcdctl")).expect("a link can be made in it");
        Client { program, directory }
    }

    /// The program itself.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// A value of `PATH` with this client before all others.
    pub(crate) fn path(&self) -> OsString {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(self.directory.path().to_owned());
        std::env::join_paths(directories.chain(std::env::split_paths(&rest)))
            .expect("a temporary directory's name has no colon")
    }
}
