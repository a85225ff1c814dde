//! How RocksDB's words for damage are told apart from a disk that is full or a call that failed.
//!
//! RocksDB reports damage as text alone. What it says (11.8), and how it is read here:
//!
//! | words | meaning |
//! |---|---|
//! | `Corruption: …` | a checksum, a footer, a size, a unique id or a row does not fit |
//! | `IO error: No such file or directory: While open a file for random read: …/000012.sst` | a table is gone |
//! | the same of `MANIFEST-…`, opened for reading | the list of tables is gone |
//! | `IO error: … Is a directory`, `No such device or address` of a table that is read | no file stands there |
//! | anything else | no damage: no space, no permission, a failed call |
//!
//! Most messages end with the file. A table's family, level and keys come from RocksDB's list of
//! live files; where no file is named, the family and the key that was asked for have to do.

use std::path::Path;

use rocksdb::ErrorKind;

use crate::shown_path::shown;

/// What a message of RocksDB says about damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DamageReport {
    /// The file that it names.
    pub(crate) file: Option<String>,
    /// The file is not there. That is damage only if it should be.
    pub(crate) gone: bool,
    pub(crate) detail: String,
}

impl DamageReport {
    /// With the path that people know: see [`crate::shown_path`].
    pub(crate) fn shown(self, path: &Path) -> Self {
        Self {
            detail: shown(&self.detail, path),
            ..self
        }
    }
}

/// Tells damage from failures.
pub(crate) fn report(error: &rocksdb::Error) -> Option<DamageReport> {
    report_of(error.kind(), error.as_ref())
}

/// The same for the text of an error, as it stands in the info log.
pub(crate) fn report_of_text(text: &str) -> Option<DamageReport> {
    let kind = if text.starts_with("Corruption:") {
        ErrorKind::Corruption
    } else if text.starts_with("IO error:") {
        ErrorKind::IOError
    } else {
        return None;
    };
    report_of(kind, text)
}

fn report_of(kind: ErrorKind, text: &str) -> Option<DamageReport> {
    let file = file_in(text);
    let gone = || {
        // A new file that cannot be made is no damage: its message says "appending", or "stat" once
        // it is made.
        let no_file = text.contains("No such file or directory")
            && ["for random read", "sequential"]
                .iter()
                .any(|words| text.contains(words));
        // Something else stands there: a directory, which can be opened and not read, or a socket.
        let other = text.contains("Is a directory") || text.contains("No such device or address");
        let table = file.as_deref().is_some_and(is_table);
        (no_file && file.is_some()) || (other && table && !text.contains("appending"))
    };
    let damaged = match kind {
        ErrorKind::Corruption => true,
        ErrorKind::IOError => gone(),
        _ => false,
    };
    // An opening says this of every table that it finds damaged.
    let ending = text
        .rfind("  The file ")
        .filter(|at| text[..*at].contains(".sst"));
    let detail = text[..ending.unwrap_or(text.len())].trim_end().to_owned();
    let gone = kind == ErrorKind::IOError;
    damaged.then_some(DamageReport { file, gone, detail })
}

/// The name of the table or MANIFEST in a message: the last component of a path, or a bare number
/// where a unique id is not the expected one.
fn file_in(text: &str) -> Option<String> {
    for words in ["on table file ", "properties on file "] {
        let number = text.split_once(words).map(|(_, rest)| {
            let end = rest.find(|digit: char| !digit.is_ascii_digit());
            &rest[..end.unwrap_or(rest.len())]
        });
        if let Some(number) = number.filter(|number| !number.is_empty()) {
            return Some(format!("{number:0>6}.sst"));
        }
    }
    let names = text.split(|character: char| {
        character.is_whitespace() || matches!(character, '/' | ':' | ',' | ';' | '(' | ')')
    });
    names
        .map(|name| name.trim_end_matches('.'))
        .find(|name| is_table(name) || name.starts_with("MANIFEST-") || *name == "CURRENT")
        .map(str::to_owned)
}

fn is_table(name: &str) -> bool {
    name.strip_suffix(".sst").is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let table = |text: &str| report_of_text(text).map(|report| report.file);
        let named = Some(Some("000012.sst".to_owned()));
        for (text, expected) in [
            (
                "Corruption: block checksum mismatch: stored = 1, computed = 2, type = 4  in /d/000012.sst offset 0 size 9",
                named.clone(),
            ),
            (
                "Corruption: Bad table magic number: expected 1, found 2 in /d.x/000012.sst",
                named.clone(),
            ),
            (
                "IO error: No such file or directory: While open a file for random read: /d/000012.sst: No such file or directory",
                named.clone(),
            ),
            (
                "Corruption: Mismatch in unique ID on table file 12. Expected: a Actual: b",
                named.clone(),
            ),
            ("Corruption: bad block contents", Some(None)),
            (
                "Corruption: in /d/000012.sst offset 0  The file /d/MANIFEST-000005 may be corrupted.",
                named.clone(),
            ),
            (
                "Corruption: checksum mismatch in file /d/MANIFEST-000005",
                Some(Some("MANIFEST-000005".to_owned())),
            ),
            (
                "IO error: No such file or directory: While open a file for appending: /d/000013.sst: No such file or directory",
                None,
            ),
            (
                "IO error: No such file or directory: while stat a file for size: /d/000013.sst: No such file or directory",
                None,
            ),
            (
                "IO error: No space left on device: While appending to file: /d/000013.sst: No space left on device",
                None,
            ),
            (
                "IO error: Is a directory: While pread offset 0 len 53: /d/000012.sst: Is a directory",
                named.clone(),
            ),
            (
                "IO error: While open a file for random read: /d/000012.sst: No such device or address",
                named.clone(),
            ),
            (
                "IO error: Input/output error: While pread offset 0 len 9: /d/000013.sst: Input/output error",
                None,
            ),
            ("Busy: ", None),
        ] {
            assert_eq!(table(text), expected, "{text}");
        }
    }
}
