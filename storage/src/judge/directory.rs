//! The files of a directory, sorted into what RocksDB makes of their names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::inventory::table_name;
use super::stop::unreadable;
use crate::error::Error;

pub(super) const CURRENT: &str = "CURRENT";
const MANIFEST: &str = "MANIFEST-";

/// A directory that holds at least one file, and only files that RocksDB may have made.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// Name and size.
    pub(super) files: BTreeMap<String, u64>,
}

/// What lies at a path.
pub(super) enum Found {
    Nothing,
    /// Something that RocksDB did not make.
    Foreign(String),
    Files(Directory),
}

pub(super) fn list(path: &Path) -> Result<Found, Error> {
    let failed = unreadable("list", path);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let entry = entry.map_err(&failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_rocksdb_file(&name) {
            return Ok(Found::Foreign(format!("it holds \"{name}\"")));
        }
        match fs::metadata(entry.path()) {
            Ok(data) if data.is_file() => files.insert(name, data.len()),
            Ok(_) => return Ok(Found::Foreign(format!("\"{name}\" is no file"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Found::Foreign(format!("\"{name}\" leads nowhere")));
            }
            Err(error) => return Err(unreadable("read", &entry.path())(error)),
        };
    }
    if files.is_empty() {
        return Ok(Found::Nothing);
    }
    let path = path.to_owned();
    Ok(Found::Files(Directory { path, files }))
}

fn is_rocksdb_file(name: &str) -> bool {
    let fixed = [CURRENT, "IDENTITY", "LOCK", "LOG"];
    let prefixed = ["LOG.old.", MANIFEST, "OPTIONS-"];
    let suffixed = [".sst", ".log", ".dbtmp", ".blob"];
    fixed.contains(&name)
        || prefixed.iter().any(|prefix| name.starts_with(prefix))
        || suffixed.iter().any(|suffix| name.ends_with(suffix))
}

/// The number of a MANIFEST, from its name and nothing else.
pub(super) fn manifest_number(name: &str) -> Option<u64> {
    digits(name.strip_prefix(MANIFEST)?)
}

fn digits(text: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl Directory {
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.files.get(name).copied()
    }

    /// The names of the MANIFEST files, the oldest first.
    pub(super) fn manifests(&self) -> Vec<&str> {
        let mut found: Vec<_> = self
            .files
            .keys()
            .filter_map(|name| Some((manifest_number(name)?, name.as_str())))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name).collect()
    }

    /// Whether rows may wait in a write-ahead log of RocksDB. Ours has none: its file is empty.
    pub(super) fn has_logged_rows(&self) -> bool {
        self.files
            .iter()
            .any(|(name, bytes)| name.ends_with(".log") && *bytes > 0)
    }

    /// Files that hold rows or took part in replacing a MANIFEST, and that are not `named`.
    pub(super) fn unnamed(
        &self,
        named: impl Fn(u64) -> bool,
        manifest: Option<&str>,
    ) -> Vec<(&str, u64)> {
        let is_left = |name: &str| {
            if let Some(stem) = name.strip_suffix(".sst") {
                return !digits(stem)
                    .is_some_and(|number| named(number) && name == table_name(number));
            }
            let replaced = manifest_number(name).is_some() && Some(name) != manifest;
            replaced || name.ends_with(".blob") || name.ends_with(".dbtmp")
        };
        self.files
            .iter()
            .filter(|(name, _)| is_left(name))
            .map(|(name, bytes)| (name.as_str(), *bytes))
            .collect()
    }
}
