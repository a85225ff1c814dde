//! Rows of `nodes` and `versions`: one node as it is, or was, or the tombstone that says that it went.
//!
//! Integers are little-endian (nothing here is sorted). Both column families hold the same bytes
//! for the same revision, so an offline check compares them.
//!
//! ```text
//! 0   u8   format (high half, 1) and flags: 1 directory, 2 has a lifetime, 4 removed, 8 has its own modifiedIndex
//! 1   u64  revision: the one that wrote this record
//! 9   u64  createdIndex (in a tombstone: of the node that went)
//! 17  u64  modifiedIndex, only with flag 8; else it is the revision
//!     u64  expiration, Unix ns, only with flag 2
//!     u64  deadline, cluster time in ns, only with flag 2
//!     ...  the value to the end; a directory and a tombstone have none
//! ```
//!
//! Flag 8 is the TTL update of a directory: it takes a revision and leaves modifiedIndex as it was
//! (keys-api 6).

use bytes::Bytes;

use crate::operation::{Lifetime, Node};
use crate::path::KeyPath;

use super::field::{WORD, word};

const FORMAT: u8 = 0x10;
const DIRECTORY: u8 = 1;
const LIFETIME: u8 = 2;
const REMOVED: u8 = 4;
const MODIFIED: u8 = 8;

/// Where the fields begin that every row has, each behind the one before.
const FLAGS_AT: usize = 0;
const REVISION_AT: usize = FLAGS_AT + 1;
const CREATED_AT: usize = REVISION_AT + WORD;
/// Bytes before the fields that not every row has.
const HEAD: usize = CREATED_AT + WORD;

/// What the byte table calls them.
#[cfg(test)]
pub(super) const OFFSETS: [(&str, usize); 4] = [
    ("format (high half, 1) and flags", FLAGS_AT),
    ("revision: the one that wrote", REVISION_AT),
    ("createdIndex (in a tombstone", CREATED_AT),
    ("modifiedIndex, only with flag 8", HEAD),
];

/// A decoded row; the value stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeRow<'a> {
    pub(crate) revision: u64,
    pub(crate) created: u64,
    pub(crate) modified: u64,
    pub(crate) dir: bool,
    pub(crate) removed: bool,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) value: &'a [u8],
}

impl<'a> NodeRow<'a> {
    /// Says that a node went at `revision`.
    pub(crate) fn tombstone(entry: &StoredNode, revision: u64) -> NodeRow<'static> {
        NodeRow {
            revision,
            created: entry.node.created,
            modified: revision,
            dir: entry.node.dir,
            removed: true,
            lifetime: None,
            value: &[],
        }
    }

    /// Replaces `out` with the row.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut flags = FORMAT;
        flags |= if self.dir { DIRECTORY } else { 0 };
        flags |= if self.lifetime.is_some() { LIFETIME } else { 0 };
        flags |= if self.removed { REMOVED } else { 0 };
        flags |= if self.modified == self.revision {
            0
        } else {
            MODIFIED
        };
        out.clear();
        out.push(flags);
        out.extend_from_slice(&self.revision.to_le_bytes());
        out.extend_from_slice(&self.created.to_le_bytes());
        if self.modified != self.revision {
            out.extend_from_slice(&self.modified.to_le_bytes());
        }
        if let Some(lifetime) = self.lifetime {
            out.extend_from_slice(&lifetime.expiration.to_le_bytes());
            out.extend_from_slice(&lifetime.deadline.to_le_bytes());
        }
        out.extend_from_slice(self.value);
    }

    /// Reads a row; the error says what does not fit.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let flags = *bytes.get(FLAGS_AT).ok_or("the record is empty")?;
        if flags & 0xF0 != FORMAT {
            return Err("the record has an unknown format");
        }
        let (head, mut rest) = bytes.split_first_chunk::<HEAD>().ok_or(TOO_SHORT)?;
        let (revision, created) = (word(head, REVISION_AT), word(head, CREATED_AT));
        let modified = if flags & MODIFIED == 0 {
            revision
        } else {
            take(&mut rest)?
        };
        let lifetime = if flags & LIFETIME == 0 {
            None
        } else {
            Some(Lifetime {
                expiration: take(&mut rest)?,
                deadline: take(&mut rest)?,
            })
        };
        let (dir, removed) = (flags & DIRECTORY != 0, flags & REMOVED != 0);
        if (dir || removed) && !rest.is_empty() {
            return Err("a directory or a tombstone carries a value");
        }
        Ok(Self {
            revision,
            created,
            modified,
            dir,
            removed,
            lifetime,
            value: rest,
        })
    }

    /// The node at `path`, with its own copy of the value.
    pub(crate) fn node(&self, path: KeyPath) -> Node {
        Node {
            path,
            value: (!self.dir).then(|| Bytes::copy_from_slice(self.value)),
            dir: self.dir,
            created: self.created,
            modified: self.modified,
            lifetime: self.lifetime,
        }
    }

    /// Whether a stored row is a tombstone, without reading the rest.
    pub(crate) fn is_tombstone(bytes: &[u8]) -> bool {
        bytes
            .get(FLAGS_AT)
            .is_some_and(|flags| flags & REMOVED != 0)
    }
}

