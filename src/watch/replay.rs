//! Reading the revisions a watcher lacks from the store.

use std::sync::Arc;

use storage::operation::{Event, Node};
use storage::{EventFilter, Store, View};

use super::matching::{Relation, relate};
use super::watcher::{Ended, Slot};

/// Revisions that are read on the caller's thread; more go to a thread that may block.
pub(super) const INLINE_SPAN: u64 = 64;

/// Matching events in one page: bounds the memory of a watcher that is far behind.
const PAGE_EVENTS: usize = 256;
/// Bytes of values in one page, the last event's apart.
const PAGE_BYTES: usize = 1 << 20;

/// A piece of history.
#[derive(Debug)]
pub(super) struct Page {
    /// What matched, in order.
    pub(super) events: Vec<Arc<Event>>,
    /// The first revision not considered yet.
    pub(super) next: u64,
}

/// Reads `[from, until]`, or as far as a page goes.
pub(super) fn read(store: &Store, slot: &Slot, from: u64, until: u64) -> Result<Page, Ended> {
    let failed = |error: storage::Error| match error {
        storage::Error::Compacted { .. } => Ended::Compacted,
        other => match other.damage() {
            Some(damage) => Ended::Damaged(Box::new(damage)),
            None => Ended::Failed(other.to_string()),
        },
    };
    let lease = store.lease().map_err(failed)?;
    let view = lease.view();
    if from < view.floor() {
        return Err(Ended::Compacted);
    }
    let filter = EventFilter::new(&slot.target.path, slot.target.recursive).without_refreshes();
    let mut events = Vec::new();
    let mut bytes = 0;
    for event in view.events(from, filter) {
        let event = event.map_err(failed)?;
        if event.revision > until {
            break;
        }
        let revision = event.revision;
        if concerns(&view, slot, &event).map_err(failed)? {
            bytes += size(&event);
            events.push(Arc::new(event));
            if slot.once() || events.len() >= PAGE_EVENTS || bytes >= PAGE_BYTES {
                return Ok(Page {
                    events,
                    next: revision + 1,
                });
            }
        }
    }
    // Never backwards: what the queue held may lie above what was published when the caller looked.
    Ok(Page {
        events,
        next: (until + 1).max(from),
    })
}

fn size(event: &Event) -> usize {
    let value = |node: &Node| node.value.as_ref().map_or(0, |value| value.len());
    value(&event.node) + event.prev.as_ref().map_or(0, value)
}

fn concerns(view: &View<'_>, slot: &Slot, event: &Event) -> Result<bool, storage::Error> {
    let live = event.revision > slot.history_until;
    Ok(match relate(&slot.target, event) {
        Relation::None => false,
        Relation::Match => true,
        Relation::Hidden => !live,
        Relation::RemovedAbove if live => view.existed(&slot.target.path, event.revision - 1)?,
        Relation::RemovedAbove => true,
    })
}
