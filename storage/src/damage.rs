//! Damage: which part of the store cannot be read. What RocksDB says of it is read in `engine/damage_report.rs`.

use crate::format::column::Column;
use crate::format::{event_row, key};

/// A part of the store that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The table (or MANIFEST), a file name in the directory of the store; `None` if RocksDB names
    /// none, or if single rows do not decode.
    pub file: Option<String>,
    /// The column family: `default`, `nodes`, `versions`, `events` or `expiry`; `all` for the
    /// MANIFEST, `unknown` for a file that is not in it.
    pub column: &'static str,
    /// The level of the table.
    pub level: Option<i32>,
    /// The smallest and the largest key that may be hurt, as paths or revisions.
    pub range: Option<(String, String)>,
    /// What does not fit, in the words of who found it.
    pub detail: String,
}

impl Damage {
    /// Whether only history is hurt: the tree as it is, and writes, need none of it.
    pub fn is_history(&self) -> bool {
        [Column::Versions, Column::Events]
            .iter()
            .any(|column| column.name() == self.column)
    }

    /// Damage of a file that is no table.
    pub(crate) fn of_file(file: Option<String>, detail: String) -> Self {
        Self {
            file,
            column: "all",
            level: None,
            range: None,
            detail,
        }
    }

    /// Damage of a table, as the MANIFEST describes it.
    pub(crate) fn of_table(
        file: Option<String>,
        family: &str,
        level: u32,
        (smallest, largest): (&[u8], &[u8]),
        detail: String,
    ) -> Self {
        let column = Column::named(family);
        Self {
            file,
            column: column.map_or("unknown", Column::name),
            level: i32::try_from(level).ok(),
            range: column.map(|column| (readable(column, smallest), readable(column, largest))),
            detail,
        }
    }

    /// Damage that shows at one key.
    pub(crate) fn at_key(column: Column, key: &[u8], detail: String) -> Self {
        let key = readable(column, key);
        Self {
            file: None,
            column: column.name(),
            level: None,
            range: Some((key.clone(), key)),
            detail,
        }
    }
}

impl Damage {
    /// Where and what, for who says himself what to do.
    pub fn place(&self) -> String {
        let file = match &self.file {
            Some(file) => format!("the file {file} of column family {}", self.column),
            None => format!("column family {}", self.column),
        };
        let level = self
            .level
            .map_or(String::new(), |level| format!(" (level {level})"));
        let range = match &self.range {
            Some((first, last)) if first == last => format!(" at {first}"),
            Some((first, last)) => format!(" between {first} and {last}"),
            None => String::new(),
        };
        let detail = self.detail.trim_end();
        format!("{file}{level} is damaged{range}: {detail}")
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; ", self.place())?;
        f.write_str(if self.is_history() {
            "old revisions and events there cannot be read, the tree as it is can; keep this \
             directory, and put back a copy of the whole data directory that was made while the node was stopped"
        } else {
            "keep this directory, and put back a copy of the whole data directory that was made while the node was \
             stopped"
        })
    }
}

/// A key as an operator knows it: a path, a path at a revision, a revision, a path at a deadline.
/// What is none of these (the end of a range that was deleted) is shown as bytes.
pub(crate) fn readable(column: Column, bytes: &[u8]) -> String {
    let path = |bytes| key::path(bytes).map(|path| path.to_string());
    let text = match column {
        Column::Meta => None,
        Column::Nodes => path(bytes),
        Column::Versions => key::split_version(bytes)
            .and_then(|(key, revision)| Some(format!("{} at revision {revision}", path(key)?)))
            .or_else(|| path(bytes)),
        Column::Events => event_row::revision(bytes).map(|revision| format!("revision {revision}")),
        Column::Expiry => key::split_expiry(bytes)
            .and_then(|(deadline, key)| Some(format!("{} due at {deadline} ns", path(key)?))),
    };
    text.unwrap_or_else(|| format!("\"{}\"", bytes.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_as_an_operator_knows_them() {
        let mut version = Vec::new();
        key::version(b"a\0b\0", 7, &mut version);
        let mut expiry = Vec::new();
        key::expiry(9, b"a\0", &mut expiry);
        let shown = [
            readable(Column::Nodes, b"a\0b\0"),
            readable(Column::Versions, &version),
            readable(Column::Events, &12u64.to_be_bytes()),
            readable(Column::Expiry, &expiry),
            readable(Column::Meta, b"state"),
            readable(Column::Events, b"\xff"),
        ];
        assert_eq!(
            shown,
            [
                "/a/b",
                "/a/b at revision 7",
                "revision 12",
                "/a due at 9 ns",
                "\"state\"",
                "\"\\xff\""
            ]
        );
    }
}
