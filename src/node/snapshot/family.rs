//! Which section of a file holds which rows of the store. A key in the file is one byte for the column family, then the key
//! of the row; the value is that of the row.
//!
//! | section | byte | column family |
//! |---|---|---|
//! | meta | `m` | `default`: the format of the rows, the state, records (members, users) |
//! | tree | `n` | `nodes` |
//! | tree | `x` | `expiry` |
//! | history | `v` | `versions` |
//! | history | `e` | `events` |
//!
//! Records stand in order among the rows of their family, so the sections for members and users stay for files that are
//! made for other ends.

use snapshot::Section;

const FAMILIES: [(&str, u8, Section); 5] = [
    ("default", b'm', Section::Meta),
    ("nodes", b'n', Section::Tree),
    ("expiry", b'x', Section::Tree),
    ("versions", b'v', Section::History),
    ("events", b'e', Section::History),
];

/// Where the rows of a family go: their section, and the byte before their keys.
pub(super) fn place(family: &str) -> Option<(Section, u8)> {
    let found = FAMILIES.iter().find(|(name, ..)| *name == family)?;
    Some((found.2, found.1))
}

/// The family and the key of a row in the file.
pub(super) fn row(section: Section, key: &[u8]) -> Option<(&'static str, &[u8])> {
    let (byte, key) = key.split_first()?;
    let found = FAMILIES
        .iter()
        .find(|(_, known, of)| (known, *of) == (byte, section))?;
    Some((found.0, key))
}
