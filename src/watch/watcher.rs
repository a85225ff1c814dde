//! One watch, as its connection sees it: what is queued, or what history has until it may be live again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::budget::Place;
use super::hub::Hub;
use super::readers::Reading;
use super::replay::{self, Page, Replay};
use super::slot::{Delivery, Slot};

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

/// A registered watch; dropping it ends it, and gives back all that it holds or waits for.
pub struct Watcher {
    slot: Arc<Slot>,
    hub: Arc<Hub>,
    /// What was read from history and not taken yet.
    ready: VecDeque<Arc<Delivery>>,
    history: History,
    /// The revision of the event that was handed out last.
    delivered: u64,
}

/// How a watcher stands to history.
enum History {
    /// It reads none.
    Idle,
    /// It has read a part, and goes on when that is taken.
    Between(Replay),
    Reading(Reading),
    /// The next event has no room.
    Wanting {
        replay: Replay,
        bytes: usize,
        place: Option<Place>,
    },
}

enum Next {
    Event(Arc<Delivery>),
    Behind(u64),
    Wait,
}

impl Watcher {
    pub(super) fn new(slot: Arc<Slot>, hub: Arc<Hub>) -> Self {
        Self {
            slot,
            hub,
            ready: VecDeque::new(),
            history: History::Idle,
            delivered: 0,
        }
    }

    /// The next event in order, or why there will be none.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Arc<Delivery>, Ended>> {
        let next = self.poll_event(context);
        if let Poll::Ready(Ok(event)) = &next {
            assert!(
                event.revision > self.delivered,
                "invariant watch-order: the event of revision {} follows that of {}",
                event.revision,
                self.delivered
            );
            self.delivered = event.revision;
        }
        next
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Arc<Delivery>, Ended>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Ok(event));
            }
            match std::mem::replace(&mut self.history, History::Idle) {
                History::Idle => match self.next_queued(context)? {
                    Next::Event(event) => return Poll::Ready(Ok(event)),
                    Next::Wait => return Poll::Pending,
                    Next::Behind(from) => self.begin(from)?,
                },
                // What follows from it is found there: the watch ends.
                History::Between(_) if self.slot.lock().stopped => {}
                History::Between(replay) => self.go_on(replay)?,
                History::Reading(reading) => match reading.poll(context) {
                    Poll::Ready(read) => {
                        let (replay, page) = read?;
                        self.take_page(replay, page);
                    }
                    Poll::Pending => {
                        self.history = History::Reading(reading);
                        return Poll::Pending;
                    }
                },
                History::Wanting {
                    replay,
                    bytes,
                    place,
                } => ready!(self.await_room(replay, bytes, place, context)),
            }
        }
    }

    fn next_queued(&self, context: &mut Context<'_>) -> Result<Next, Ended> {
        let mut state = self.slot.lock();
        let woken = std::mem::take(&mut state.woken);
        let next = if let Some((event, published)) = state.pop() {
            self.hub.delivered(published);
            Ok(Next::Event(event))
        } else if state.stopped {
            Err(Ended::Stopped)
        } else if let Some(from) = state.behind {
            Ok(Next::Behind(from))
        } else if let Some(reason) = &state.mute {
            Err(Ended::Mute(reason.clone()))
        } else {
            state.waker = Some(context.waker().clone());
            Ok(Next::Wait)
        };
        drop(state);
        if woken {
            self.hub.wakes().looked();
        }
        next
    }

    /// A short piece of history is read at once, a long one by the readers.
    fn begin(&mut self, from: u64) -> Result<(), Ended> {
        let published = self.hub.published();
        let mut replay = Replay::new(Arc::clone(&self.slot), from, published);
        if published.saturating_sub(from) >= replay::INLINE_SPAN {
            return self.go_on(replay);
        }
        match replay.step_at_once(self.hub.store(), self.hub.deliveries())? {
            Some(page) => self.take_page(replay, page),
            None => self.go_on(replay)?,
        }
        Ok(())
    }

    fn go_on(&mut self, replay: Replay) -> Result<(), Ended> {
        self.history = History::Reading(self.hub.readers().read(replay)?);
        Ok(())
    }

    fn take_page(&mut self, replay: Replay, page: Page) {
        self.ready.extend(page.events);
        self.history = match page.wants {
            Some(bytes) => History::Wanting {
                replay,
                bytes,
                place: None,
            },
            None if replay.is_finished() => {
                self.hub.catch_up(&self.slot, replay.next());
                History::Idle
            }
            None => History::Between(replay),
        };
    }

    /// The room is not kept for it: another may be faster, and it waits again.
    fn await_room(
        &mut self,
        replay: Replay,
        bytes: usize,
        mut place: Option<Place>,
        context: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.slot.lock();
        // The end of the server is no reason to wait for room.
        let stopped = state.stopped;
        state.waker = (!stopped).then(|| context.waker().clone());
        drop(state);
        if stopped {
            return Poll::Ready(());
        }
        let room = self
            .hub
            .waiting_bytes()
            .poll_claim(&mut place, context, bytes);
        self.history = match room {
            Poll::Ready(_) => History::Between(replay),
            Poll::Pending => History::Wanting {
                replay,
                bytes,
                place,
            },
        };
        room.map(drop)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.hub.forget(&self.slot);
        let mut state = self.slot.lock();
        let queue = std::mem::take(&mut state.queue);
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        drop(queue);
        if woken {
            self.hub.wakes().looked();
        }
    }
}
