//! What a watcher lacks, read from the store in bounded steps.

use std::sync::Arc;
use std::time::Duration;

use storage::operation::Event;
use storage::{EventFilter, Search, Store, View};

use super::delivery::{Deliveries, Delivery, size};
use super::ended::Ended;
use super::matching::{Relation, relate};
use super::subscription::Subscription;

/// Revisions that are read on the caller's thread; more go to the readers.
pub(super) const INLINE_SPAN: u64 = 64;
/// Rows that one step looks at: a few milliseconds at most.
const STEP_ROWS: u64 = 4_096;
/// Events in one page, and bytes of them, the first event apart.
const PAGE_EVENTS: usize = 128;
const PAGE_BYTES: usize = 256 << 10;

/// A piece of history that a watcher reads.
#[derive(Debug)]
pub(super) struct HistoryReplay {
    subscription: Arc<Subscription>,
    search: Search,
}

/// What one step found.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What matched, in order.
    pub(super) events: Vec<Arc<Delivery>>,
    /// The bytes of the first event, if there was no room for it.
    pub(super) wants: Option<usize>,
}

impl Page {
    /// Neither found anything nor wants room: the next step may follow at once.
    pub(super) fn is_blank(&self) -> bool {
        self.events.is_empty() && self.wants.is_none()
    }
}

impl HistoryReplay {
    /// Of `[from, until]`.
    pub(super) fn new(subscription: Arc<Subscription>, from: u64, until: u64) -> Self {
        let target = &subscription.target;
        let filter = EventFilter::new(&target.path, target.recursive).without_refreshes();
        Self {
            search: Search::new(filter, from, until),
            subscription,
        }
    }

    /// The first revision that was not considered.
    pub(super) fn next(&self) -> u64 {
        self.search.next()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.search.is_finished()
    }

    /// The next step on the caller's thread, which waits for nothing but the disk. `None` while the store is being
    /// reopened.
    pub(super) fn step_at_once(
        &mut self,
        store: &Store,
        deliveries: &Deliveries,
    ) -> Result<Option<Page>, Ended> {
        match store.lease_within(Duration::ZERO) {
            Err(storage::Error::Reopening { .. }) => Ok(None),
            lease => self.read(&lease?.view(), deliveries).map(Some),
        }
    }

    /// The next step.
    pub(super) fn step(&mut self, store: &Store, deliveries: &Deliveries) -> Result<Page, Ended> {
        self.read(&store.lease()?.view(), deliveries)
    }

    fn read(&mut self, view: &View<'_>, deliveries: &Deliveries) -> Result<Page, Ended> {
        let subscription = Arc::clone(&self.subscription);
        let mut page = Page::default();
        let mut held = 0;
        let mut left_out = None;
        for event in view.search(&mut self.search, STEP_ROWS)? {
            let event = event?;
            if !concerns(view, &subscription, &event)? {
                continue;
            }
            let (bytes, revision) = (size(&event), event.revision);
            let fits = held == 0 || held + bytes <= PAGE_BYTES;
            let delivery = fits.then(|| deliveries.claim(Arc::new(event), held));
            let Some(delivery) = delivery.flatten() else {
                page.wants = (held == 0).then_some(bytes);
                left_out = Some(revision);
                break;
            };
            held += bytes;
            page.events.push(delivery);
            if subscription.once || page.events.len() >= PAGE_EVENTS {
                break;
            }
        }
        if let Some(revision) = left_out {
            self.search.give_back(revision);
        }
        Ok(page)
    }
}

fn concerns(
    view: &View<'_>,
    subscription: &Subscription,
    event: &Event,
) -> Result<bool, storage::Error> {
    let live = event.revision > subscription.history_until;
    Ok(match relate(&subscription.target, event) {
        Relation::None => false,
        Relation::Match => true,
        Relation::Hidden => !live,
        Relation::RemovedAbove if live => {
            view.existed(&subscription.target.path, event.revision - 1)?
        }
        Relation::RemovedAbove => true,
    })
}
