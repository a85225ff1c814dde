//! Work that belongs to one worker, done by its own thread or, when that is idle, on the spot.
//!
//! A hand-off to a sleeping thread and back costs two wake-ups, tens of microseconds each on a small or virtual
//! machine: more than the work itself when requests come one by one. So a caller may claim an idle queue and do the
//! work itself. Order is kept: a queue can be claimed only when nothing is queued and nobody works.
//!
//! ```text
//!            idle ──claim──► caller works ──► idle
//!             │ push                           │ pushed meanwhile
//!             ▼                                ▼
//!            queued ──────── its thread works, all that is queued at once
//! ```

use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// Between two looks whether a queue is idle.
const LOOK: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct WorkerQueueState<T> {
    items: Vec<T>,
    /// Somebody works: the thread on what it took, or a caller on the spot.
    busy: bool,
    closed: bool,
    sleeping: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct WorkerQueue<T, W> {
    // Guards the queue; held for a push or a swap.
    state: Mutex<WorkerQueueState<T>>,
    wake: Condvar,
    // Never contended: `busy` decides who works. Empty once the worker has failed or the queue is over.
    worker: Mutex<Option<W>>,
    clock: Clock,
}

/// What became of an item that was offered.
#[derive(Debug)]
pub(super) enum Offered<T, R> {
    /// It was done on the spot.
    Done(R),
    /// Others are before it: push it.
    Busy(T),
}

impl<T, W> WorkerQueue<T, W> {
    /// An idle queue.
    pub(super) fn new(worker: W, clock: Clock) -> Self {
        let state = WorkerQueueState {
            items: Vec::new(),
            busy: false,
            closed: false,
            sleeping: false,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
            worker: Mutex::new(Some(worker)),
            clock,
        }
    }

    /// Queues an item for the thread; ignored after [`Self::close`].
    pub(super) fn push(&self, item: T) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.items.push(item);
        self.rouse(state);
    }

    /// Does `work` on the caller's thread if the queue is idle.
    pub(super) fn offer<R>(&self, item: T, work: impl FnOnce(&mut W, T) -> R) -> Offered<T, R> {
        {
            let mut state = self.lock();
            if state.busy || state.closed || !state.items.is_empty() {
                return Offered::Busy(item);
            }
            state.busy = true;
        }
        let _working = Working(self);
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match worker.as_mut() {
            Some(worker) => Offered::Done(work(worker, item)),
            None => Offered::Busy(item),
        };
        drop(worker);
        done
    }

    /// Does `work` on the caller's thread as soon as nobody else works, whatever is queued; `None` once the queue is over.
    /// For rare work that is none of the items: it waits by looking again and again.
    pub(super) fn claim<R>(&self, work: impl FnOnce(&mut W) -> R) -> Option<R> {
        loop {
            {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                if !state.busy {
                    state.busy = true;
                    break;
                }
            }
            self.clock.sleep(LOOK);
        }
        let _working = Working(self);
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        worker.as_mut().map(work)
    }

    /// The thread's body: `work` gets all that is queued, `patience` says how long an idle thread sleeps before it is
    /// called with nothing. Ends when the queue is closed and empty, or when `work` says so.
    pub(super) fn run(
        &self,
        patience: impl Fn() -> Duration,
        mut work: impl FnMut(&mut W, Vec<T>) -> ControlFlow<()>,
    ) {
        while let Some(items) = self.take(patience()) {
            let working = Working(self);
            let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            let flow = worker
                .as_mut()
                .map_or(ControlFlow::Break(()), |worker| work(worker, items));
            drop(worker);
            drop(working);
            if flow.is_break() {
                self.end();
                break;
            }
        }
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes no more items; the thread finishes what is there.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Claims the queue for its thread, with what is queued.
    fn take(&self, patience: Duration) -> Option<Vec<T>> {
        let until = self.clock.now() + patience;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(self.clock.now());
            let called = !state.items.is_empty() || state.closed || left.is_zero();
            if called && !state.busy {
                break;
            }
            // Said before each wait: a claim may have come in between a call and this thread, and calls again at its end
            // only whom it sees asleep. Work on the spot that takes longer than we are patient is looked at again.
            state.sleeping = true;
            let left = if left.is_zero() {
                patience.max(LOOK)
            } else {
                left
            };
            let waited = self.wake.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.sleeping = false;
        }
        if state.items.is_empty() && state.closed {
            return None;
        }
        state.busy = true;
        Some(std::mem::take(&mut state.items))
    }

    /// Nothing is done any more, and what is queued is dropped.
    fn end(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.items.clear();
        drop(state);
        self.wake.notify_all();
    }

    fn rouse(&self, mut state: MutexGuard<'_, WorkerQueueState<T>>) {
        if state.sleeping && !state.busy {
            state.sleeping = false;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, WorkerQueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the queue back, also when the work panicked: then it is over, so that whoever joins its thread does not wait
/// for ever.
struct Working<'a, T, W>(&'a WorkerQueue<T, W>);

impl<T, W> Drop for Working<'_, T, W> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy = false;
        if std::thread::panicking() {
            drop(state);
            self.0.end();
        } else if !state.items.is_empty() || state.closed {
            self.0.rouse(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn an_idle_lane_is_claimed_and_a_queue_is_not_overtaken() {
        let queue: Arc<WorkerQueue<u32, Vec<u32>>> =
            Arc::new(WorkerQueue::new(Vec::new(), Clock::system()));
        let done = queue.offer(1, |worker, item| worker.push(item));
        assert!(matches!(done, Offered::Done(())));
        queue.push(2);
        let refused = queue.offer(3, |worker, item| worker.push(item));
        assert!(matches!(refused, Offered::Busy(3)));
        queue.push(3);
        queue.close();
        let mut seen = Vec::new();
        queue.run(
            || PATIENCE,
            |worker, items| {
                worker.extend(items);
                seen.clone_from(worker);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(seen, [1, 2, 3]);
    }

    #[test]
    fn a_claim_waits_for_the_work_under_way_and_leaves_the_queue() {
        let queue: Arc<WorkerQueue<u32, Vec<u32>>> =
            Arc::new(WorkerQueue::new(Vec::new(), Clock::system()));
        queue.push(1);
        assert_eq!(queue.claim(|worker| worker.push(7)), Some(()));
        let runner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.run(
                    || PATIENCE,
                    |worker, items| {
                        worker.extend(items);
                        ControlFlow::Continue(())
                    },
                );
            })
        };
        while queue.claim(|worker| worker.clone()) != Some(vec![7, 1]) {
            thread::yield_now();
        }
        queue.close();
        runner.join().expect("the thread ended by itself");
        assert_eq!(queue.claim(|_| ()), None);
    }

    /// A claim that comes in between the call of the thread and the thread must call it again.
    #[test]
    fn a_claim_takes_no_call_from_the_thread() {
        let queue: Arc<WorkerQueue<u32, u32>> = Arc::new(WorkerQueue::new(0, Clock::system()));
        let (done, worked) = std::sync::mpsc::sync_channel(1);
        let runner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.run(
                    || PATIENCE,
                    |_, items: Vec<u32>| {
                        items
                            .iter()
                            .for_each(|item| done.send(*item).expect("listened to"));
                        ControlFlow::Continue(())
                    },
                );
            })
        };
        for item in 0..2_000 {
            queue.push(item);
            // Mostly before the thread has the queue, and long enough for it to look and wait again.
            let _ = queue.claim(|_| thread::yield_now());
            let told = worked.recv_timeout(PATIENCE / 2);
            assert_eq!(told, Ok(item), "the thread sleeps on");
        }
        queue.close();
        runner.join().expect("the thread ended by itself");
    }

    #[test]
    fn a_panic_on_the_spot_ends_the_lane_and_hangs_nobody() {
        let queue: Arc<WorkerQueue<u32, ()>> = Arc::new(WorkerQueue::new((), Clock::system()));
        let runner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.run(|| PATIENCE, |(), _| ControlFlow::Continue(())))
        };
        let caller = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                loop {
                    queue.offer(1, |(), _| panic!("a defect"));
                }
            })
        };
        assert!(caller.join().is_err());
        runner.join().expect("the thread ended by itself");
    }
}
