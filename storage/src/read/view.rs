//! A view: every row as of one commit, for as long as it is held. One request uses one view
//! (store-layout 5.12).

use std::sync::Arc;

use bytes::Bytes;

use crate::compaction::pin::Pin;
use crate::engine::cursor::{SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::meta::{self, Applied, StoreState};
use crate::operation::{Node, Refusal};
use crate::path::KeyPath;
use crate::read::core::Core;
use crate::read::event::{EventFilter, Events};
use crate::read::hidden::HiddenNodes;
use crate::read::history::Versions;
use crate::read::past::PastView;
use crate::read::point;
use crate::read::walk::Walk;

/// The tree, its history and the records as of one revision. Holds back the removal of history
/// while it lives, so it should not outlive a request by far.
pub struct View<'s> {
    pub(crate) rows: SnapshotRows<'s>,
    pub(crate) state: Arc<StoreState>,
    pin: Pin,
}

impl<'s> View<'s> {
    pub(crate) fn new(core: &'s Core) -> Self {
        loop {
            // Pinned before the snapshot: a filter made in between keeps what the snapshot may
            // need.
            let pin = core.pins.hold_all();
            let snapshot = core.database.snapshot();
            // Only a reader that slept through hundreds of commits finds its state forgotten.
            if let Some(state) = core.published.state_at(snapshot.sequence_number()) {
                return Self {
                    rows: SnapshotRows {
                        snapshot,
                        database: &core.database,
                    },
                    state,
                    pin,
                };
            }
        }
    }

    /// The revision of the view.
    pub fn revision(&self) -> u64 {
        self.state.applied.revision
    }

    /// How far the log had been applied.
    pub fn applied(&self) -> &Applied {
        &self.state.applied
    }

    /// The oldest event that can be read: with N events kept, the newest − N + 1; at least 1.
    pub fn oldest_event(&self) -> u64 {
        self.state.oldest_event
    }

    /// The node at `path`; refused as [`crate::Store::get`] refuses.
    pub fn node(&self, path: &KeyPath) -> Result<Result<Node, Refusal>, Error> {
        match point::entry(&self.rows, path)? {
            Some(entry) => Ok(Ok(entry.node)),
            None => Ok(Err(point::why_missing(&self.rows, path)?)),
        }
    }

    /// What is below `path`, in tree order and constant memory: all descendants, or the children
    /// alone. Hidden nodes are left out with their subtrees unless `hidden`. A file, or a path
    /// without a node, has nothing below it.
    pub fn walk(&self, path: &KeyPath, recursive: bool, hidden: bool) -> Walk<'_> {
        let hidden = HiddenNodes::shown_if(hidden);
        Walk::new(&self.rows, &key::encoded(path), recursive, hidden, None)
    }

    /// The same for who must not be held up: it ends early ([`Walk::is_cut`]) after about `moves` rows looked at,
    /// those that it leaves out included, or in a field of removed rows.
    pub fn quick_walk(
        &self,
        path: &KeyPath,
        recursive: bool,
        hidden: bool,
        moves: usize,
    ) -> Walk<'_> {
        Walk::new(
            &self.rows,
            &key::encoded(path),
            recursive,
            HiddenNodes::shown_if(hidden),
            Some(moves),
        )
    }

    /// The tree as it was at `revision`. Errors: [`Error::Compacted`] below the state before the
    /// oldest event, [`Error::Future`] past the view.
    pub fn at(&self, revision: u64) -> Result<PastView<'_>, Error> {
        if revision < self.state.compact_revision() {
            return Err(Error::Compacted {
                oldest_event: self.state.oldest_event,
                revision,
            });
        }
        self.past(revision)
    }

    /// The tree at a pinned revision, even if the oldest event has passed it since. Errors:
    /// [`Error::Compacted`] if the revision had been given up before it was pinned.
    pub fn at_pin(&self, pin: &Pin) -> Result<PastView<'_>, Error> {
        // A pin of the store before a move holds back nothing here.
        if !pin.is_effective() || !pin.is_of_one_store(&self.pin) {
            return Err(Error::Compacted {
                oldest_event: self.state.oldest_event,
                revision: pin.revision(),
            });
        }
        self.past(pin.revision())
    }

    fn past(&self, revision: u64) -> Result<PastView<'_>, Error> {
        if revision > self.revision() {
            return Err(Error::Future {
                revision,
                newest: self.revision(),
            });
        }
        Ok(PastView::new(&self.rows, revision))
    }

    /// Whether there was a node at `path` at `revision`. Errors as [`Self::at`].
    pub fn existed(&self, path: &KeyPath, revision: u64) -> Result<bool, Error> {
        Ok(self.at(revision)?.node(path)?.is_ok())
    }

    /// The events from revision `from` to the view's, oldest first, as far as they match. Below the
    /// oldest event the first item is [`Error::Compacted`].
    pub fn events(&self, from: u64, filter: EventFilter) -> Events<'_> {
        Events::new(&self.rows, &self.state, from, filter)
    }

    /// The versions of one path, newest first: every one above the state before the oldest event,
    /// and the one that was current then.
    pub fn history(&self, path: &KeyPath) -> Versions<'_> {
        Versions::new(&self.rows, path, self.state.compact_revision())
    }

    /// A row outside the tree.
    pub fn record(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        point::record(&self.rows, key)
    }

    /// The rows outside the tree whose key begins with `prefix`, in key order.
    pub fn records(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let first = meta::record_key(prefix);
        let mut cursor = self.rows.cursor(Column::Meta, None);
        let mut found = Vec::new();
        cursor.seek(&first);
        while let Some((row, value)) = cursor.row()? {
            let Some(name) = meta::record_name(row).filter(|_| row.starts_with(&first)) else {
                break;
            };
            found.push((Bytes::copy_from_slice(name), Bytes::copy_from_slice(value)));
            cursor.step();
        }
        Ok(found)
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
