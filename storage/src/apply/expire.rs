//! Expiry: what has lapsed goes, in the order of its deadlines.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::Batch;
use crate::columns::Column;
use crate::database::{Cursor, Source};
use crate::error::Error;
use crate::key;
use crate::operation::{Action, Outcome};
use crate::record::Entry;
use crate::write::{Marks, POINT_DELETES};

/// Rows without a node that one expiry looks at: a subtree of a million nodes that went leaves as
/// many. The deadline it stops at is due already, so the next expiry follows at once.
const STALE_ROWS: usize = 50_000;

/// Expiry rows in order: the committed ones and those of the batch. Rows of nodes that went, or got
/// another deadline, are among them.
struct Due<'a> {
    stored: Cursor<'a>,
    added: VecDeque<Vec<u8>>,
}

impl Due<'_> {
    /// The next row.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let stored = self.stored.row()?.map(|(row, _)| row);
        let own = self
            .added
            .front()
            .is_some_and(|added| stored.is_none_or(|stored| added.as_slice() < stored));
        if own {
            return Ok(self.added.pop_front());
        }
        let row = stored.map(<[u8]>::to_vec);
        if row.is_some() {
            self.stored.step();
        }
        Ok(row)
    }
}

impl Batch<'_> {
    /// Removes nodes with a deadline at or before `cutoff`, by deadline, then key, `limit` at most.
    /// What went with a directory has no event of its own (keys-api 7.3). A row that its node does
    /// not match is dropped.
    pub(super) fn expire(&mut self, cutoff: u64, limit: u32) -> Result<Outcome, Error> {
        // No row is earlier than the earliest deadline, and what lies before is a field of
        // tombstones.
        let Some(earliest) = self.deadline.filter(|earliest| *earliest <= cutoff) else {
            return Ok(Outcome::Expired {
                events: Vec::new(),
                more: false,
            });
        };
        let core = Arc::clone(&self.core);
        let mut due = Due {
            stored: core.database.cursor(Column::Expiry, None),
            added: self.overlay.deadlines().map(<[u8]>::to_vec).collect(),
        };
        due.stored.seek(&earliest.to_be_bytes());
        let mut events = Vec::new();
        let mut stale = Stale::default();
        let (mut more, mut next, mut doubtful) = (false, None, false);
        while let Some(row) = due.take()? {
            let (deadline, entry) = self.owner(&row)?;
            let full = events.len() as u64 >= u64::from(limit);
            let enough = entry.is_none() && stale.count >= STALE_ROWS;
            match entry {
                entry if deadline > cutoff || (entry.is_some() && full) || enough => {
                    more = deadline <= cutoff && !enough;
                    doubtful = entry.is_none();
                    next = Some((deadline, row));
                    break;
                }
                Some(entry) => events.push(self.remove(entry, Action::Expire, Marks::default())?),
                None => stale.add(row),
            }
        }
        self.drop_stale(stale, earliest);
        self.overlay
            .drop_deadlines_before(next.as_ref().map(|(_, row)| row.as_slice()));
        self.deadline = next.map(|(deadline, _)| deadline);
        self.deadline_moved = doubtful;
        Ok(Outcome::Expired { events, more })
    }

    /// The deadline of an expiry row, and the node if it still has that deadline.
    fn owner(&mut self, row: &[u8]) -> Result<(u64, Option<Entry>), Error> {
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
        let matches = |entry: &Entry| {
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
        if stale.count > POINT_DELETES {
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

/// Rows that no node matches: how many, the last, and the first few, which are all that point
/// deletes need.
#[derive(Default)]
struct Stale {
    first: Vec<Vec<u8>>,
    last: Vec<u8>,
    count: usize,
}

impl Stale {
    fn add(&mut self, row: Vec<u8>) {
        self.count += 1;
        if self.first.len() < POINT_DELETES {
            self.first.push(row.clone());
        }
        self.last = row;
    }
}
