//! A data directory taken, changed at chosen bytes and put back, as a crash or a bad disk would leave it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const BLOCK_BYTES: usize = 1 << 20;

/// The bytes of one file; zeros at its end are only counted.
#[derive(Clone, PartialEq)]
pub(crate) struct Content {
    /// Everything up to the last byte that is not zero.
    pub(crate) bytes: Vec<u8>,
    /// The file's length.
    pub(crate) length: u64,
}

/// All files of a directory, by path below it.
#[derive(Clone, Default)]
pub(crate) struct Image(BTreeMap<PathBuf, Content>);

impl Image {
    /// Reads everything below `directory`.
    ///
    /// # Panics
    /// When a file cannot be read.
    pub(crate) fn take(directory: &Path) -> Image {
        let mut files = BTreeMap::new();
        collect(directory, Path::new(""), &mut files);
        Image(files)
    }

    /// What a refused start may not change: everything but the lock files and the engine's information log.
    ///
    /// # Panics
    /// When a file cannot be read.
    pub(crate) fn of_data(directory: &Path) -> Image {
        let mut image = Image::take(directory);
        image.0.retain(|path, _| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name != "LOCK" && name != "LOG" && !name.starts_with("LOG.old")
        });
        image
    }

    /// Replaces what is at and below `part` by what `other` has there.
    pub(crate) fn replace(&mut self, part: &str, other: &Image) {
        self.remove(part);
        let taken = other.0.iter().filter(|(path, _)| path.starts_with(part));
        self.0.extend(taken.map(|(p, c)| (p.clone(), c.clone())));
    }

    /// Leaves out what is at and below `part`.
    pub(crate) fn remove(&mut self, part: &str) {
        self.0.retain(|path, _| !path.starts_with(part));
    }

    /// The names of its files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// What is gone, new or changed in `other`.
    pub(crate) fn differences(&self, other: &Image) -> Vec<String> {
        let names: BTreeSet<_> = self.paths().chain(other.paths()).collect();
        let differs = |path: &&Path| self.0.get(*path) != other.0.get(*path);
        let told = names.into_iter().filter(differs);
        told.map(|path| path.display().to_string()).collect()
    }

    /// The file at `path`.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn file(&mut self, path: &Path) -> &mut Content {
        self.0.get_mut(path).expect("the image holds the file")
    }

    /// The files whose paths begin with `directory`.
    pub(crate) fn below(&self, directory: &str) -> BTreeMap<&Path, &Content> {
        let inside = self
            .0
            .iter()
            .filter(|(path, _)| path.starts_with(directory));
        inside
            .map(|(path, content)| (path.as_path(), content))
            .collect()
    }

    /// Makes `directory` hold exactly the image. The directory itself stays: another one would be taken for a copy.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub(crate) fn restore(&self, directory: &Path) {
        empty(directory);
        for (path, content) in &self.0 {
            let path = directory.join(path);
            let parent = path.parent().expect("a file is in a directory");
            fs::create_dir_all(parent).expect("a directory can be made");
            let mut file = File::create(&path).expect("a file can be made");
            file.write_all(&content.bytes)
                .expect("a file can be written");
            file.set_len(content.length)
                .expect("a file can be extended");
        }
    }
}

fn empty(directory: &Path) {
    fs::create_dir_all(directory).expect("a directory can be made");
    for entry in fs::read_dir(directory).expect("a directory can be read") {
        let entry = entry.expect("a directory can be read");
        let removed = match entry.file_type().expect("an entry has a type").is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        };
        removed.expect("what a stopped server left can be removed");
    }
}

fn collect(directory: &Path, below: &Path, files: &mut BTreeMap<PathBuf, Content>) {
    let entries = fs::read_dir(directory.join(below)).expect("a directory can be read");
    for entry in entries {
        let entry = entry.expect("a directory can be read");
        let path = below.join(entry.file_name());
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            collect(directory, &path, files);
        } else {
            // A running server renames the spare that it has just made, and removes tables: what went meanwhile is not there.
            if let Ok(file) = File::open(directory.join(&path)) {
                files.insert(path, read(file));
            }
        }
    }
}

/// Reads a file block by block: a segment of zeros never stands in memory.
///
/// # Panics
/// When it cannot be read.
pub(crate) fn content(path: &Path) -> Content {
    read(File::open(path).expect("a file can be opened"))
}

fn read(mut file: File) -> Content {
    let zeros = vec![0; BLOCK_BYTES];
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = file.read(&mut block).expect("a file can be read");
        if read == 0 {
            break;
        }
        if block[..read] != zeros[..read] {
            bytes.resize(length, 0);
            bytes.extend_from_slice(&block[..read]);
        }
        length += read;
    }
    bytes.truncate(end_of(&bytes));
    Content {
        bytes,
        length: length as u64,
    }
}

/// The offset after the last byte that is not zero.
pub(crate) fn end_of(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}
