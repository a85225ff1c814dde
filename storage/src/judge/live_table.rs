//! A live table, as the MANIFEST describes it.

use std::fmt;

/// A live table, as the MANIFEST describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name of its column family.
    pub family: String,
    /// Its number, from which its name is made.
    pub number: u64,
    /// Its level.
    pub level: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// The smallest key of its rows.
    pub smallest: Vec<u8>,
    /// The largest key of its rows; the end of a range that was removed may be the bound itself.
    pub largest: Vec<u8>,
    /// Its unique id, unless the MANIFEST has none. The first word is the lower half of the id of
    /// the process (session) that wrote it; the second is a hash, combined with the number.
    pub unique_id: Option<[u64; 2]>,
}

impl Table {
    /// The name of its file.
    pub fn file_name(&self) -> String {
        table_name(self.number)
    }
}

/// The name of the file of a table.
pub(super) fn table_name(number: u64) -> String {
    format!("{number:06}.sst")
}

/// How much of a key a message shows.
const KEY_SHOWN: usize = 64;

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |key: &[u8]| {
            let more = if key.len() > KEY_SHOWN { "…" } else { "" };
            format!(
                "\"{}{more}\"",
                key[..key.len().min(KEY_SHOWN)].escape_ascii()
            )
        };
        write!(
            f,
            "column family {}, level {}, rows {} to {}",
            self.family,
            self.level,
            shown(&self.smallest),
            shown(&self.largest)
        )
    }
}
