//! Permits for listings that stream: each holds a thread and a view of the store, so there are few, and nobody may keep them
//! from the others.
//!
//! No address gets all of them. And who waits may take the permit of a listing whose client takes too little: less than
//! [`LEAST_RATE`](crate::http::rate::LEAST_RATE), or nothing for [`PATIENCE`]. That one is cut off, as after the stall time-out; while nobody waits, a slow
//! client costs nobody anything and goes on.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::http::rate::{PATIENCE, Rate};

/// How often who waits looks for a slow one.
const LOOK: Duration = Duration::from_millis(200);

/// The permits of one listener.
#[derive(Debug)]
pub(crate) struct ListingPermits {
    limit: usize,
    /// What one address gets at most.
    share: usize,
    // Held to look through the permits.
    held: Mutex<Vec<(IpAddr, Arc<ListingPace>)>>,
    freed: Notify,
}

/// How fast a listing goes to its client, told by the thread that writes it.
#[derive(Debug)]
pub(crate) struct ListingPace {
    begun: Instant,
    // Held to count what a client took, or to read it.
    rate: Mutex<Rate>,
    /// Milliseconds after the begin since when the client has taken nothing; `u64::MAX` while it takes.
    blocked: AtomicU64,
    ends: AtomicBool,
}

/// One permit, until it is dropped.
#[derive(Debug)]
pub(crate) struct ListingPermit {
    permits: Arc<ListingPermits>,
    pace: Arc<ListingPace>,
}

impl ListingPermits {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            share: (limit - limit / 4).max(1),
            held: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A permit for a client at `address`, or `None` if there was none `within` that time.
    pub(crate) async fn take(
        self: &Arc<Self>,
        address: IpAddr,
        within: Duration,
    ) -> Option<ListingPermit> {
        let until = Instant::now() + within;
        loop {
            let freed = self.freed.notified();
            if let Some(permit) = self.try_take(address, Instant::now()) {
                return Some(permit);
            }
            let look = until.min(Instant::now() + LOOK);
            if timeout_at(look, freed).await.is_err() && Instant::now() >= until {
                return None;
            }
        }
    }

    /// A permit that is free, else the slowest listing is told to end.
    fn try_take(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<ListingPermit> {
        let mut held = self.held();
        let own = held.iter().filter(|(holder, _)| *holder == address).count();
        if held.len() < self.limit && own < self.share {
            let pace = Arc::new(ListingPace::new(now));
            held.push((address, Arc::clone(&pace)));
            let permits = Arc::clone(self);
            return Some(ListingPermit { permits, pace });
        }
        // Where only the share is used up, a permit of another address would not help.
        let in_question = held
            .iter()
            .filter(|(holder, _)| own < self.share || *holder == address);
        let slowest = in_question
            .filter_map(|(_, pace)| pace.slowness(now).map(|rate| (rate, pace)))
            .min_by_key(|(rate, _)| *rate);
        if let Some((_, pace)) = slowest {
            pace.ends.store(true, Ordering::Relaxed);
        }
        None
    }

    fn held(&self) -> MutexGuard<'_, Vec<(IpAddr, Arc<ListingPace>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ListingPermit {
    pub(crate) fn pace(&self) -> Arc<ListingPace> {
        Arc::clone(&self.pace)
    }
}

impl Drop for ListingPermit {
    fn drop(&mut self) {
        self.permits
            .held()
            .retain(|(_, pace)| !Arc::ptr_eq(pace, &self.pace));
        self.permits.freed.notify_waiters();
    }
}

impl ListingPace {
    pub(crate) fn new(begun: Instant) -> Self {
        Self {
            begun,
            rate: Mutex::new(Rate::new(begun)),
            blocked: AtomicU64::new(u64::MAX),
            ends: AtomicBool::new(false),
        }
    }

    /// The client has room for so many bytes more.
    pub(crate) fn taken(&self, bytes: usize) {
        self.rate().add(bytes, Instant::now());
        self.blocked.store(u64::MAX, Ordering::Relaxed);
    }

    /// From now on the client takes nothing.
    pub(crate) fn block(&self) {
        let since = self.begun.elapsed().as_millis() as u64;
        self.blocked.store(since, Ordering::Relaxed);
    }

    /// Whether another client needs the permit.
    pub(crate) fn is_to_end(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    /// Bytes a second, if they are too few.
    fn slowness(&self, now: Instant) -> Option<u64> {
        let age = now.saturating_duration_since(self.begun).as_millis() as u64;
        let blocked = age.saturating_sub(self.blocked.load(Ordering::Relaxed));
        if u128::from(blocked) >= PATIENCE.as_millis() {
            return Some(0);
        }
        self.rate().slowness(now)
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn all(permits: &Arc<ListingPermits>, address: IpAddr) -> Vec<ListingPermit> {
        let now = Instant::now();
        std::iter::from_fn(|| permits.try_take(address, now)).collect()
    }

    #[test]
    fn no_address_gets_all_permits() {
        let permits = ListingPermits::new(8);
        let here = all(&permits, HERE);
        let there = all(&permits, THERE);
        assert_eq!((here.len(), there.len()), (6, 2));
        drop(here);
        assert_eq!(all(&permits, THERE).len(), 4);
    }

    #[test]
    fn who_waits_takes_the_permit_of_the_slowest() {
        let permits = ListingPermits::new(3);
        let begun = Instant::now();
        let take = |address, after| permits.try_take(address, begun + Duration::from_secs(after));
        let [fast, slow, stalled] = [HERE, HERE, THERE].map(|address| take(address, 0).unwrap());
        let ends = || [&fast, &slow, &stalled].map(|permit| permit.pace.is_to_end());
        assert!(take(THERE, 1).is_none());
        assert_eq!(ends(), [false; 3], "they have only begun");
        fast.pace.taken(100 << 20);
        slow.pace.taken(200 << 10);
        stalled.pace.taken(2 << 20);
        stalled.pace.block();
        assert!(take(THERE, 10).is_none());
        assert_eq!(ends(), [false, false, true], "the slowest");
        drop(stalled);
        let next = take(THERE, 10).unwrap();
        assert!(take(THERE, 10).is_none());
        assert!(slow.pace.is_to_end() && !fast.pace.is_to_end());
        drop((next, slow, fast));
        assert!(permits.held().is_empty());
    }

    #[tokio::test]
    async fn a_permit_that_is_given_back_wakes_who_waits() {
        let permits = ListingPermits::new(1);
        let held = permits.take(HERE, Duration::ZERO).await.unwrap();
        assert!(permits.take(THERE, Duration::ZERO).await.is_none());
        let waits = permits.take(THERE, Duration::from_secs(3600));
        let (permit, ()) = tokio::join!(waits, async { drop(held) });
        assert!(permit.is_some());
    }
}