const TOO_SHORT: &str = "the record is too short";

/// The next of the fields that not every row has.
fn take(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let (word, rest) = bytes.split_first_chunk::<WORD>().ok_or(TOO_SHORT)?;
    *bytes = rest;
    Ok(u64::from_le_bytes(*word))
}

/// A node and the revision that wrote its record, which is not always its `modifiedIndex`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredNode {
    pub(crate) node: Node,
    pub(crate) revision: u64,
}

impl StoredNode {
    pub(crate) fn read(path: &KeyPath, record: &NodeRow<'_>) -> Self {
        Self {
            node: record.node(path.clone()),
            revision: record.revision,
        }
    }

    /// The root has no row (store-layout 5.13).
    pub(crate) fn root() -> Self {
        Self {
            node: root(),
            revision: 0,
        }
    }

    pub(crate) fn record(&self) -> NodeRow<'_> {
        NodeRow {
            revision: self.revision,
            created: self.node.created,
            modified: self.node.modified,
            dir: self.node.dir,
            removed: false,
            lifetime: self.node.lifetime,
            value: self.node.value.as_deref().unwrap_or_default(),
        }
    }
}

/// The root directory: always there, with indexes of 0.
pub(crate) fn root() -> Node {
    Node {
        path: KeyPath::root(),
        value: None,
        dir: true,
        created: 0,
        modified: 0,
        lifetime: None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(value: &[u8]) -> NodeRow<'_> {
        NodeRow {
            revision: 5,
            created: 3,
            modified: 5,
            dir: false,
            removed: false,
            lifetime: None,
            value,
        }
    }

    fn encoded(record: NodeRow<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        record.encode(&mut out);
        out
    }

    #[test]
    fn golden_bytes() {
        let file = [
            &[0x10, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0][..],
            b"v",
        ]
        .concat();
        assert_eq!(encoded(record(b"v")), file);

        let lifetime = Some(Lifetime {
            expiration: 0x0102,
            deadline: 0x0304,
        });
        let directory = NodeRow {
            dir: true,
            modified: 4,
            lifetime,
            ..record(b"")
        };
        let wanted = [
            0x1B, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0,
            0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(encoded(directory), wanted);

        let mark = NodeRow {
            removed: true,
            ..record(b"")
        };
        assert_eq!(
            encoded(mark),
            [0x14, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
        );
        assert!(NodeRow::is_tombstone(&encoded(mark)) && !NodeRow::is_tombstone(&file));
    }

    proptest! {
        #[test]
        fn a_record_reads_as_it_was_written(
            revision in any::<u64>(), created in any::<u64>(), modified in any::<u64>(), dir in any::<bool>(),
            times in proptest::option::of(any::<(u64, u64)>()), value in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let lifetime = times.map(|(expiration, deadline)| Lifetime { expiration, deadline });
            let value = if dir { &[][..] } else { &value };
            let wanted = NodeRow { revision, created, modified, dir, removed: false, lifetime, value };
            let row = encoded(wanted);
            prop_assert_eq!(NodeRow::decode(&row), Ok(wanted));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            let _ = NodeRow::decode(&bytes);
        }
    }

    #[test]
    fn wrong_rows_are_refused() {
        assert!(NodeRow::decode(b"").is_err());
        assert!(NodeRow::decode(&[0x20; 40]).is_err(), "format");
        assert!(NodeRow::decode(&[0x10; 16]).is_err(), "length");
        assert!(
            NodeRow::decode(&[0x11; 18]).is_err(),
            "a directory with a value"
        );
    }
}
