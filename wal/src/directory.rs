//! The log's directory: what its names say, and what is kept aside there. Guarantees that files of other
//! names are never touched.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error};
use crate::format::name::Name;
use crate::fs::Fs;

/// What is in the directory, foreign names apart.
pub(crate) fn list<F: Fs>(fs: &F, dir: &Path) -> Result<Vec<Name>, Error> {
    let names = match fs.list(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::NoLog {
                path: dir.to_path_buf(),
            });
        }
        other => other.context("list", dir)?,
    };
    Ok(names.iter().filter_map(|name| Name::parse(name)).collect())
}

/// What a segment's file name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) sequence: u64,
    pub(crate) first_index: u64,
}

impl Named {
    pub(crate) fn path(&self, dir: &Path) -> PathBuf {
        let Self {
            sequence,
            first_index,
        } = *self;
        let name = Name::Segment {
            sequence,
            first_index,
        };
        dir.join(name.to_string())
    }
}

/// The segments among the names, oldest first.
pub(crate) fn segments_of(names: &[Name]) -> Vec<Named> {
    let segment = |name: &Name| match *name {
        Name::Segment {
            sequence,
            first_index,
        } => Some(Named {
            sequence,
            first_index,
        }),
        _ => None,
    };
    let mut named: Vec<Named> = names.iter().filter_map(segment).collect();
    named.sort_unstable();
    named
}

/// Renames the segments of a log that was replaced, so that they are out of the way but not gone.
pub(crate) fn set_aside<F: Fs>(fs: &F, dir: &Path, segments: &[Named]) -> Result<(), Error> {
    for segment in segments {
        let from = segment.path(dir);
        let name = Name::Damaged {
            sequence: segment.sequence,
            first_index: segment.first_index,
        };
        let renamed = fs.rename(&from, &dir.join(name.to_string()));
        renamed.context("rename", &from)?;
    }
    Ok(())
}

/// Removes what an earlier [`set_aside`] left: one damaged log is kept, not all there ever were.
pub(crate) fn remove_set_aside<F: Fs>(fs: &F, dir: &Path, names: &[Name]) -> Result<(), Error> {
    for name in names {
        if matches!(name, Name::Damaged { .. }) {
            let path = dir.join(name.to_string());
            fs.remove(&path).context("remove", &path)?;
        }
    }
    Ok(())
}
