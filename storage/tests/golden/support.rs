//! Copies of what is kept, and texts compared line by line.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

fn place(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format)
}

/// A copy of the store of a format, below `store`.
pub(crate) fn copy(format: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path().join("store");
    fs::create_dir(&home).expect("made");
    for entry in fs::read_dir(place(format).join("store")).expect("a golden store") {
        let entry = entry.expect("listed");
        fs::copy(entry.path(), home.join(entry.file_name())).expect("copied");
    }
    directory
}

/// Compares a text with the one that was kept, line by line.
pub(crate) fn assert_same(format: &str, name: &str, found: &str) {
    let kept = fs::read_to_string(place(format).join(name)).expect("kept");
    let differing = kept
        .lines()
        .zip(found.lines())
        .enumerate()
        .find(|(_, (kept, found))| kept != found);
    if let Some((at, (kept, found))) = differing {
        panic!(
            "{format}/{name}, line {}:\n kept {kept}\nfound {found}",
            at + 1
        );
    }
    assert_eq!(
        found.lines().count(),
        kept.lines().count(),
        "{format}/{name}"
    );
}
