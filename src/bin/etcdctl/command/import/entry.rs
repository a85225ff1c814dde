//! What there is to write: files and directories, in the order of the file, and which of them are wanted.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use etcd2::client::Key;
use jiff::Timestamp;

/// A file or a directory to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImportEntry {
    pub(super) key: String,
    pub(super) content: ImportContent,
    /// When it is to expire.
    pub(super) expires: Option<Timestamp>,
}

impl ImportEntry {
    pub(super) fn is_file(&self) -> bool {
        matches!(self.content, ImportContent::File(_))
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ImportContent {
    File(String),
    Directory,
}

/// A time of the file; the first second of year 1 means never.
pub(super) fn expiry(key: &str, text: &str) -> Result<Option<Timestamp>, String> {
    if text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    let time = text
        .parse()
        .map_err(|error| format!("{key} expires at {text:?}: {error}"))?;
    Ok(Some(time))
}

/// The keys of the directories above `key`, nearest first, without the root.
pub(super) fn above(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(key), |key| parent(key))
}

fn parent(key: &str) -> Option<&str> {
    let (parent, _) = key.rsplit_once('/')?;
    (!parent.is_empty()).then_some(parent)
}

/// Checks what no single entry shows: every key is written in the one way the server knows it by, stands there once, and
/// has only directories above it.
///
/// # Errors
/// For the first entry that cannot be written.
pub(super) fn check(entries: &[ImportEntry]) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut files = HashSet::new();
    for ImportEntry { key, content, .. } in entries {
        if Key::new(key.as_bytes()).as_bytes() != key.as_bytes() || key.ends_with('/') {
            return Err(format!("{key:?} is no key"));
        }
        if !seen.insert(key.as_str()) {
            return Err(format!("{key} is in it twice"));
        }
        if matches!(content, ImportContent::File(_)) {
            files.insert(key.as_str());
        }
    }
    let mut looked_at = HashSet::new();
    for ImportEntry { key, .. } in entries {
        // Whoever is above a directory that has been looked at has been looked at too.
        for directory in above(key).take_while(|directory| looked_at.insert(*directory)) {
            if files.contains(directory) {
                return Err(format!("{key} is below {directory}, which is a file"));
            }
        }
    }
    Ok(())
}

/// The entries that are visible, or below one of the hidden keys named. What the server itself keeps below `/_etcd` is
/// never among them: it describes another cluster.
pub(super) fn select(entries: Vec<ImportEntry>, hidden: &[OsString]) -> Vec<ImportEntry> {
    let named: Vec<String> = hidden
        .iter()
        .map(|key| {
            String::from_utf8_lossy(key.as_bytes())
                .trim_end_matches('/')
                .to_owned()
        })
        .collect();
    entries
        .into_iter()
        .filter(|entry| !is_below(&entry.key, "/_etcd"))
        .filter(|entry| {
            let shown = named
                .iter()
                .find(|named| is_below(&entry.key, named))
                .map_or(0, |named| named.len());
            !entry.key[shown..].contains("/_")
        })
        .collect()
}

fn is_below(key: &str, directory: &str) -> bool {
    key.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_keys_come_along_only_when_named() {
        let entry = |key: &str| ImportEntry {
            key: key.to_owned(),
            content: ImportContent::File(String::new()),
            expires: None,
        };
        let keys = [
            "/a",
            "/a/_b/c",
            "/_coreos.com/x",
            "/_coreos.com/_y",
            "/_coreos.community",
            "/_etcd/config",
        ];
        let selected = |hidden: &[&str]| {
            let hidden: Vec<OsString> = hidden.iter().map(OsString::from).collect();
            let entries = keys.iter().map(|key| entry(key)).collect();
            let chosen = select(entries, &hidden);
            chosen
                .into_iter()
                .map(|entry| entry.key)
                .collect::<Vec<_>>()
        };
        assert_eq!(selected(&[]), ["/a"]);
        assert_eq!(selected(&["/_coreos.com"]), ["/a", "/_coreos.com/x"]);
        assert_eq!(
            selected(&["/_coreos.com/_y/", "/a/_b"]),
            ["/a", "/a/_b/c", "/_coreos.com/_y"]
        );
        assert_eq!(selected(&["/_etcd"]), ["/a"]);
    }
}
