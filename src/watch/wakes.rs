//! Waking many watchers without holding up anybody else.
//!
//! A wake-up costs the one who wakes as much as a write costs the store, and each watcher that is woken then writes to
//! its connection, on a thread that serves other connections too. So who publishes wakes a few by itself, and leaves
//! more to a thread of their own, which wakes them in portions: the next ones when most of those before have looked. A
//! request that comes meanwhile waits for one portion, not for all.
//!
//! Events are in the watchers' queues before: the order of wake-ups is no order of events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Woken by the caller.
const FEW: usize = 16;
/// Woken, and not looked yet: no more than this at a time, and more when it is down to `LOW`.
const HIGH: usize = 128;
const LOW: usize = 64;
/// One that was woken may have nothing to do (its client has gone): the others do not wait for it longer than this.
const PATIENCE: Duration = Duration::from_millis(2);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    shared: Arc<WakeState>,
    // Taken by itself; the thread starts with the first crowd.
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct WakeState {
    /// Woken and not looked yet. A guess from above: it only sets the pace.
    under_way: AtomicUsize,
    // Held for a few moves; inside no other lock.
    crowd: Mutex<Crowd>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Crowd {
    waiting: VecDeque<Waker>,
    closed: bool,
}

impl Wakes {
    pub(super) fn wake(&self, wakers: Vec<Waker>) {
        if wakers.is_empty() {
            return;
        }
        if wakers.len() <= FEW || !self.has_thread() {
            self.shared
                .under_way
                .fetch_add(wakers.len(), Ordering::Relaxed);
            wakers.into_iter().for_each(Waker::wake);
            return;
        }
        self.shared.crowd().waiting.extend(wakers);
        self.shared.changed.notify_one();
    }

    /// One that was woken has looked, or will not.
    pub(super) fn looked(&self) {
        let shared = &self.shared;
        let less = |count: usize| Some(count.saturating_sub(1));
        let before = shared
            .under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        // The thread may be about to wait: with the lock it hears this, or has not looked yet.
        if before == Ok(LOW + 1) && !shared.crowd().waiting.is_empty() {
            shared.changed.notify_one();
        }
    }

    /// Without a thread (the system gives none) whoever publishes does the work.
    fn has_thread(&self) -> bool {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name("watch-wake".to_owned())
                .spawn(move || shared.run());
            *thread = started
                .inspect_err(|error| tracing::warn!("no thread to wake watches with: {error}"))
                .ok();
        }
        thread.is_some()
    }
}

impl WakeState {
    fn run(&self) {
        while let Some(portion) = self.next_portion() {
            self.under_way.fetch_add(portion.len(), Ordering::Relaxed);
            portion.into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until somebody is to be woken, and until most of those before have looked. `None` at the end.
    fn next_portion(&self) -> Option<Vec<Waker>> {
        let mut crowd = self.crowd();
        while crowd.waiting.is_empty() && !crowd.closed {
            crowd = self
                .changed
                .wait(crowd)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if crowd.waiting.is_empty() {
            return None;
        }
        let busy = |_: &mut Crowd| self.under_way.load(Ordering::Relaxed) > LOW;
        let (mut crowd, waited) = self
            .changed
            .wait_timeout_while(crowd, PATIENCE, busy)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            self.under_way.store(0, Ordering::Relaxed);
        }
        let room = HIGH.saturating_sub(self.under_way.load(Ordering::Relaxed));
        let count = room.clamp(1, HIGH).min(crowd.waiting.len());
        Some(crowd.waiting.drain(..count).collect())
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.shared.crowd().closed = true;
        self.shared.changed.notify_one();
        let thread = self.thread.get_mut();
        if let Some(thread) = thread.unwrap_or_else(PoisonError::into_inner).take() {
            // It wakes those who are left and ends. Its panic was printed when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};
    use std::task::Wake;

    use super::*;

    struct Told(Mutex<SyncSender<thread::ThreadId>>);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            let told = self.0.lock().expect("no waker panics");
            told.send(thread::current().id()).expect("the test listens");
        }
    }

    #[test]
    fn a_few_are_woken_at_once_and_a_crowd_by_another_thread_in_portions() {
        let wakes = Wakes::default();
        const CROWD: usize = 10 * HIGH;
        // Nobody waits for the test: each wake-up has its place.
        let (told, woken) = sync_channel(FEW + CROWD);
        let waker = Waker::from(Arc::new(Told(Mutex::new(told))));
        wakes.wake(vec![waker.clone(); FEW]);
        for _ in 0..FEW {
            let by = woken.try_recv().expect("woken before the call returned");
            assert_eq!(by, thread::current().id());
            wakes.looked();
        }
        wakes.wake(vec![waker; CROWD]);
        for seen in 0..CROWD {
            let by = woken.recv().expect("everybody is woken in the end");
            assert_ne!(by, thread::current().id());
            // Half of them never look: the others are woken all the same.
            if seen % 2 == 0 {
                wakes.looked();
            }
        }
        assert!(woken.try_recv().is_err(), "and once");
    }
}
