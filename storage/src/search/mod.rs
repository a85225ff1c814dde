//! A search for the events of one path, or of a subtree, in bounded steps that may lie far apart.
//!
//! A scan of `events` costs as much as has happened, whatever is sought. `versions` are sorted by path:
//! each event of a path has a version there, with the event's revision, so the versions of the path and
//! of the directories above it (whose removal concerns it) name every revision that can match. They
//! name more: directories made on the way have versions and no event of their own, and a directory
//! above has many that are no removal. So a version is only a candidate; the event's own row decides,
//! by the same filter as in a scan.
//!
//! | sought | rows looked at |
//! |---|---|
//! | one path | its versions and those of the directories above, in the order of revisions ([`lineage`]) |
//! | a subtree | a scan of the first [`PROBE`] events; if few match, the subtree's range of `versions` ([`subtree`]) |
//!
//! What that costs is known only afterwards, what a scan costs is: one row for each revision. Once the
//! versions have cost as much as the scan would, the scan takes over, so a search never costs more than
//! twice the scan. Damage in `versions` makes the scan take over as well.
//!
//! A step looks at a given number of rows and at no less than one. Between steps nothing is held, so
//! the floor may pass the position: that fails the next step.

mod lineage;
mod subtree;

use crate::change::{self, Change};
use crate::columns::Column;
use crate::database::{Cursor, Frozen, Source};
use crate::error::Error;
use crate::events::{EventFilter, load};
use crate::operation::Event;
use crate::view::View;
use lineage::Lineage;
use subtree::Pass;

/// What a look by seek counts, in rows: it costs about as much as so many steps.
const SEEK_ROWS: u64 = 16;
/// What an event counts whose nodes are read.
const LOAD_ROWS: u64 = 2 * SEEK_ROWS;
/// Events of a search in a subtree that are scanned before anything else is tried.
const PROBE: u64 = 1_024;
/// If one of so many matched, the scan goes on: other ways pay for fewer.
const SPARSE: u64 = 16;

/// How a search goes on.
#[derive(Debug)]
enum Way {
    /// A subtree: a scan that ends after `left` events, unless many of them match.
    Probe {
        left: u64,
        matched: u64,
    },
    Scan,
    Lineage,
    Subtree(Pass),
}

/// The state of a search between its steps. It holds nothing of the store.
#[derive(Debug)]
pub struct Search {
    filter: EventFilter,
    /// The first revision that was not considered.
    next: u64,
    until: u64,
    way: Way,
    /// Rows that the versions may still cost.
    allowance: u64,
}

impl Search {
    /// For the events in `[from, until]`; `until` must not lie above the revision of any view that it
    /// is given.
    pub fn new(filter: EventFilter, from: u64, until: u64) -> Self {
        let span = (until + 1).saturating_sub(from);
        let way = if filter.is_everything() {
            Way::Scan
        } else if filter.is_recursive() {
            Way::Probe {
                left: PROBE,
                matched: 0,
            }
        } else {
            Way::Lineage
        };
        let mut search = Self {
            filter,
            next: from,
            until,
            way,
            allowance: span,
        };
        search.scan_if_cheaper();
        search
    }

    /// The first revision that was not considered yet: above `until` at the end.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether all was considered.
    pub fn is_finished(&self) -> bool {
        self.next > self.until
    }

    /// The event at `revision`, which the last step gave, is to be given again.
    pub fn give_back(&mut self, revision: u64) {
        self.next = revision;
        if let Way::Subtree(pass) = &mut self.way {
            pass.give_back(revision);
        }
    }

    /// Even to begin, the versions need a seek for each name; where that is more than is left to scan, they are not asked.
    fn scan_if_cheaper(&mut self) {
        let seeks = self.filter.depth() as u64 * SEEK_ROWS;
        if matches!(self.way, Way::Lineage) && self.allowance <= seeks {
            self.way = Way::Scan;
        }
    }

    fn scans(&self) -> bool {
        matches!(self.way, Way::Probe { .. } | Way::Scan)
    }

    /// Pays for rows of `versions`; without the means for them the scan takes over.
    fn pay(&mut self, rows: u64) {
        self.allowance = self.allowance.saturating_sub(rows);
        if self.allowance == 0 {
            self.way = Way::Scan;
        }
    }
}

impl View<'_> {
    /// Goes on with a search, for about `rows` rows. Errors: [`Error::Compacted`] if the floor has
    /// passed its position.
    pub fn search<'a>(&'a self, search: &'a mut Search, rows: u64) -> Result<Step<'a>, Error> {
        if search.next < self.state.floor {
            return Err(Error::Compacted {
                floor: self.state.floor,
                revision: search.next,
            });
        }
        let (filter, next) = (&search.filter, search.next);
        let lineage = match search.way {
            Way::Lineage => Some(Lineage::new(&self.rows, filter.key(), next)),
            _ => None,
        };
        Ok(Step {
            rows: &self.rows,
            changes: self.rows.cursor(Column::Events, None),
            placed: false,
            versions: None,
            lineage,
            search,
            left: rows,
            begun: false,
            scratch: Vec::with_capacity(64),
        })
    }
}

/// One step of a search over one view. Made by [`View::search`].
pub struct Step<'a> {
    rows: &'a Frozen<'a>,
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

impl Step<'_> {
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
            Some((row, _)) => change::revision(row)
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
            let reason = "an event above the floor's is missing";
            return Err(Error::row(Column::Events.name(), &key, reason));
        }
        self.take(revision)
    }

    /// The event under the cursor, if it matches.
    fn take(&mut self, revision: u64) -> Result<Option<Event>, Error> {
        let Some((row, value)) = self.changes.row()? else {
            return Ok(None);
        };
        let change = Change::decode(value).map_err(|reason| self.changes.damage(row, reason))?;
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
