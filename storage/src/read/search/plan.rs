//! What a search has still to look at, and by which way.

use crate::read::event::EventFilter;

use super::cost::{PROBE, SEEK_ROWS};
use super::subtree::Pass;

/// How a search goes on.
#[derive(Debug)]
pub(super) enum Way {
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
    pub(super) filter: EventFilter,
    /// The first revision that was not considered.
    pub(super) next: u64,
    pub(super) until: u64,
    pub(super) way: Way,
    /// Rows that the versions may still cost.
    pub(super) allowance: u64,
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

    pub(super) fn scans(&self) -> bool {
        matches!(self.way, Way::Probe { .. } | Way::Scan)
    }

    /// Pays for rows of `versions`; without the means for them the scan takes over.
    pub(super) fn pay(&mut self, rows: u64) {
        self.allowance = self.allowance.saturating_sub(rows);
        if self.allowance == 0 {
            self.way = Way::Scan;
        }
    }
}
