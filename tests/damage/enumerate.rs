//! All ways in which a directory is damaged, enumerated from what is there: no list of file names is kept here.

use std::path::Path;
use std::sync::Arc;

use super::format::{RECORD_HEAD, groups, manifest_records};
use super::image::{Content, Image};
use super::injection::{Action, From, Injection, class};
use super::made::Made;
use super::support::seed::Rng;

/// Live bytes for each of which one bit is turned.
const STEP: usize = 1 << 10;

/// Files up to this size have every bit turned.
const SMALL: usize = 4 << 10;

/// The end of a table that says where everything else is.
const FOOTER: usize = 53;

/// Every injection into the directory of that number.
pub(crate) fn enumerate(number: usize, made: &Made, rng: &mut Rng) -> Vec<Injection> {
    let mut list = List {
        number,
        made,
        out: Vec::new(),
    };
    for (path, content) in &made.image.0 {
        list.file(path, content, rng);
    }
    list.newest_segment_prefixes();
    list.parts();
    list.copies();
    list.out
}

struct List<'a> {
    number: usize,
    made: &'a Made,
    out: Vec<Injection>,
}

impl List<'_> {
    fn add(&mut self, class: &'static str, kind: &'static str, file: &Path, action: Action) {
        let detail = match &action {
            Action::Bit(at, bit) => format!(" {at}.{bit}"),
            Action::Huge(at) | Action::Prefix(at) => format!(" {at}"),
            Action::Copied(number) => format!(" {number}"),
            _ => String::new(),
        };
        let id = format!("{}/{}: {kind}{detail}.", self.made.name(), file.display());
        self.out.push(Injection {
            made: self.number,
            class,
            kind,
            file: file.to_owned(),
            action,
            id,
        });
    }

    fn file(&mut self, path: &Path, content: &Arc<Content>, rng: &mut Rng) {
        let class = class(path);
        let live = content.bytes.len();
        for block in (0..live).step_by(STEP) {
            let at = block + rng.below((live - block).min(STEP) as u64) as usize;
            self.add(
                class,
                "bit in each KiB",
                path,
                Action::Bit(at, rng.below(8) as u8),
            );
        }
        match class {
            "MANIFEST" => self.manifest(path, content),
            "table" => {
                for at in live.saturating_sub(FOOTER)..live {
                    self.add(
                        class,
                        "bit of the footer",
                        path,
                        Action::Bit(at, rng.below(8) as u8),
                    );
                }
            }
            "log segment" | "log spare" | "engine info log" | "engine OPTIONS" => {}
            _ if live < SMALL => self.every_bit(class, "every bit", path, 0..live),
            _ => {}
        }
        self.whole(class, path, content);
    }

    fn every_bit(
        &mut self,
        class: &'static str,
        kind: &'static str,
        path: &Path,
        bytes: std::ops::Range<usize>,
    ) {
        for at in bytes {
            for bit in 0..8 {
                self.add(class, kind, path, Action::Bit(at, bit));
            }
        }
    }

    fn manifest(&mut self, path: &Path, content: &Content) {
        for at in manifest_records(&content.bytes) {
            self.every_bit(
                "MANIFEST",
                "bit of a record header",
                path,
                at..at + RECORD_HEAD,
            );
            self.add("MANIFEST", "record length huge", path, Action::Huge(at + 4));
        }
    }

    /// Damage that needs no offset.
    fn whole(&mut self, class: &'static str, path: &Path, content: &Arc<Content>) {
        self.add(class, "missing", path, Action::Missing);
        if content.length > 0 {
            self.add(class, "emptied", path, Action::Cut(0));
            self.add(class, "cut to half", path, Action::Cut(content.length / 2));
            self.add(
                class,
                "cut by a byte",
                path,
                Action::Cut(content.length - 1),
            );
        }
        self.add(class, "zeros appended", path, Action::Zeros);
        let differs = |other: &Image| other.0.get(path).is_some_and(|have| have != content);
        if differs(&self.made.older.0) {
            self.add(class, "older copy", path, Action::Older);
        }
        if differs(&self.made.twin.0) {
            self.add(class, "twin's", path, Action::Twin);
        }
    }

    fn newest_segment_prefixes(&mut self) {
        let groups = groups(&self.made.image);
        let Some(newest) = groups.last().cloned() else {
            return;
        };
        for group in groups.iter().filter(|group| group.file == newest.file) {
            self.add(
                "log segment",
                "own prefix",
                &newest.file,
                Action::Prefix(group.begin),
            );
        }
    }

    fn parts(&mut self) {
        let parts: [(&'static [&'static str], &str); 3] = [
            (&["wal"], "wal"),
            (&["store"], "store"),
            (&["wal", "store"], "wal and store"),
        ];
        for (parts, file) in parts {
            let file = Path::new(file);
            self.add(
                "directory",
                "missing",
                file,
                Action::Parts(parts, From::Nowhere),
            );
            self.add(
                "directory",
                "older copy",
                file,
                Action::Parts(parts, From::Older),
            );
            self.add(
                "directory",
                "twin's",
                file,
                Action::Parts(parts, From::Twin),
            );
        }
        self.add(
            "directory",
            "all of it older",
            Path::new("all"),
            Action::Parts(&[""], From::Older),
        );
    }

    fn copies(&mut self) {
        for (number, copied) in self.made.copies.iter().enumerate() {
            self.add(
                "directory",
                copied.order,
                Path::new("copied while written"),
                Action::Copied(number),
            );
        }
    }
}
