//! One step: the ways to the next event, over the cursors of one view.

use crate::engine::cursor::{Cursor, SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::event_row::{self, EventRow};
use crate::operation::Event;
use crate::read::event::load;
use crate::read::view::View;

use super::cost::{LOAD_ROWS, PROBE, SEEK_ROWS, SPARSE};
use super::lineage::Lineage;
use super::plan::{Search, Way};
use super::subtree::Pass;

/// One step of a search over one view. Made by [`View::search`].
pub struct Step<'a> {
    rows: &'a SnapshotRows<'a>,
    changes: Cursor<'a>,
    /// Whether `changes` stands at the event before the position.
    placed: bool,
    /// Opened for the first event that matches.
    versions: Option<Cursor<'a>>,
    lineage: Option<Lineage<'a>>,
    search: &'a mut Search,
    left: u64,
    /// A step that was given too little gets on by one row all the same.
    begun: bool,
    scratch: Vec<u8>,
}

impl<'a> Step<'a> {
    fn new(rows: &'a SnapshotRows<'a>, search: &'a mut Search, left: u64) -> Self {
        let lineage = match search.way {
            Way::Lineage => Some(Lineage::new(rows, search.filter.key(), search.next)),
            _ => None,
        };
        Self {
            rows,
            changes: rows.cursor(Column::Events, None),
            placed: false,
            versions: None,
            lineage,
            search,
            left,
            begun: false,
            scratch: Vec::with_capacity(64),
        }
    }

    fn seek(&mut self) -> Result<Option<Event>, Error> {
        while !self.search.is_finished() && (self.left > 0 || !self.begun) {
            self.begun = true;
            let found = match &self.search.way {
                Way::Probe { .. } => self.probe(),
                Way::Scan => self.scan(),
                Way::Lineage => self.follow_lineage(),
                Way::Subtree(_) => self.follow_subtree(),
            };
            match found {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(error) if self.search.scans() || error.damage().is_none() => return Err(error),
                // The events may be whole.
                Err(_) => self.search.way = Way::Scan,
            }
        }
        Ok(None)
    }

    fn spend(&mut self, rows: u64) {
        self.left = self.left.saturating_sub(rows);
    }

    /// Looks at the event at the position, or the first one behind it.
    fn scan(&mut self) -> Result<Option<Event>, Error> {
        if std::mem::replace(&mut self.placed, true) {
            self.changes.step();
            self.spend(1);
        } else {
            self.changes.seek(&self.search.next.to_be_bytes());
            self.spend(SEEK_ROWS);
        }
        let revision = match self.changes.row()? {
            Some((row, _)) => event_row::revision(row)
                .ok_or_else(|| self.changes.damage(row, "the key is no revision"))?,
            None => u64::MAX,
        };
        if revision > self.search.until {
            self.search.next = self.search.until + 1;
            return Ok(None);
        }
        let found = self.take(revision)?;
        self.search.next = revision + 1;
        Ok(found)
    }

    fn probe(&mut self) -> Result<Option<Event>, Error> {
        let found = self.scan()?;
        let Way::Probe { left, matched } = &mut self.search.way else {
            return Ok(found);
        };
        *left -= 1;
        *matched += u64::from(found.is_some());
        if *left == 0 {
            let dense = *matched * SPARSE >= PROBE;
            self.search.way = if dense {
                Way::Scan
            } else {
                Way::Subtree(Pass::default())
            };
            self.search.allowance = (self.search.until + 1).saturating_sub(self.search.next);
        }
        Ok(found)
    }

    /// Considers the next revision that a version of the path, or the removal of a directory above it, names.
    fn follow_lineage(&mut self) -> Result<Option<Event>, Error> {
        let Some(lineage) = &mut self.lineage else {
            self.search.way = Way::Scan;
            return Ok(None);
        };
        let before = lineage.looked;
        let candidate = lineage.next(self.search.until)?;
        let cost = lineage.looked - before;
        self.spend(cost);
        let found = match candidate {
            None => {
                self.search.next = self.search.until + 1;
                return Ok(None);
            }
            Some(candidate) => {
                let found = match candidate.may_match {
                    true => self.look_up(candidate.revision)?,
                    false => None,
                };
                self.search.next = candidate.revision + 1;
                found
            }
        };
        self.search.pay(cost + SEEK_ROWS);
        Ok(found)
    }

    /// Gets on with a pass over the subtree's versions, or considers the next revision that it found.
    fn follow_subtree(&mut self) -> Result<Option<Event>, Error> {
        let Way::Subtree(pass) = &mut self.search.way else {
            return Ok(None);
        };
        if !pass.is_complete() {
            let range = self.search.next..=self.search.until;
            let budget = self.left.min(self.search.allowance).max(1);
            let looked = pass.run(self.rows, self.search.filter.key(), range, budget)?;
            if pass.is_complete() {
                self.search.next = pass.first().unwrap_or(self.search.until + 1);
            }
            self.spend(looked);
            self.search.pay(looked);
            return Ok(None);
        }
        let (candidate, rest) = (pass.take(), pass.first());
        let next = match rest {
            Some(next) => next,
            // Nothing of the range lies behind what a whole pass found.
            None if pass.is_whole() => self.search.until + 1,
            None => candidate.map_or(self.search.until, |last| last) + 1,
        };
        let again = rest.is_none() && !pass.is_whole();
        let found = match candidate {
            Some(revision) => self.look_up(revision)?,
            None => None,
        };
        self.search.next = next;
        if again {
            self.search.way = Way::Subtree(Pass::default());
        }
        Ok(found)
    }

    /// The event at a revision that a version names, if it matches.
    fn look_up(&mut self, revision: u64) -> Result<Option<Event>, Error> {
        let key = revision.to_be_bytes();
        self.placed = false;
        self.changes.seek(&key);
        self.spend(SEEK_ROWS);
        let found = self.changes.row()?.is_some_and(|(row, _)| row == key);
        if !found {
            let reason = "an event above the compact revision is missing";
            return Err(Error::row(Column::Events.name(), &key, reason));
        }
        self.take(revision)
    }

    /// The event under the cursor, if it matches.
    fn take(&mut self, revision: u64) -> Result<Option<Event>, Error> {
        let Some((row, value)) = self.changes.row()? else {
            return Ok(None);
        };
        let change = EventRow::decode(value).map_err(|reason| self.changes.damage(row, reason))?;
        if !self.search.filter.matches(&change) {
            return Ok(None);
        }
        self.left = self.left.saturating_sub(LOAD_ROWS);
        let rows = self.rows;
        let versions = self
            .versions
            .get_or_insert_with(|| rows.cursor(Column::Versions, None));
        load(versions, revision, &change, &mut self.scratch).map(Some)
    }
}

impl Iterator for Step<'_> {
    type Item = Result<Event, Error>;

    /// The next event that matches; `None` when the rows of this step are spent, or the search is
    /// finished.
    fn next(&mut self) -> Option<Self::Item> {
        self.seek().transpose()
    }
}

impl View<'_> {
    /// Goes on with a search, for about `rows` rows. Errors: [`Error::Compacted`] if the oldest event has
    /// passed its position.
    pub fn search<'a>(&'a self, search: &'a mut Search, rows: u64) -> Result<Step<'a>, Error> {
        if search.next < self.state.oldest_event {
            return Err(Error::Compacted {
                oldest_event: self.state.oldest_event,
                revision: search.next,
            });
        }
        Ok(Step::new(&self.rows, search, rows))
    }
}
