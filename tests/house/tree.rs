//! The files of this repository, as a clean clone would have them.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that hold no source: what is built, what is served, what git keeps.
const SKIPPED: [&str; 4] = ["target", "var", ".git", "__pycache__"];

/// The top of the repository, or of the checkout that `HOUSE` names.
pub(crate) fn top() -> PathBuf {
    let other = std::env::var_os("HOUSE");
    other.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// All files under `place` (a file or a directory, relative to the top), sorted; none when it does
/// not exist.
pub(crate) fn files(place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let path = top().join(place);
    if path.is_file() {
        found.push(place.to_owned());
    } else if path.is_dir() {
        collect(&path, &mut found);
    }
    found.sort();
    found
}

/// The Rust files under `place`.
pub(crate) fn rust_files(place: &str) -> Vec<String> {
    files(place)
        .into_iter()
        .filter(|file| file.ends_with(".rs"))
        .collect()
}

/// The text of a file; `None` when it is not text.
pub(crate) fn text(file: &str) -> Option<String> {
    let bytes = fs::read(top().join(file)).unwrap_or_else(|e| panic!("cannot read {file}: {e}"));
    String::from_utf8(bytes).ok()
}

/// Whether a file under `src/` holds nothing but tests.
pub(crate) fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/") || file.starts_with("tests/")
}

fn collect(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("cannot list {}: {e}", dir.display()))
    {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // In a second working tree `.git` is a file.
        if SKIPPED.contains(&name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if let Some(file) = path.strip_prefix(top()).ok().and_then(Path::to_str) {
            found.push(file.to_owned());
        }
    }
}
