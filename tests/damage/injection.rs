//! One damage to one directory: what it does to the bytes, and what a server that meets it must name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image::{Image, is, name};
use super::life::Kind;
use super::made::Made;

/// What is appended.
const ZEROS: u64 = 2 << 20;

/// What is done.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// One bit of the file is turned.
    Bit(usize, u8),
    /// Two bytes of the file become FF.
    Huge(usize),
    /// The file is removed.
    Missing,
    /// The file is cut to this length.
    Cut(u64),
    /// Everything from here on is zero, the length stays.
    Prefix(usize),
    /// The file is lengthened by zeros.
    Zeros,
    /// The file as it was earlier.
    Older,
    /// The twin's file of that name.
    Twin,
    /// These parts come from elsewhere or are removed.
    Parts(&'static [&'static str], From),
    /// The copy of that number, made while the server wrote.
    Copied(usize),
}

/// Where a part comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// It is gone.
    Nowhere,
    /// The older copy.
    Older,
    /// The twin.
    Twin,
}

/// One damage to one directory.
#[derive(Clone, Debug)]
pub(crate) struct Injection {
    /// Which directory.
    pub(crate) made: usize,
    /// What kind of file is hurt.
    pub(crate) class: &'static str,
    /// What kind of damage it is.
    pub(crate) kind: &'static str,
    /// The file, below the data directory; the part for whole parts.
    pub(crate) file: PathBuf,
    /// What is done.
    pub(crate) action: Action,
    /// Its name for replays.
    pub(crate) id: String,
}

/// What kind of file the name is.
pub(crate) fn class(path: &Path) -> &'static str {
    let name = name(path);
    let top = path.components().count() == 1;
    match name.as_str() {
        _ if is(path, "wal") => "log segment",
        _ if is(path, "spare") => "log spare",
        _ if path.starts_with("wal") => "kept aside",
        _ if is(path, "sst") => "table",
        "LOCK" => "lock file",
        "FORMAT" => "FORMAT",
        "CURRENT" => "CURRENT",
        "IDENTITY" => "engine IDENTITY",
        _ if name.to_ascii_lowercase().contains("reserve") => "reserve",
        _ if top => "identity or witness",
        _ if name.starts_with("MANIFEST") => "MANIFEST",
        _ if name.starts_with("OPTIONS") => "engine OPTIONS",
        _ if name.starts_with("LOG") => "engine info log",
        _ if is(path, "log") => "engine log, unused",
        _ => "other file",
    }
}

impl Injection {
    /// The damaged image.
    pub(crate) fn apply(&self, made: &Made) -> Image {
        let spare = is(&self.file, "spare");
        let mut image = made.image.clone();
        image
            .0
            .retain(|path, _| !is(path, "spare") || (spare && *path == self.file));
        let swap = |image: &mut Image, other: &Image| {
            image
                .0
                .insert(self.file.clone(), other.0[&self.file].clone());
        };
        match &self.action {
            Action::Bit(at, bit) => {
                image.change(&self.file, |content| content.bytes[*at] ^= 1 << bit)
            }
            Action::Huge(at) => {
                image.change(&self.file, |content| content.bytes[*at..at + 2].fill(0xff))
            }
            Action::Missing => {
                image.0.remove(&self.file);
            }
            Action::Cut(length) => image.change(&self.file, |content| content.resize(*length)),
            Action::Prefix(at) => image.change(&self.file, |content| content.bytes.truncate(*at)),
            Action::Zeros => image.change(&self.file, |content| content.length += ZEROS),
            Action::Older => swap(&mut image, &made.older.0),
            Action::Twin => swap(&mut image, &made.twin.0),
            Action::Parts(parts, from) => {
                let other = match from {
                    From::Nowhere => None,
                    From::Older => Some(&made.older.0),
                    From::Twin => Some(&made.twin.0),
                };
                for part in *parts {
                    image.replace(part, other);
                }
                image = image.without_spares();
            }
            Action::Copied(number) => image = made.copies[*number].image.clone(),
        }
        normal(image)
    }

    /// Whether `text` names what is hurt: the file, for what is missing or swapped also the directory it belongs to.
    pub(crate) fn named_in(&self, text: &str) -> bool {
        let part =
            |part: &str| text.contains(&format!("/{part}")) || text.contains(&format!("{part}/"));
        match &self.action {
            Action::Parts(..) | Action::Copied(_) => part("wal") || part("store"),
            Action::Bit(..)
            | Action::Huge(_)
            | Action::Cut(_)
            | Action::Prefix(_)
            | Action::Zeros => text.contains(&name(&self.file)),
            Action::Missing | Action::Older | Action::Twin => {
                let parent = self.file.parent().map(|parent| parent.to_string_lossy());
                text.contains(&name(&self.file))
                    || parent.is_some_and(|parent| !parent.is_empty() && part(&parent))
            }
        }
    }
}

/// A turned bit may leave zeros at the end.
fn normal(mut image: Image) -> Image {
    for content in image.0.values_mut() {
        if content.bytes.last() == Some(&0) {
            let content = Arc::make_mut(content);
            let end = content.bytes.iter().rposition(|byte| *byte != 0);
            content.bytes.truncate(end.map_or(0, |at| at + 1));
        }
    }
    image
}

/// Whether losing the whole file can be what a release of the log leaves: it is the first segment of several, and the
/// store was flushed behind it.
pub(crate) fn is_released(injection: &Injection, made: &Made) -> bool {
    let mut segments = made.image.0.keys().filter(|path| is(path, "wal"));
    let first = segments.next();
    made.kind != Kind::Killed
        && matches!(injection.action, Action::Missing)
        && first == Some(&injection.file)
        && segments.next().is_some()
}
