//! What a file says of itself: where it comes from, which state it holds, and how much of it there
//! is.

use std::fmt;

use crate::section::Section;

/// Bytes of the longest hash a header can carry.
pub const HASH_MAX: usize = 32;

/// A hash of the state, opaque to this crate, at most [`HASH_MAX`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash {
    bytes: [u8; HASH_MAX],
    len: u8,
}

impl Hash {
    /// The hash with these bytes; `None` when there are more than [`HASH_MAX`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut hash = Self {
            bytes: [0; HASH_MAX],
            len: u8::try_from(bytes.len()).ok()?,
        };
        hash.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(hash)
    }

    /// The bytes given to [`Hash::new`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// The header of a file. None of it is interpreted here, except that `term` and `index` name a file
/// in a [`SnapshotDirectory`](crate::SnapshotDirectory).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// A number that no other file of this cluster carries. It seeds the checksums, so that blocks
    /// of two files cannot be mixed, and tells a resumed transfer that it goes on with the same
    /// file.
    pub id: u64,
    /// The cluster the state belongs to.
    pub cluster: u64,
    /// The member that wrote the file.
    pub member: u64,
    /// The revision of the newest change inside (the v2 index).
    pub revision: u64,
    /// The Raft term of the last entry inside.
    pub term: u64,
    /// The Raft index of the last entry inside.
    pub index: u64,
    /// The divergence hash at that index.
    pub hash: Hash,
}

/// How much one section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionSummary {
    /// The number in the file.
    pub id: u16,
    /// What the number means; `None` for a section of a later version, which was skipped.
    pub section: Option<Section>,
    /// Whether a reader that does not know the section has to refuse the file.
    pub required: bool,
    /// Blocks, at least one.
    pub blocks: u64,
    /// Pairs of key and value.
    pub pairs: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

/// What a whole file holds, known once it was written or verified to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The header.
    pub meta: Meta,
    /// The sections in the order of the file.
    pub sections: Vec<SectionSummary>,
    /// The length of the file in bytes.
    pub file_len: u64,
    /// The chain value over all blocks: equal for equal files.
    pub chain: u32,
}

impl Summary {
    /// Pairs in all sections.
    pub fn pairs(&self) -> u64 {
        self.sections.iter().map(|section| section.pairs).sum()
    }

    /// Blocks in all sections.
    pub fn blocks(&self) -> u64 {
        self.sections.iter().map(|section| section.blocks).sum()
    }
}
