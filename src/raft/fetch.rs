//! Entries that a follower needs and only the disk has: asked for here, read elsewhere, so that a slow disk holds up no
//! heartbeat.
//!
//! The crate asks the log; what is not in memory is *temporarily unavailable*, and an order is written down. Whoever reads it
//! brings the entries, and the crate asks again, once for each time that it asked before.

use std::cell::RefCell;
use std::collections::BTreeMap;

use raft::GetEntriesContext;

use super::log_read::LogRead;

/// A context does not say whose it is: of the first that asked, all followers of a small cluster are among them.
const CONTEXTS_MAX: usize = 16;

/// Entries in `[low, high)`, about `max_bytes` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fetch {
    low: u64,
    high: u64,
    max_bytes: usize,
}

/// What the disk gave.
#[derive(Debug)]
pub(crate) struct FetchedEntries {
    pub(super) low: u64,
    pub(super) outcome: Result<Vec<wal::Entry>, wal::Error>,
}

impl Fetch {
    /// Reads them; blocks for as long as the disk takes.
    pub(crate) fn read(self, reader: &impl LogRead) -> FetchedEntries {
        FetchedEntries {
            low: self.low,
            outcome: reader.entries(self.low, self.high, self.max_bytes),
        }
    }
}

#[derive(Debug)]
struct Order {
    fetch: Fetch,
    /// Whether somebody reads it.
    taken: bool,
    /// Who asked.
    contexts: Vec<GetEntriesContext>,
}

/// See the module. Of each first index there is one order at a time, and there are as few as there are followers.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    orders: RefCell<BTreeMap<u64, Order>>,
    /// What came, while the crate asks again.
    arrived: RefCell<Option<(u64, Vec<wal::Entry>)>>,
}

impl Fetches {
    /// What came of these entries, or `None` and an order.
    pub(super) fn entries(
        &self,
        (low, high): (u64, u64),
        max_bytes: usize,
        context: GetEntriesContext,
    ) -> Option<Vec<wal::Entry>> {
        if let Some((first, entries)) = &*self.arrived.borrow()
            && *first == low
        {
            return Some(entries.clone());
        }
        let mut orders = self.orders.borrow_mut();
        let order = orders.entry(low).or_insert_with(|| Order {
            fetch: Fetch {
                low,
                high,
                max_bytes,
            },
            taken: false,
            contexts: Vec::new(),
        });
        // Each heartbeat asks again; what was asked for by a follower is sent to it once.
        if order.contexts.len() < CONTEXTS_MAX {
            order.contexts.push(context);
        }
        None
    }

    /// The orders that nobody reads yet.
    pub(super) fn take(&self) -> Vec<Fetch> {
        let mut orders = self.orders.borrow_mut();
        let new = orders.values_mut().filter(|order| !order.taken);
        new.map(|order| {
            order.taken = true;
            order.fetch
        })
        .collect()
    }

    /// Entries came, or could not be read (then nothing is at hand). Who asked.
    pub(super) fn arrive(
        &self,
        low: u64,
        entries: Option<Vec<wal::Entry>>,
    ) -> Vec<GetEntriesContext> {
        *self.arrived.borrow_mut() = entries.map(|entries| (low, entries));
        let order = self.orders.borrow_mut().remove(&low);
        order.map_or_else(Vec::new, |order| order.contexts)
    }

    /// The crate has asked again.
    pub(super) fn settle(&self) {
        *self.arrived.borrow_mut() = None;
    }

    /// Nobody waits any more: the log begins anew.
    pub(super) fn clear(&self) {
        self.orders.borrow_mut().clear();
        self.settle();
    }
}
