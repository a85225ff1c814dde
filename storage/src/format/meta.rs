//! Rows of the default column family: what the tree is beside its nodes.
//!
//! ```text
//! "format"          11 bytes "etcd2 tree\0", u32 format version: 2; 1 before rows of `events` had a time
//! "state"           one row, written with every commit (below)
//! "reclaimed"       how far compaction by deletion has come; local, not replicated (below)
//! "record/" KEY     rows of the caller (members, auth), as they were given
//! ```
//!
//! Little-endian. `state`:
//!
//! ```text
//! 0   u8   format (1)         25  u64  hash              57  u64  history bytes, total
//! 1   u64  applied log index  33  u64  oldest event      65  u64  commits so far, local
//! 9   u64  cluster time, ns   41  u64  retained events   73  ...  marker, opaque
//! 17  u64  revision           49  u64  retained bytes
//! ```
//!
//! `reclaimed`:
//!
//! ```text
//! 0   u64  events up to here have had their dead versions removed
//! 8   u64  events below this one have been deleted
//! 16  u64  the unfinished walk removes versions up to this revision; 0 = no walk is unfinished
//! 24  ...  where it goes on: a key of `versions`
//! ```

use bytes::Bytes;

use crate::operation::Retention;

use super::field::{WORD, word};

pub(crate) const FORMAT_KEY: &[u8] = b"format";
pub(crate) const STATE_KEY: &[u8] = b"state";
pub(crate) const COMPACTION_KEY: &[u8] = b"reclaimed";
const RECORD_PREFIX: &[u8] = b"record/";
const MAGIC: &[u8; 11] = b"etcd2 tree\0";
const STATE_FORMAT: u8 = 1;

/// Where the fields of the state begin, each behind the one before.
const STATE_FORMAT_AT: usize = 0;
const INDEX_AT: usize = STATE_FORMAT_AT + 1;
const CLUSTER_TIME_AT: usize = INDEX_AT + WORD;
const REVISION_AT: usize = CLUSTER_TIME_AT + WORD;
const HASH_AT: usize = REVISION_AT + WORD;
const OLDEST_EVENT_AT: usize = HASH_AT + WORD;
const RETAINED_EVENTS_AT: usize = OLDEST_EVENT_AT + WORD;
const RETAINED_BYTES_AT: usize = RETAINED_EVENTS_AT + WORD;
const BYTES_AT: usize = RETAINED_BYTES_AT + WORD;
const COMMITS_AT: usize = BYTES_AT + WORD;
const MARKER_AT: usize = COMMITS_AT + WORD;

/// The same of the progress of compaction.
const SCANNED_AT: usize = 0;
const DROPPED_AT: usize = SCANNED_AT + WORD;
const CUT_AT: usize = DROPPED_AT + WORD;
const RESUME_AT: usize = CUT_AT + WORD;

/// What the byte tables call them.
#[cfg(test)]
pub(super) const OFFSETS: [(&str, usize); 15] = [
    ("format (1)", STATE_FORMAT_AT),
    ("applied log index", INDEX_AT),
    ("cluster time, ns", CLUSTER_TIME_AT),
    ("revision 49", REVISION_AT),
    ("hash", HASH_AT),
    ("oldest event", OLDEST_EVENT_AT),
    ("retained events", RETAINED_EVENTS_AT),
    ("retained bytes", RETAINED_BYTES_AT),
    ("history bytes, total", BYTES_AT),
    ("commits so far, local", COMMITS_AT),
    ("marker, opaque", MARKER_AT),
    ("events up to here", SCANNED_AT),
    ("events below this one", DROPPED_AT),
    ("the unfinished walk removes", CUT_AT),
    ("where it goes on", RESUME_AT),
];

/// The format this release writes, and the newest that it reads.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// How far the log has been applied, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The log index applied last; 0 in a new store.
    pub index: u64,
    /// The caller's bytes beside it (term, membership, witness of the log); empty in a new store.
    pub marker: Bytes,
    /// Cluster time, nanoseconds; never runs backwards.
    pub cluster_time: u64,
    /// The newest revision; 0 in a new store.
    pub revision: u64,
    /// The divergence hash: equal on members that did the same up to `index`.
    pub hash: u64,
}

/// All that the tree is beside its rows; one value per commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreState {
    pub(crate) applied: Applied,
    /// The oldest event that can be read; at least 1, and never goes back.
    pub(crate) oldest_event: u64,
    pub(crate) retention: Retention,
    /// Bytes of all events since the beginning.
    pub(crate) bytes: u64,
    /// Commits of this store so far. It tells states apart that share an index, and is local: it
    /// depends on how commands were batched.
    pub(crate) commits: u64,
}

impl Default for StoreState {
    fn default() -> Self {
        Self {
            applied: Applied::default(),
            oldest_event: 1,
            retention: Retention::default(),
            bytes: 0,
            commits: 0,
        }
    }
}

impl StoreState {
    /// The oldest revision at which the tree can still be read: the state before the oldest event.
    pub(crate) fn compact_revision(&self) -> u64 {
        self.oldest_event - 1
    }

