//! The compaction filter of `versions`: of each path, versions older than the newest one at or
//! below the compact revision go.
//!
//! Rule 7 of the layout: inside one compaction, going from new to old through the versions of a
//! path, a version goes only if a newer one at or below the compact revision was seen *and kept*. The newest
//! such version stays whatever it is, and so does every tombstone: the rows it hides may lie in
//! a level that this compaction does not see. Tombstones are removed by [`crate::Writer::compact`]
//! alone. The filter needs no other column family and no complete view.

use std::ffi::CStr;
use std::sync::Arc;

use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};

use crate::compaction::pin::Pins;
use crate::engine::setup::AttachFilter;
use crate::format::key;
use crate::format::node_row::NodeRow;

/// What gives a family this filter.
pub(crate) fn attach(pins: &Arc<Pins>) -> AttachFilter {
    let pins = Arc::clone(pins);
    Arc::new(move |family| family.set_compaction_filter_factory(Factory(Arc::clone(&pins))))
}

/// Makes a filter for each compaction, with the compact revision of that moment.
struct Factory(Arc<Pins>);

impl CompactionFilterFactory for Factory {
    type Filter = VersionFilter;

    fn create(&mut self, _context: CompactionFilterContext) -> VersionFilter {
        VersionFilter::new(self.0.filter_revision())
    }

    fn name(&self) -> &CStr {
        c"etcd2.versions"
    }
}

/// Decides about the rows of one compaction, in key order.
struct VersionFilter {
    compact_revision: u64,
    path: Vec<u8>,
    kept: bool,
}

impl VersionFilter {
    fn new(compact_revision: u64) -> Self {
        Self {
            compact_revision,
            path: Vec::new(),
            kept: false,
        }
    }

    fn keeps(&mut self, row: &[u8], value: &[u8]) -> bool {
        let Some((path, revision)) = key::split_version(row) else {
            return true; // damage is for readers to report, not for a compaction to erase
        };
        if self.path != path {
            self.path.clear();
            self.path.extend_from_slice(path);
            self.kept = false;
        }
        if revision > self.compact_revision {
            return true;
        }
        let first = !std::mem::replace(&mut self.kept, true);
        first || NodeRow::is_tombstone(value)
    }
}

impl CompactionFilter for VersionFilter {
    fn filter(&mut self, _level: u32, row: &[u8], value: &[u8]) -> CompactionDecision {
        if self.keeps(row, value) {
            CompactionDecision::Keep
        } else {
            CompactionDecision::Remove
        }
    }

    fn name(&self) -> &CStr {
        c"etcd2.versions"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = &[0x10];
    const MARK: &[u8] = &[0x14];

    fn kept(compact_revision: u64, rows: &[(&[u8], u64, &[u8])]) -> Vec<u64> {
        let mut filter = VersionFilter::new(compact_revision);
        let mut bytes = Vec::new();
        let mut kept = Vec::new();
        for (path, revision, value) in rows {
            key::version(path, *revision, &mut bytes);
            if filter.keeps(&bytes, value) {
                kept.push(*revision);
            }
        }
        kept
    }

    #[test]
    fn the_newest_at_or_below_the_base_stays() {
        let rows: Vec<(&[u8], u64, &[u8])> = vec![
            (b"a\0", 9, FILE),
            (b"a\0", 6, FILE),
            (b"a\0", 4, FILE),
            (b"a\0", 2, FILE),
            (b"b\0", 1, FILE),
        ];
        assert_eq!(kept(0, &rows), [9, 6, 4, 2, 1]);
        assert_eq!(kept(5, &rows), [9, 6, 4, 1]);
        assert_eq!(kept(6, &rows), [9, 6, 1]);
        assert_eq!(kept(100, &rows), [9, 1]);
    }

    #[test]
    fn removal_marks_stay() {
        let rows: Vec<(&[u8], u64, &[u8])> = vec![
            (b"a\0", 9, FILE),
            (b"a\0", 6, MARK),
            (b"a\0", 4, FILE),
            (b"b\0", 7, MARK),
            (b"b\0", 3, FILE),
        ];
        assert_eq!(kept(100, &rows), [9, 6, 7]);
        assert_eq!(kept(6, &rows), [9, 6, 7, 3]);
    }

    #[test]
    fn unreadable_rows_stay() {
        assert!(VersionFilter::new(9).keeps(b"short", b""));
    }
}
