//! A data directory in memory: taken, changed, put back, compared. Holes are never read, and zeros at a file's end are
//! only counted, so a preallocated segment of 64 MiB costs what was written to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// The bytes of one file; zeros at its end are only counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Everything up to the last byte that is not zero.
    pub(crate) bytes: Vec<u8>,
    /// The file's length.
    pub(crate) length: u64,
}

impl Content {
    /// Cuts the file, or lengthens it by zeros.
    pub(crate) fn resize(&mut self, length: u64) {
        self.bytes
            .truncate(usize::try_from(length).unwrap_or(usize::MAX));
        self.length = length;
    }
}

/// All files of a directory, by path below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image(pub(crate) BTreeMap<PathBuf, Arc<Content>>);

impl Image {
    /// Reads everything below `directory`. Files that vanish while it is read are left out, as copying programs do.
    ///
    /// # Panics
    /// When a file cannot be read.
    pub(crate) fn take(directory: &Path) -> Image {
        let mut image = Image::default();
        image.add(directory, Path::new(""));
        image
    }

    /// Adds what is in `below`, a part of `directory`, as it stands now.
    ///
    /// # Panics
    /// When a file cannot be read.
    pub(crate) fn add(&mut self, directory: &Path, below: &Path) {
        let mut names: Vec<_> = fs::read_dir(directory.join(below))
            .expect("a directory can be read")
            .filter_map(Result::ok)
            .collect();
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let path = below.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add(directory, &path);
                continue;
            }
            match content(&directory.join(&path)) {
                Ok(content) => {
                    self.0.insert(path, Arc::new(content));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    /// Adds the files that stand in `directory` itself.
    ///
    /// # Panics
    /// When a file cannot be read.
    pub(crate) fn add_top(&mut self, directory: &Path) {
        let mut whole = Image::default();
        whole.add(directory, Path::new(""));
        whole.0.retain(|path, _| path.components().count() == 1);
        self.0.append(&mut whole.0);
    }

    /// Changes one file.
    ///
    /// # Panics
    /// When there is no such file.
    pub(crate) fn change(&mut self, path: &Path, change: impl FnOnce(&mut Content)) {
        let content = self.0.get_mut(path).expect("the image holds the file");
        change(Arc::make_mut(content));
    }

    /// Replaces everything below `part` by what `other` has there.
    pub(crate) fn replace(&mut self, part: &str, other: Option<&Image>) {
        self.0.retain(|path, _| !path.starts_with(part));
        let taken = other.into_iter().flat_map(|other| &other.0);
        let taken = taken.filter(|(path, _)| path.starts_with(part));
        self.0.extend(taken.map(|(p, c)| (p.clone(), c.clone())));
    }

    /// Without the files whose content means nothing, which are large.
    pub(crate) fn without_spares(mut self) -> Image {
        self.0.retain(|path, _| !is(path, "spare"));
        self
    }

    /// Makes `directory` hold exactly the image.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub(crate) fn restore(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("a directory can be made");
        for (path, content) in &self.0 {
            let path = directory.join(path);
            let parent = path.parent().expect("a file is in a directory");
            fs::create_dir_all(parent).expect("a directory can be made");
            let file = File::create(&path).expect("a file can be made");
            file.write_all_at(&content.bytes, 0)
                .expect("a file can be written");
            file.set_len(content.length)
                .expect("a file can be extended");
        }
    }

    /// What differs in `other`, one sentence for each file; lock files and the engine's information log apart.
    pub(crate) fn differences(&self, other: &Image) -> Vec<String> {
        let mut out = Vec::new();
        let of_interest = |path: &&PathBuf| {
            let name = name(path);
            name != "LOCK" && name != "LOG" && !name.starts_with("LOG.old")
        };
        for (path, content) in self.0.iter().filter(|(path, _)| of_interest(path)) {
            match other.0.get(path) {
                None => out.push(format!("{} is gone", path.display())),
                Some(now) if now != content => out.push(format!("{} changed", path.display())),
                Some(_) => {}
            }
        }
        let new = other.0.keys().filter(|path| !self.0.contains_key(*path));
        out.extend(
            new.filter(of_interest)
                .map(|path| format!("{} is new", path.display())),
        );
        out
    }

    /// The tables of the store.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys().filter(|path| is(path, "sst"))
    }
}

/// Whether the file's name ends in `.EXTENSION`.
pub(crate) fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|have| have == extension)
}

/// The last component.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn content(path: &Path) -> io::Result<Content> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut bytes, mut at) = (Vec::new(), 0);
    while at < length {
        let data = match seek(&file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        at = seek(&file, SeekFrom::Hole(data))?.min(length);
        let from = data as usize;
        bytes.resize(at as usize, 0);
        let mut done = from;
        while done < bytes.len() {
            match file.read_at(&mut bytes[done..], done as u64)? {
                0 => break, // It was cut while it was read.
                read => done += read,
            }
        }
    }
    let end = bytes.iter().rposition(|byte| *byte != 0);
    bytes.truncate(end.map_or(0, |at| at + 1));
    Ok(Content { bytes, length })
}
