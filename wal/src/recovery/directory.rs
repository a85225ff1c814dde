//! The log's directory as a whole. Guarantees that files of other names are never touched.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Context, Error};
use crate::format::name::Name;
use crate::fs::Fs;
use crate::options::Options;
use crate::recovery::chain::Named;
use crate::spare::Spares;

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

/// Takes over the spares that are there and removes what was left half made.
pub(crate) fn adopt_spares<F: Fs>(
    fs: &F,
    dir: &Path,
    options: &Options,
    names: &[Name],
) -> Result<Spares<F>, Error> {
    let spares = Spares::new(
        fs.clone(),
        dir,
        options.segment_bytes,
        options.spare_segments,
    );
    for name in names {
        let path = dir.join(name.to_string());
        let wanted = match *name {
            Name::Spare(number) => {
                spares.avoid(number);
                spares.offer(number, fs.len(&path).context("measure", &path)?)
            }
            Name::Unfinished(number) => {
                spares.avoid(number);
                false
            }
            _ => continue,
        };
        if !wanted {
            spares.leftovers().discard(fs, path);
        }
    }
    Ok(spares)
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
