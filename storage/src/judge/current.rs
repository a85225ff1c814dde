//! CURRENT: which MANIFEST counts. Its content is `MANIFEST-`, digits, and a line feed.

use std::path::PathBuf;

use super::counted_file::{CountedFile, Effort};
use super::directory::{CURRENT, StoreDirectory, manifest_number};
use super::ending::{Ending, unreadable};
use super::fault::{Fault, Reason};
use super::manifest;
use crate::error::Error;

/// More than the longest name: a prefix of 9, 20 digits and the line feed.
const LONGEST: usize = 64;

/// The name of the MANIFEST that CURRENT names and that is there.
pub(super) fn named(directory: &StoreDirectory, effort: &mut Effort) -> Result<String, Ending> {
    let content = content(directory.file(CURRENT), effort)?;
    let name = content
        .strip_suffix(b"\n")
        .and_then(|name| std::str::from_utf8(name).ok())
        .filter(|name| manifest_number(name).is_some() && directory.size(name).is_some());
    match name {
        Some(name) => Ok(name.to_owned()),
        None => {
            let found = String::from_utf8_lossy(&content).into_owned();
            Err(Ending::Fault(fault(directory, Some(found), effort)))
        }
    }
}

fn content(path: PathBuf, effort: &mut Effort) -> Result<Vec<u8>, Error> {
    let mut content = vec![0; LONGEST];
    let length = CountedFile::open(&path, effort)
        .and_then(|mut source| source.read(0, &mut content))
        .map_err(unreadable("read", &path))?;
    content.truncate(length);
    Ok(content)
}

/// Says what is wrong with CURRENT, and which MANIFEST files it might name.
pub(super) fn fault(
    directory: &StoreDirectory,
    found: Option<String>,
    effort: &mut Effort,
) -> Fault {
    let readable = directory
        .manifests()
        .into_iter()
        .filter(|name| manifest::read(directory, name, effort).is_ok())
        .map(str::to_owned)
        .collect();
    Fault {
        path: directory.file(CURRENT),
        offset: None,
        table: None,
        reason: Reason::Current { found, readable },
    }
}
