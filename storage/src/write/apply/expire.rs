//! Expiry: what has lapsed goes, in the order of its deadlines.
//!
//! An expiry ends after a number of nodes, and before the node whose value and path would take those of
//! all it removes above a number of bytes: their events hold the values until they are published and
//! answered. Both are in the command. What is below a directory that lapses has no event; where it is removed
//! one by one its paths count for the nodes that follow, since the batch holds them.
//!
//! What one expiry does is decided by the expiry rows that are there when it begins, those without
//! a node included: their number bounds it ([`crate::bounds::Bounds::stale_rows`]). Rows without a
//! node are therefore replicated state, although no hash covers them: equal commands leave equal
//! rows on every member, whatever the batches ([`crate::write::expiry`]), and whoever copies a store to
//! another member copies them too. What the expiry itself deletes on its way it still meets, and
//! counts, whether it was committed before or added by the same batch: the rows below a directory
//! that lapsed.

use std::sync::Arc;

use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::StoredNode;
use crate::operation::{Action, Event, Outcome};
use crate::write::batch::Batch;
use crate::write::expiry::Rows;
use crate::write::row::EventFlags;

impl Batch<'_> {
    /// Removes nodes with a deadline at or before `cutoff`, by deadline, then key, `limit` at most, and
    /// with no more than `bytes` if they are more than one.
    /// What went with a directory has no event of its own (keys-api 7.3). A row that its node does
    /// not match is dropped.
    pub(super) fn expire(
        &mut self,
        cutoff: u64,
        limit: u32,
        bytes: Option<u64>,
    ) -> Result<Outcome, Error> {
        // No row is earlier than the earliest deadline, and what lies before is a field of
        // tombstones.
        let Some(earliest) = self.deadline.filter(|earliest| *earliest <= cutoff) else {
            return Ok(Outcome::Expired {
                events: Vec::new(),
                more: false,
            });
        };
        // The rows as they are now; what is deleted from here on is kept apart until the end.
        let core = Arc::clone(&self.core);
        let mut before = std::mem::take(&mut self.expiry);
        let due = before.rows(&core.database, &earliest.to_be_bytes());
        let room = Room {
            nodes: u64::from(limit),
            bytes,
        };
        let slice = self.remove_due(due, cutoff, room)?;
        self.drop_stale(slice.stale, earliest);
        let next = slice.next.as_ref();
        let meanwhile = std::mem::take(&mut self.expiry);
        before.pass(next.map(|(_, row)| row.as_slice()), meanwhile);
        self.expiry = before;
        self.deadline = next.map(|(deadline, _)| *deadline);
        self.deadline_moved = slice.doubtful;
        let (events, more) = (slice.events, slice.more);
        Ok(Outcome::Expired { events, more })
    }

    /// Goes through the rows and removes their nodes, up to the row where this expiry ends.
    fn remove_due(&mut self, mut due: Rows<'_>, cutoff: u64, room: Room) -> Result<Slice, Error> {
        let bounds = self.core.bounds;
        let mut slice = Slice::new(Stale::new(bounds.point_deletes));
        while let Some(row) = due.take()? {
            let (deadline, entry) = self.owner(&row)?;
            let full = entry.as_ref().is_some_and(|entry| !room.has(&slice, entry));
            let enough = entry.is_none() && slice.stale.count >= bounds.stale_rows;
            match entry {
                entry if deadline > cutoff || full || enough => {
                    slice.more = deadline <= cutoff && !enough;
                    slice.doubtful = entry.is_none();
                    slice.next = Some((deadline, row));
                    break;
                }
                Some(entry) => {
                    let below = self.removed_below;
                    slice.bytes += cost(&entry);
                    let event = self.remove(entry, Action::Expire, EventFlags::default())?;
                    slice.bytes += self.removed_below - below;
                    slice.events.push(event);
                }
                None => slice.stale.add(row),
            }
        }
        Ok(slice)
    }

    /// The deadline of an expiry row, and the node if it still has that deadline.
    fn owner(&mut self, row: &[u8]) -> Result<(u64, Option<StoredNode>), Error> {
        let wrong = || {
            Error::row(
                Column::Expiry.name(),
                row,
                "the key is no deadline and path",
            )
        };
        let (deadline, key) = key::split_expiry(row).ok_or_else(wrong)?;
        let path = key::path(key).ok_or_else(wrong)?;
        let entry = self.lookup(&path)?;
        let matches = |entry: &StoredNode| {
            entry
                .node
                .lifetime
                .is_some_and(|lifetime| lifetime.deadline == deadline)
        };
        Ok((deadline, entry.filter(matches)))
    }

    /// Deletes rows that nothing matches. Those of the nodes that were removed are deleted with
    /// them.
    fn drop_stale(&mut self, mut stale: Stale, earliest: u64) {
        let family = self.core.database.family(Column::Expiry);
        if stale.count > stale.kept {
            // A large subtree that went has left a row for each node. All rows so far are dead.
            stale.last.push(0);
            self.rows
                .delete_range_cf(family, &earliest.to_be_bytes()[..], &stale.last[..]);
        } else {
            stale
                .first
                .iter()
                .for_each(|row| self.rows.delete_cf(family, row));
        }
    }
}

/// What one expiry may remove.
struct Room {
    nodes: u64,
    bytes: Option<u64>,
}

impl Room {
    /// Whether `entry` may go as well.
    fn has(&self, slice: &Slice, entry: &StoredNode) -> bool {
        let number = slice.events.len() as u64;
        // The first goes whatever its size, or an expiry would never get past it.
        let fits = |bytes| number == 0 || slice.bytes + cost(entry) <= bytes;
        number < self.nodes && self.bytes.is_none_or(fits)
    }
}

/// What the event of a removal holds.
fn cost(entry: &StoredNode) -> u64 {
    let value = entry.node.value.as_ref().map_or(0, |value| value.len());
    (entry.node.path.as_bytes().len() + value) as u64
}

/// What one expiry has done.
struct Slice {
    events: Vec<Arc<Event>>,
    /// What they hold, with the paths that went below them.
    bytes: u64,
    /// Due nodes are left.
    more: bool,
    stale: Stale,
    /// The row where it ended, with its deadline; none if it came to the end of all rows.
    next: Option<(u64, Vec<u8>)>,
    /// No node has that row: it may be gone already.
    doubtful: bool,
}

impl Slice {
    fn new(stale: Stale) -> Self {
        Self {
            events: Vec::new(),
            bytes: 0,
            more: false,
            stale,
            next: None,
            doubtful: false,
        }
    }
}

/// Rows that no node matches: how many, the last, and the first few, which are all that point
/// deletes need.
struct Stale {
    kept: usize,
    first: Vec<Vec<u8>>,
    last: Vec<u8>,
    count: usize,
}

impl Stale {
    /// Keeps the first `kept`.
    fn new(kept: usize) -> Self {
        Self {
            kept,
            first: Vec::new(),
            last: Vec::new(),
            count: 0,
        }
    }

    fn add(&mut self, row: Vec<u8>) {
        self.count += 1;
        if self.first.len() < self.kept {
            self.first.push(row.clone());
        }
        self.last = row;
    }
}
