//! Budgets of bytes that many watches share: for events that wait to be sent, and for those on their way to clients.
//!
//! Who holds little gets on while others hold much. A quarter is for those who hold nothing: they may have one event that
//! needs up to half of what is unused. Others may have an eighth of what is unused beside that quarter. So a crowd of
//! clients that read nothing always leaves something, and small events pass where a large one has to wait.
//!
//! An event that is held for many watchers is counted once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Who waits for room and is woken when something is given back. More are woken with the last bytes.
const WOKEN: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// How many wait, so that giving back looks at an atomic alone where nobody does.
    waiting: AtomicUsize,
    // Held for one insertion or removal; inside no other lock but a subscription's.
    waiters: Mutex<ClaimWaiters>,
}

#[derive(Debug, Default)]
struct ClaimWaiters {
    next: u64,
    queue: BTreeMap<u64, Waker>,
}

/// Bytes taken from a budget, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    budget: Arc<Budget>,
    bytes: usize,
}

/// A place among those who wait for room; dropping it gives it up.
#[derive(Debug)]
pub struct WaitingPlace {
    budget: Arc<Budget>,
    number: u64,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiters: Mutex::default(),
        })
    }

    /// The bytes that are taken now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Whether somebody waits for room.
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether a holder of `held` bytes may have so many more.
    pub(super) fn admits(&self, bytes: usize, held: usize) -> bool {
        self.fits(self.used(), bytes, held)
    }

    fn fits(&self, used: usize, bytes: usize, held: usize) -> bool {
        let unused = self.limit.saturating_sub(used);
        match held {
            // Alone, whatever its size: it could never be sent else.
            0 => used == 0 || bytes <= unused / 2,
            held => held.saturating_add(bytes) <= unused.saturating_sub(self.limit / 4) / 8,
        }
    }

    /// Takes bytes for a holder of `held`, if it may have them.
    pub(super) fn claim(self: &Arc<Self>, bytes: usize, held: usize) -> Option<Claim> {
        let take = |used| {
            self.fits(used, bytes, held)
                .then(|| used.saturating_add(bytes))
        };
        // Ordered with `waiting`: see `poll_claim`.
        self.used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .ok()?;
        Some(Claim {
            budget: Arc::clone(self),
            bytes,
        })
    }

    /// Takes bytes for who holds none, now or later; `place` is kept from poll to poll.
    pub fn poll_claim(
        self: &Arc<Self>,
        place: &mut Option<WaitingPlace>,
        context: &Context<'_>,
        bytes: usize,
    ) -> Poll<Claim> {
        *place = None;
        if let Some(claim) = self.claim(bytes, 0) {
            return Poll::Ready(claim);
        }
        *place = Some(self.wait(context.waker().clone()));
        // Who gave something back before the line above saw nobody waiting; who does it after it wakes us.
        let claim = self.claim(bytes, 0);
        if claim.is_some() {
            *place = None;
        }
        claim.map_or(Poll::Pending, Poll::Ready)
    }

    fn wait(self: &Arc<Self>, waker: Waker) -> WaitingPlace {
        let mut waiters = self.waiters();
        let number = waiters.next;
        waiters.next += 1;
        waiters.queue.insert(number, waker);
        self.waiting.store(waiters.queue.len(), Ordering::SeqCst);
        WaitingPlace {
            budget: Arc::clone(self),
            number,
        }
    }

    fn give(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        // Who is woken and does not fit waits behind the others. With the last bytes nobody will give any back.
        let count = if before == bytes { usize::MAX } else { WOKEN };
        let mut woken = Vec::new();
        {
            let mut waiters = self.waiters();
            while woken.len() < count
                && let Some((_, waker)) = waiters.queue.pop_first()
            {
                woken.push(waker);
            }
            self.waiting.store(waiters.queue.len(), Ordering::SeqCst);
        }
        woken.into_iter().for_each(Waker::wake);
    }

    fn waiters(&self) -> MutexGuard<'_, ClaimWaiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Corrects a claim that was a guess, upwards even where there is no room: the bytes are there.
    pub fn correct(&mut self, bytes: usize) {
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            self.budget.used.fetch_add(more, Ordering::SeqCst);
        } else {
            self.budget.give(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        let mut waiters = self.budget.waiters();
        waiters.queue.remove(&self.number);
        self.budget
            .waiting
            .store(waiters.queue.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn holders_of_much_leave_something_to_holders_of_nothing() {
        let budget = Budget::new(8_000);
        let mut stalled = Vec::new();
        for _ in 0..100 {
            // Each takes all it gets.
            let mut held = 0;
            while let Some(claim) = budget.claim(10, held) {
                held += 10;
                stalled.push(claim);
            }
        }
        assert!(budget.used() < 8_000, "{}", budget.used());
        assert!(budget.claim(10, 0).is_some(), "a small one passes");
        assert!(budget.claim(4_000, 0).is_none(), "a large one waits");
        drop(stalled);
        assert_eq!(budget.used(), 0);
        assert!(budget.claim(9_000, 0).is_some(), "alone, whatever its size");
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn who_waits_is_told_when_something_is_given_back() {
        let budget = Budget::new(100);
        let mut held = budget.claim(10, 0).expect("room");
        held.correct(90);
        assert_eq!(budget.used(), 90);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let mut place = None;
        assert!(budget.poll_claim(&mut place, &context, 40).is_pending());
        let gone = {
            let mut place = None;
            assert!(budget.poll_claim(&mut place, &context, 40).is_pending());
            place
        };
        drop(gone);
        assert_eq!(budget.waiting.load(Ordering::SeqCst), 1, "one has gone");
        held.correct(10);
        assert!(woken.0.load(Ordering::SeqCst));
        assert!(budget.poll_claim(&mut place, &context, 40).is_ready());
        drop(held);
        assert_eq!(budget.used(), 0);
    }
}
