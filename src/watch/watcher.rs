//! One watch: a bounded queue that the apply thread fills and a connection drains.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use storage::operation::Event;
use tokio::task::JoinHandle;

use super::hub::Hub;
use super::replay::{self, Page};
use super::{QUEUE_LIMIT, Target};

/// Why a watch ended before its client did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// History moved past a watcher that was too slow.
    #[error("the watch fell behind the history that is kept")]
    Compacted,
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// Nothing is applied any more, so the event that it waits for cannot come.
    #[error("no event will come any more: {0}")]
    Mute(Arc<str>),
    /// The store could not be read.
    #[error("the history could not be read: {0}")]
    Failed(String),
    /// The part of the history that it needs is damaged.
    #[error("the history could not be read: {0}")]
    Damaged(Box<storage::Damage>),
}

/// The part that hub and connection share.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) target: Target,
    /// Earlier events do not count.
    pub(super) from: u64,
    /// A long poll wants one event only.
    once: bool,
    /// Revisions up to here follow the history rules, later ones the live rules.
    pub(super) history_until: u64,
    // Lock order: the hub's registry before a slot. Held for a push or a pop.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<(Arc<Event>, Instant)>,
    /// The first revision that is not in the queue and must come from the store; `None` when live.
    behind: Option<u64>,
    stopped: bool,
    /// Why nothing comes after what the store has.
    mute: Option<Arc<str>>,
    waker: Option<Waker>,
}

impl Slot {
    pub(super) fn new(id: u64, target: Target, from: u64, published: u64, once: bool) -> Self {
        let behind = (from != 0 && from <= published).then_some(from);
        let state = State {
            queue: VecDeque::new(),
            behind,
            stopped: false,
            mute: None,
            waker: None,
        };
        Self {
            id,
            target,
            from,
            once,
            history_until: published,
            state: Mutex::new(state),
        }
    }

    /// The apply thread hands over an event that matches. Returns false when the watcher has fallen behind by it.
    pub(super) fn push(&self, event: &Arc<Event>, published: Instant) -> bool {
        let mut state = self.lock();
        if event.revision < self.from
            || state.behind.is_some()
            || (self.once && !state.queue.is_empty())
        {
            return true;
        }
        let fits = state.queue.len() < QUEUE_LIMIT;
        if fits {
            state.queue.push_back((event.clone(), published));
        } else {
            state.behind = Some(event.revision);
        }
        wake(state);
        fits
    }

    /// Whether one event ends the watch.
    pub(super) fn once(&self) -> bool {
        self.once
    }

    /// The store is to decide about the events from `revision` on.
    pub(super) fn fall_behind(&self, revision: u64) {
        let mut state = self.lock();
        state.behind.get_or_insert(revision);
        wake(state);
    }

    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        wake(state);
    }

    /// What is published is still delivered; after that the watch ends.
    pub(super) fn mute(&self, reason: &Arc<str>) {
        let mut state = self.lock();
        state.mute = Some(reason.clone());
        wake(state);
    }

    /// Under the hub's lock: everything up to `published` was considered.
    pub(super) fn caught_up(&self, next: u64, published: u64) -> bool {
        let mut state = self.lock();
        let live = next > published;
        state.behind = (!live).then_some(next);
        live
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A registered watch; dropping it ends it.
pub struct Watcher {
    slot: Arc<Slot>,
    hub: Arc<Hub>,
    store: storage::Store,
    ready: VecDeque<Arc<Event>>,
    reading: Option<JoinHandle<Result<Page, Ended>>>,
}

enum Next {
    Event(Arc<Event>),
    Behind(u64),
    Wait,
}

impl Watcher {
    pub(super) fn new(slot: Arc<Slot>, hub: Arc<Hub>, store: storage::Store) -> Self {
        Self {
            slot,
            hub,
            store,
            ready: VecDeque::new(),
            reading: None,
        }
    }

    /// The next event in order, or why there will be none.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Arc<Event>, Ended>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Ok(event));
            }
            if let Some(reading) = &mut self.reading {
                let page = match Pin::new(reading).poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(page)) => page,
                    Poll::Ready(Err(error)) => Err(Ended::Failed(error.to_string())),
                };
                self.reading = None;
                self.take_page(page?);
                continue;
            }
            match self.next_queued(context)? {
                Next::Event(event) => return Poll::Ready(Ok(event)),
                Next::Wait => return Poll::Pending,
                Next::Behind(from) => self.read_history(from)?,
            }
        }
    }

    fn next_queued(&self, context: &mut Context<'_>) -> Result<Next, Ended> {
        let mut state = self.slot.lock();
        if let Some((event, published)) = state.queue.pop_front() {
            drop(state);
            self.hub.delivered(published);
            return Ok(Next::Event(event));
        }
        if state.stopped {
            return Err(Ended::Stopped);
        }
        if let Some(from) = state.behind {
            return Ok(Next::Behind(from));
        }
        if let Some(reason) = &state.mute {
            return Err(Ended::Mute(reason.clone()));
        }
        state.waker = Some(context.waker().clone());
        Ok(Next::Wait)
    }

    /// A short piece of history is read at once, a long one on a thread that may block.
    fn read_history(&mut self, from: u64) -> Result<(), Ended> {
        let published = self.hub.published();
        if published.saturating_sub(from) < replay::INLINE_SPAN {
            let page = replay::read(&self.store, &self.slot, from, published)?;
            self.take_page(page);
            return Ok(());
        }
        let (store, slot) = (self.store.clone(), self.slot.clone());
        self.reading = Some(tokio::task::spawn_blocking(move || {
            replay::read(&store, &slot, from, published)
        }));
        Ok(())
    }

    fn take_page(&mut self, page: Page) {
        self.ready.extend(page.events);
        self.hub.catch_up(&self.slot, page.next);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.hub.forget(&self.slot);
    }
}
