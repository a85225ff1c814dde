//! One watch, as its connection sees it: what is queued, or what history has until it may be live again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::budget::WaitingPlace;
use super::delivery::Delivery;
use super::ended::Ended;
use super::hub::{Hub, TooManyWatchers};
use super::matching::Target;
use super::readers::PendingRead;
use super::replay::{self, HistoryReplay, Page};
use super::subscription::Subscription;

/// A registered watch; dropping it ends it, and gives back all that it holds or waits for.
pub struct Watcher {
    subscription: Arc<Subscription>,
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
    Between(HistoryReplay),
    Reading(PendingRead),
    /// The next event has no room.
    Wanting {
        replay: HistoryReplay,
        bytes: usize,
        place: Option<WaitingPlace>,
    },
}

enum Next {
    Event(Arc<Delivery>),
    Behind(u64),
    Wait,
}

impl Hub {
    /// Registers a watch from revision `from` on (0: from now) and returns it with the revision that is readable now.
    /// Events up to the last published one come from history, later ones as they happen.
    pub fn register(
        self: &Arc<Self>,
        target: Target,
        from: u64,
        once: bool,
    ) -> Result<(Watcher, u64), TooManyWatchers> {
        let (subscription, seen) = self.subscribe(target, from, once)?;
        Ok((Watcher::new(subscription, self.clone()), seen))
    }
}

impl Watcher {
    fn new(subscription: Arc<Subscription>, hub: Arc<Hub>) -> Self {
        Self {
            subscription,
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
                History::Between(_) if self.subscription.lock().stopped => {}
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
        let mut state = self.subscription.lock();
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
        let mut replay = HistoryReplay::new(Arc::clone(&self.subscription), from, published);
        if published.saturating_sub(from) >= replay::INLINE_SPAN {
            return self.go_on(replay);
        }
        match replay.step_at_once(self.hub.store(), self.hub.deliveries())? {
            Some(page) => self.take_page(replay, page),
            None => self.go_on(replay)?,
        }
        Ok(())
    }

    fn go_on(&mut self, replay: HistoryReplay) -> Result<(), Ended> {
        self.history = History::Reading(self.hub.readers().read(replay)?);
        Ok(())
    }

    fn take_page(&mut self, replay: HistoryReplay, page: Page) {
        self.ready.extend(page.events);
        self.history = match page.wants {
            Some(bytes) => History::Wanting {
                replay,
                bytes,
                place: None,
            },
            None if replay.is_finished() => {
                self.hub.catch_up(&self.subscription, replay.next());
                History::Idle
            }
            None => History::Between(replay),
        };
    }

    /// The room is not kept for it: another may be faster, and it waits again.
    fn await_room(
        &mut self,
        replay: HistoryReplay,
        bytes: usize,
        mut place: Option<WaitingPlace>,
        context: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.subscription.lock();
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
        self.hub.forget(&self.subscription);
        let mut state = self.subscription.lock();
        let queue = std::mem::take(&mut state.queue);
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        drop(queue);
        if woken {
            self.hub.wakes().looked();
        }
    }
}
