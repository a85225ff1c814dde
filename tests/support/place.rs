//! Where things are: the repository's files and the machine's programs.

use std::path::{Path, PathBuf};

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
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
