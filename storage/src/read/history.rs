//! The versions of one path, newest first.

use crate::engine::cursor::{Cursor, SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::NodeRow;
use crate::operation::Node;
use crate::path::KeyPath;
use crate::read::past::PastView;

/// What one revision made of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The revision.
    pub revision: u64,
    /// The node from then on; `None` if it was removed. A node that went with a directory above it
    /// has no version that says so.
    pub node: Option<Node>,
}

/// An iterator over the versions of one path. Made by [`crate::View::history`].
pub struct Versions<'v> {
    rows: &'v SnapshotRows<'v>,
    cursor: Cursor<'v>,
    path: KeyPath,
    /// The oldest revision at which the tree can be read.
    compact_revision: u64,
    done: bool,
}

impl<'v> Versions<'v> {
    pub(crate) fn new(rows: &'v SnapshotRows<'v>, path: &KeyPath, compact_revision: u64) -> Self {
        let key = key::encoded(path);
        let mut bound = Vec::with_capacity(key.len() + 1);
        key::descendants_start(&key, &mut bound);
        let mut cursor = rows.cursor(Column::Versions, Some(bound));
        // The newest version possible. The root has none: it is never written.
        let mut first = Vec::with_capacity(key.len() + 9);
        key::version(&key, u64::MAX, &mut first);
        cursor.seek(&first);
        Self {
            rows,
            cursor,
            path: path.clone(),
            compact_revision,
            done: path.is_root(),
        }
    }

    fn step(&mut self) -> Result<Option<Version>, Error> {
        if self.done {
            return Ok(None);
        }
        let Some((row, value)) = self.cursor.row()? else {
            return Ok(None);
        };
        let record = NodeRow::decode(value).map_err(|reason| self.cursor.damage(row, reason))?;
        let revision = record.revision;
        let node = (!record.removed).then(|| record.node(self.path.clone()));
        if revision > self.compact_revision {
            self.cursor.step();
            return Ok(Some(Version { revision, node }));
        }
        // At the compact revision only what could be read there counts: what is dead may have been deleted,
        // or not yet.
        self.done = true;
        let visible = PastView::new(self.rows, self.compact_revision).entry(&self.path)?;
        Ok(visible.map(|entry| Version {
            revision: entry.revision,
            node: Some(entry.node),
        }))
    }
}

impl Iterator for Versions<'_> {
    type Item = Result<Version, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step();
        self.done |= next.is_err();
        next.transpose()
    }
}
