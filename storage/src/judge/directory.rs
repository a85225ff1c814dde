//! The files of a directory, sorted into what RocksDB makes of their names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::ending::unreadable;
use super::live_table::table_name;
use crate::error::Error;
use crate::format::file_name::{self, Kind};

pub(super) const CURRENT: &str = "CURRENT";
const MANIFEST: &str = "MANIFEST-";

/// A directory that holds at least one file that RocksDB may have made.
#[derive(Debug)]
pub(super) struct StoreDirectory {
    pub(super) path: PathBuf,
    /// Name and size.
    pub(super) files: BTreeMap<String, u64>,
    /// Names that RocksDB gives to tables, and what stands there instead of a file.
    odd: BTreeMap<String, &'static str>,
    /// What RocksDB did not make and leaves alone: an editor's backup, what a network file system
    /// keeps of a file that was removed while it was open, `lost+found`.
    pub(super) strays: Vec<String>,
}

/// What lies at a path.
pub(super) enum Found {
    Nothing,
    /// Something that RocksDB did not make.
    Foreign(String),
    Files(StoreDirectory),
}

pub(super) fn list(path: &Path) -> Result<Found, Error> {
    let failed = unreadable("list", path);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    let mut directory = StoreDirectory {
        path: path.to_owned(),
        files: BTreeMap::new(),
        odd: BTreeMap::new(),
        strays: Vec::new(),
    };
    for entry in entries {
        let entry = entry.map_err(&failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(foreign) = directory.add(name)? {
            return Ok(Found::Foreign(foreign));
        }
    }
    directory.strays.sort_unstable();
    Ok(match directory.beside() {
        _ if !directory.files.is_empty() => Found::Files(directory),
        Some(beside) => Found::Foreign(beside),
        None => Found::Nothing,
    })
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

impl StoreDirectory {
    /// Takes an entry in, or says why the directory is none of ours.
    fn add(&mut self, name: String) -> Result<Option<String>, Error> {
        match file_name::kind(&name) {
            Kind::Stray => {
                self.strays.push(name);
                return Ok(None);
            }
            Kind::Taken => return Ok(Some(file_name::holds(&name))),
            Kind::RocksDb => {}
        }
        let path = self.file(&name);
        let odd = match fs::metadata(&path) {
            Ok(data) if data.is_file() => {
                self.files.insert(name, data.len());
                return Ok(None);
            }
            Ok(data) if data.is_dir() => "a directory",
            // It cannot be opened, so it holds nobody up.
            Ok(data) if data.file_type().is_socket() => "a socket",
            Ok(_) => return Ok(Some(format!("{name:?} is no file"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "a link that leads nowhere",
            Err(error) => return Err(unreadable("read", &path)(error)),
        };
        if !name.ends_with(".sst") {
            return Ok(Some(format!("{name:?} is {odd}")));
        }
        self.odd.insert(name, odd);
        Ok(None)
    }

    /// What must not be there where no store is known to be.
    pub(super) fn beside(&self) -> Option<String> {
        let stray = self.strays.first().map(|name| file_name::holds(name));
        stray.or_else(|| self.odd_but(|_| false))
    }

    /// Something under the name of a table that is no file, where nothing names that table.
    pub(super) fn odd_but(&self, named: impl Fn(u64) -> bool) -> Option<String> {
        let is_named = |name: &str| {
            name.strip_suffix(".sst")
                .and_then(digits)
                .is_some_and(&named)
        };
        let odd = self.odd.iter().find(|(name, _)| !is_named(name));
        odd.map(|(name, what)| format!("{name:?} is {what}"))
    }

    /// What stands under the name of a table and is no file.
    pub(super) fn odd(&self, name: &str) -> Option<&'static str> {
        self.odd.get(name).copied()
    }

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
