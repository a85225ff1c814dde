//! The words of the log: entries, hard state, positions. Guarantees nothing but their meaning; the log
//! never looks into a payload.

use bytes::Bytes;

/// One entry of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Term of the leader that proposed it.
    pub term: u64,
    /// Place in the log; the first entry ever has index 1.
    pub index: u64,
    /// The caller's entry type, stored and returned as it is.
    pub kind: u8,
    /// The caller's bytes, at most [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX).
    pub payload: Bytes,
}

/// What a member must not forget: its term, its vote in that term (0 = none), and a commit index that
/// was true when written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// Latest term seen.
    pub term: u64,
    /// Member voted for in that term, 0 for none.
    pub vote: u64,
    /// An index known committed.
    pub commit: u64,
}

/// Term and index of one entry; (0, 0) stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Term of the entry.
    pub term: u64,
    /// Index of the entry.
    pub index: u64,
}

/// Whose log this is. Stands in every segment header; [`Wal::open`](crate::Wal::open) refuses another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Cluster id.
    pub cluster: u64,
    /// Member id.
    pub member: u64,
}

/// A place in the log's bytes. Places are ordered by segment, then offset, and never go back, unlike
/// indexes, which do when a conflicting tail is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Sequence number of the segment.
    pub sequence: u64,
    /// Byte offset in that segment's file.
    pub offset: u64,
}

/// What a successful sync made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Every entry up to this index, and every hard state appended before the sync, is durable.
    pub index: u64,
    /// Checksum chain at the end of the durable bytes.
    pub chain: u32,
    /// End of the durable bytes.
    pub place: Place,
}
