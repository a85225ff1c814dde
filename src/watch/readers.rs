//! Threads that read history for watchers: few, and none of them serves connections or listings.
//!
//! A reading gets one step at a time and then waits behind the others, so a long one delays a short one by no more than
//! a step for each that waits. A watcher that goes takes its reading out of the queue; the step that is under way is the
//! last one.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use storage::Store;

use super::delivery::Deliveries;
use super::ended::Ended;
use super::replay::{HistoryReplay, Page};

/// See the module. Dropping it ends the threads.
#[derive(Debug)]
pub(super) struct Readers {
    shared: Arc<ReaderState>,
    limit: usize,
    // Taken by itself; a thread is started when a reading finds none idle.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct ReaderState {
    store: Store,
    deliveries: Arc<Deliveries>,
    // Held for a few moves; a desk's lock may be taken inside.
    queue: Mutex<ReadQueue>,
    changed: Condvar,
}

#[derive(Default)]
struct ReadQueue {
    /// In the order of their turns.
    waiting: BTreeMap<u64, (HistoryReplay, Arc<Desk>)>,
    next: u64,
    idle: usize,
    closed: bool,
}

/// Where a reading is, and what came of it.
#[derive(Debug, Default)]
struct Desk {
    state: Mutex<DeskState>,
}

#[derive(Debug, Default)]
struct DeskState {
    /// The number under which it waits.
    number: u64,
    abandoned: bool,
    read: Option<Result<(HistoryReplay, Page), Ended>>,
    waker: Option<Waker>,
}

/// A reading under way; dropping it abandons it.
#[derive(Debug)]
pub(super) struct PendingRead {
    shared: Arc<ReaderState>,
    desk: Arc<Desk>,
}

impl Readers {
    /// Half of the cores, so that history never takes all of them from those who write.
    pub(super) fn new(store: Store, deliveries: Arc<Deliveries>) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            shared: Arc::new(ReaderState {
                store,
                deliveries,
                queue: Mutex::default(),
                changed: Condvar::new(),
            }),
            limit: (cores / 2).clamp(1, 4),
            threads: Mutex::default(),
        }
    }

    /// Goes on with a replay until it has found something.
    pub(super) fn read(&self, replay: HistoryReplay) -> Result<PendingRead, Ended> {
        let desk = Arc::<Desk>::default();
        let wants_thread = {
            let mut queue = self.shared.queue();
            queue.put(replay, Arc::clone(&desk));
            queue.waiting.len() > queue.idle
        };
        self.shared.changed.notify_one();
        if wants_thread {
            self.start_thread()?;
        }
        Ok(PendingRead {
            shared: Arc::clone(&self.shared),
            desk,
        })
    }

    fn start_thread(&self) -> Result<(), Ended> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() >= self.limit {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let name = format!("history-{}", threads.len());
        let started = thread::Builder::new()
            .name(name)
            .spawn(move || shared.run());
        match started {
            Ok(thread) => threads.push(thread),
            Err(error) if threads.is_empty() => {
                return Err(Ended::NoThread(Arc::new(error)));
            }
            // Those that are there do the work.
            Err(error) => tracing::warn!("no further thread to read history with: {error}"),
        }
        Ok(())
    }

    /// Readings wait for ever.
    #[cfg(test)]
    pub(super) fn without_threads(store: Store) -> Self {
        let deliveries = Deliveries::new(crate::watch::delivery::WAITING_BYTES);
        let mut readers = Self::new(store, Arc::new(deliveries));
        readers.limit = 0;
        readers
    }

    /// How many readings wait for their turn.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.shared.queue().waiting.len()
    }
}

impl ReadQueue {
    fn put(&mut self, replay: HistoryReplay, desk: Arc<Desk>) {
        self.next += 1;
        desk.state().number = self.next;
        self.waiting.insert(self.next, (replay, desk));
    }
}

impl ReaderState {
    fn run(&self) {
        while let Some((replay, desk)) = self.take() {
            let stepped = catch_unwind(AssertUnwindSafe(|| self.step(replay)));
            let read = stepped.unwrap_or(Err(Ended::Panicked));
            match read {
                Ok((replay, page)) if page.is_blank() && !replay.is_finished() => {
                    let mut queue = self.queue();
                    if !desk.state().abandoned {
                        queue.put(replay, desk);
                    }
                }
                read => desk.put(read),
            }
        }
    }

    fn step(&self, mut replay: HistoryReplay) -> Result<(HistoryReplay, Page), Ended> {
        let page = replay.step(&self.store, &self.deliveries)?;
        Ok((replay, page))
    }

    /// The next in turn. `None` at the end.
    fn take(&self) -> Option<(HistoryReplay, Arc<Desk>)> {
        let mut queue = self.queue();
        loop {
            if queue.closed {
                return None;
            }
            if let Some((_, reading)) = queue.waiting.pop_first() {
                return Some(reading);
            }
            queue.idle += 1;
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    fn queue(&self) -> MutexGuard<'_, ReadQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ReaderState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReaderState").finish_non_exhaustive()
    }
}

impl Desk {
    fn put(&self, read: Result<(HistoryReplay, Page), Ended>) {
        let mut state = self.state();
        if state.abandoned {
            return;
        }
        state.read = Some(read);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, DeskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingRead {
    /// What was read. Not to be called again after that.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<(HistoryReplay, Page), Ended>> {
        let mut state = self.desk.state();
        match state.read.take() {
            Some(read) => Poll::Ready(read),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for PendingRead {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        let mut state = self.desk.state();
        state.abandoned = true;
        let number = state.number;
        let read = state.read.take();
        drop(state);
        let waiting = queue.waiting.remove(&number);
        drop(queue);
        // What they hold is given back without a lock.
        drop((read, waiting));
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.changed.notify_all();
        let threads = self.threads.get_mut();
        for thread in threads.unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Each panic was caught and told where it happened.
            let _ = thread.join();
        }
    }
}
