//! The versions of a path and of every directory above it, in the order of their revisions.
//!
//! Within a path versions lie newest first, so the cursor goes backwards. One cursor serves all names:
//! it stays with a name while the next version is the same name's, and seeks where it is another's.

use crate::engine::cursor::{Cursor, SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::NodeRow;

use super::cost::SEEK_ROWS;

/// A revision at which something was written to one of the paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) revision: u64,
    /// The path itself, or the removal of a directory above it.
    pub(super) may_match: bool,
}

/// A path: the key's length, and its first version at or behind the position.
struct PathVersions {
    len: usize,
    head: Option<Candidate>,
}

pub(super) struct Lineage<'v> {
    cursor: Cursor<'v>,
    key: Vec<u8>,
    from: u64,
    /// From the top down, the path itself last; without the root, which has no versions.
    names: Vec<PathVersions>,
    begun: bool,
    /// The name whose head the cursor stands at.
    at: Option<usize>,
    scratch: Vec<u8>,
    /// Rows looked at so far; a seek counts as several.
    pub(super) looked: u64,
}

impl<'v> Lineage<'v> {
    pub(super) fn new(rows: &'v SnapshotRows<'v>, key: &[u8], from: u64) -> Self {
        let ends = key.iter().enumerate().filter(|(_, byte)| **byte == 0);
        Self {
            cursor: rows.cursor(Column::Versions, None),
            key: key.to_vec(),
            from,
            names: ends
                .map(|(at, _)| PathVersions {
                    len: at + 1,
                    head: None,
                })
                .collect(),
            begun: false,
            at: None,
            scratch: Vec::with_capacity(key.len() + 9),
            looked: 0,
        }
    }

    /// The next revision up to `until`; `None` at the end.
    pub(super) fn next(&mut self, until: u64) -> Result<Option<Candidate>, Error> {
        if !std::mem::replace(&mut self.begun, true) {
            for name in 0..self.names.len() {
                self.seek(name, self.from)?;
            }
        }
        let heads = self.names.iter().filter_map(|name| name.head);
        let Some(revision) = heads.map(|head| head.revision).min() else {
            return Ok(None);
        };
        if revision > until {
            return Ok(None);
        }
        let mut may_match = false;
        for name in 0..self.names.len() {
            let head = self.names[name].head;
            if let Some(head) = head.filter(|head| head.revision == revision) {
                may_match |= head.may_match;
                self.advance(name, revision)?;
            }
        }
        Ok(Some(Candidate {
            revision,
            may_match,
        }))
    }

    /// Places the cursor at the first version of a name at or behind `revision`.
    fn seek(&mut self, name: usize, revision: u64) -> Result<(), Error> {
        key::version(
            &self.key[..self.names[name].len],
            revision,
            &mut self.scratch,
        );
        self.cursor.seek_back(&self.scratch);
        self.looked += SEEK_ROWS;
        self.read(name)
    }

    fn advance(&mut self, name: usize, revision: u64) -> Result<(), Error> {
        if self.at != Some(name) {
            return self.seek(name, revision + 1);
        }
        self.cursor.step_back();
        self.looked += 1;
        self.read(name)
    }

    /// Takes the row under the cursor as the head of a name, if it is one of its versions.
    fn read(&mut self, name: usize) -> Result<(), Error> {
        self.at = Some(name);
        let len = self.names[name].len;
        let own = len == self.key.len();
        let head = match self.cursor.row()? {
            Some((row, value)) => key::split_version(row)
                .filter(|(path, _)| *path == &self.key[..len])
                .map(|(_, revision)| Candidate {
                    revision,
                    may_match: own || NodeRow::is_tombstone(value),
                }),
            None => None,
        };
        self.names[name].head = head;
        Ok(())
    }
}
