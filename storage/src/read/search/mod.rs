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
mod step;
mod subtree;

use crate::error::Error;
use crate::read::event::EventFilter;
use crate::read::view::View;

pub use step::Step;
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
        Ok(Step::new(&self.rows, search, rows))
    }
}