    /// Replaces `out` with the row.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(STATE_FORMAT);
        let applied = &self.applied;
        for word in [
            applied.index,
            applied.cluster_time,
            applied.revision,
            applied.hash,
            self.oldest_event,
            self.retention.events,
            self.retention.bytes,
            self.bytes,
            self.commits,
        ] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&applied.marker);
    }

    /// Reads the row; the error says what does not fit.
    pub(crate) fn decode(row: &[u8]) -> Result<Self, &'static str> {
        let (head, marker) = row
            .split_first_chunk::<MARKER_AT>()
            .ok_or("the row is too short")?;
        if head[STATE_FORMAT_AT] != STATE_FORMAT {
            return Err("the row has an unknown format");
        }
        let state = Self {
            applied: Applied {
                index: word(head, INDEX_AT),
                marker: Bytes::copy_from_slice(marker),
                cluster_time: word(head, CLUSTER_TIME_AT),
                revision: word(head, REVISION_AT),
                hash: word(head, HASH_AT),
            },
            oldest_event: word(head, OLDEST_EVENT_AT),
            retention: Retention {
                events: word(head, RETAINED_EVENTS_AT),
                bytes: word(head, RETAINED_BYTES_AT),
            },
            bytes: word(head, BYTES_AT),
            commits: word(head, COMMITS_AT),
        };
        if state.oldest_event == 0 || state.compact_revision() > state.applied.revision {
            return Err("the compact revision lies outside the history");
        }
        Ok(state)
    }
}

/// How far dead history has been removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CompactionProgress {
    /// The last event whose removal has been worked off.
    pub(crate) scanned: u64,
    /// Events below this one are deleted.
    pub(crate) dropped: u64,
    /// The unfinished walk of event `scanned + 1` removes versions up to here; 0 if none is
    /// unfinished.
    pub(crate) cut: u64,
    /// Where that walk goes on.
    pub(crate) resume: Vec<u8>,
}

impl CompactionProgress {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RESUME_AT + self.resume.len());
        for word in [self.scanned, self.dropped, self.cut] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.resume);
        out
    }

    /// Reads the row; the error says what does not fit.
    pub(crate) fn decode(row: &[u8]) -> Result<Self, &'static str> {
        let (head, resume) = row
            .split_first_chunk::<RESUME_AT>()
            .ok_or("the row is too short")?;
        Ok(Self {
            scanned: word(head, SCANNED_AT),
            dropped: word(head, DROPPED_AT),
            cut: word(head, CUT_AT),
            resume: resume.to_vec(),
        })
    }
}

/// The content of the format row.
pub(crate) fn format_row() -> Vec<u8> {
    [&MAGIC[..], &FORMAT_VERSION.to_le_bytes()].concat()
}

/// The format version in a format row; `None` if the row is not ours.
pub(crate) fn format_version(row: &[u8]) -> Option<u32> {
    let version = row.strip_prefix(MAGIC)?;
    Some(u32::from_le_bytes(version.try_into().ok()?))
}

/// The key under which a caller's row is stored.
pub(crate) fn record_key(key: &[u8]) -> Vec<u8> {
    [RECORD_PREFIX, key].concat()
}

/// The caller's name of a stored row; `None` if it is none.
pub(crate) fn record_name(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(RECORD_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> StoreState {
        let marker = Bytes::from_static(b"m");
        StoreState {
            applied: Applied {
                index: 9,
                marker,
                cluster_time: 8,
                revision: 7,
                hash: 6,
            },
            oldest_event: 5,
            retention: Retention {
                events: 4,
                bytes: 3,
            },
            bytes: 2,
            commits: 1,
        }
    }

    #[test]
    fn golden_bytes() {
        let mut row = Vec::new();
        state().encode(&mut row);
        let mut wanted = vec![1];
        for word in [9, 8, 7, 6, 5, 4, 3, 2, 1] {
            wanted.extend([word, 0, 0, 0, 0, 0, 0, 0]);
        }
        wanted.push(b'm');
        assert_eq!(row, wanted);
        assert_eq!(StoreState::decode(&row).expect("readable"), state());
        assert_eq!(format_row(), b"etcd2 tree\0\x02\0\0\0");
        assert_eq!(record_key(b"k"), b"record/k");
        let progress = CompactionProgress {
            scanned: 1,
            dropped: 2,
            cut: 3,
            resume: vec![4],
        };
        let wanted = [
            1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4,
        ];
        assert_eq!(progress.encode(), wanted);
        assert_eq!(
            CompactionProgress::decode(&progress.encode()).expect("readable"),
            progress
        );
    }

    #[test]
    fn wrong_rows_are_refused() {
        let mut row = Vec::new();
        state().encode(&mut row);
        for length in 0..MARKER_AT {
            assert!(
                StoreState::decode(&row[..length]).is_err(),
                "length {length}"
            );
        }
        row[0] = 2;
        assert!(StoreState::decode(&row).is_err(), "format");
        StoreState {
            oldest_event: 0,
            ..state()
        }
        .encode(&mut row);
        assert!(StoreState::decode(&row).is_err(), "no oldest event");
        StoreState {
            oldest_event: 9,
            ..state()
        }
        .encode(&mut row);
        assert!(
            StoreState::decode(&row).is_err(),
            "an oldest event past the newest revision"
        );
        assert!(CompactionProgress::decode(&[0; 23]).is_err());
        assert_eq!(format_version(b"etcd2 tree\0\x02\0\0\0"), Some(2));
        assert_eq!(format_version(b"etcd2 tree\0\x02\0\0"), None);
        assert_eq!(format_version(b"something else"), None);
    }
}
