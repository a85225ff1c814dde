//! Expiry rows as a batch sees them: those that are committed, without what the batch has deleted,
//! and those that it has added. An expiry counts the rows that it passes, so a row must be seen
//! once, and only while it is there: then it makes no difference whether the commands before it are
//! committed.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::iter::Peekable;

use crate::engine::cursor::{Cursor, Source};
use crate::engine::database::Database;
use crate::error::Error;
use crate::format::column::Column;

/// What a batch has done to the expiry rows. The last word on a key counts, and any word on a key
/// comes before what is said of its range.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Rows that the batch has added (true) or deleted.
    rows: BTreeMap<Vec<u8>, bool>,
    passed: Passed,
}

/// Which committed rows an expiry of this batch has passed: they are gone, their nodes too.
#[derive(Debug, Default)]
enum Passed {
    #[default]
    None,
    /// All before this one.
    Before(Vec<u8>),
    All,
}

impl Pending {
    pub(crate) fn add(&mut self, row: Vec<u8>) {
        self.rows.insert(row, true);
    }

    pub(crate) fn delete(&mut self, row: Vec<u8>) {
        self.rows.insert(row, false);
    }

    /// An expiry has passed all rows before `next`, or all there are, and nothing is left of them;
    /// `meanwhile` is what it did to rows by itself.
    pub(crate) fn pass(&mut self, next: Option<&[u8]>, meanwhile: Pending) {
        let Some(next) = next else {
            self.rows.clear();
            self.passed = Passed::All;
            return;
        };
        self.rows.extend(meanwhile.rows);
        self.rows = self.rows.split_off(next);
        match &self.passed {
            Passed::All => {}
            Passed::Before(row) if row.as_slice() >= next => {}
            Passed::None | Passed::Before(_) => self.passed = Passed::Before(next.to_vec()),
        }
    }

    /// The rows that are there, in order, from `start` on.
    pub(crate) fn rows<'a>(&'a self, database: &'a Database, start: &[u8]) -> Rows<'a> {
        let stored = match &self.passed {
            Passed::All => None,
            Passed::None => Some(start),
            Passed::Before(row) => Some(row.as_slice().max(start)),
        };
        let stored = stored.map(|start| {
            let mut cursor = database.cursor(Column::Expiry, None);
            cursor.seek(start);
            cursor
        });
        Rows {
            stored,
            own: self.rows.range(start.to_vec()..).peekable(),
        }
    }
}

/// See [`Pending::rows`].
pub(crate) struct Rows<'a> {
    stored: Option<Cursor<'a>>,
    own: Peekable<btree_map::Range<'a, Vec<u8>, bool>>,
}

impl Rows<'_> {
    pub(crate) fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let stored = match &self.stored {
                Some(cursor) => cursor.row()?.map(|(row, _)| row),
                None => None,
            };
            let own = self.own.peek().map(|(row, _)| row.as_slice());
            let own_first = match (own, stored) {
                (None, None) => return Ok(None),
                (Some(own), Some(stored)) => own <= stored,
                (Some(_), None) => true,
                (None, Some(_)) => false,
            };
            // The word of the batch hides the committed row with the same key.
            let hides = own_first && own == stored;
            let row = if own_first {
                None
            } else {
                stored.map(<[u8]>::to_vec)
            };
            if let Some(cursor) = self.stored.as_mut().filter(|_| hides || !own_first) {
                cursor.step();
            }
            if row.is_some() {
                return Ok(row);
            }
            if let Some((row, true)) = self.own.next() {
                return Ok(Some(row.clone()));
            }
        }
    }
}
