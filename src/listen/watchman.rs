//! The limits of time of a connection. The HTTP library has a timer for headers, but starts it when a connection becomes
//! idle, so that it would also close idle connections, and makes a new one for each request. Here a request only flips a few
//! counters, and a slow tick of the connection compares them: a limit is noticed up to one tick late, and costs nothing
//! while it is kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::activity::Activity;
use super::limit::PortLimits;

/// Bytes a second that a client has to take of a large event where others wait to get theirs.
const LEAST_RATE: u64 = 64 << 10;

/// Judges an [`Activity`] at each tick.
#[derive(Debug)]
pub(super) struct Watchman {
    activity: Arc<Activity>,
    tick: Duration,
    waiting: StateAge,
    writing: StateAge,
    /// What the client had taken at the last tick, and for how many ticks it has taken too little of a large event.
    taken: u64,
    slow: u32,
    limits: TimeLimits,
}

/// `Duration::MAX` is no limit.
#[derive(Debug, Clone, Copy)]
struct TimeLimits {
    answer: Duration,
    idle: Duration,
    header: Duration,
    stall: Duration,
}

/// For how many ticks a state has lasted.
#[derive(Debug, Default)]
struct StateAge {
    state: (u8, u64),
    ticks: u32,
}

impl StateAge {
    /// The ticks since the state was first seen.
    fn lasted(&mut self, state: (u8, u64)) -> u32 {
        if self.state == state {
            self.ticks = self.ticks.saturating_add(1);
        } else {
            *self = Self { state, ticks: 0 };
        }
        self.ticks
    }
}

impl Watchman {
    pub(super) fn new(activity: Arc<Activity>, limits: &PortLimits) -> Self {
        let times = TimeLimits {
            answer: limits.answer_timeout.unwrap_or(Duration::MAX),
            idle: limits.idle_timeout,
            header: limits.header_timeout.unwrap_or(Duration::MAX),
            stall: limits.stall_timeout,
        };
        let shortest = times
            .answer
            .min(times.idle)
            .min(times.header)
            .min(times.stall);
        let tick = (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        Self {
            activity,
            tick,
            waiting: StateAge::default(),
            writing: StateAge::default(),
            taken: 0,
            slow: 0,
            limits: times,
        }
    }

    /// How often [`Self::overdue`] is to be called.
    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    /// Which limit has passed, if one has. `contended` is whether others wait for the room that large events take.
    pub(super) fn overdue(&mut self, contended: bool) -> Option<&'static str> {
        let activity = &self.activity;
        let busy = activity.busy.load(Ordering::Relaxed);
        let started = activity.started.load(Ordering::Relaxed);
        let requests = activity.requests.load(Ordering::Relaxed);
        let blocked = activity.blocked.load(Ordering::Relaxed);
        let (kind, limit, passed) = match (busy, started) {
            (true, _) => (0, self.limits.answer, "the answer did not end"),
            (false, false) => (1, self.limits.idle, "no request came"),
            (false, true) => (2, self.limits.header, "the header of a request did not end"),
        };
        let waited = self.waiting.lasted((kind, requests));
        let taken = activity.taken.load(Ordering::Relaxed);
        let stalled = self.writing.lasted((u8::from(blocked), taken));
        if blocked && self.tick * stalled >= self.limits.stall {
            return Some("the client reads nothing");
        }
        let least = LEAST_RATE * self.tick.as_millis() as u64 / 1000;
        let little = taken - std::mem::replace(&mut self.taken, taken) < least;
        let slow = blocked && little && activity.large.load(Ordering::Relaxed);
        self.slow = if slow { self.slow.saturating_add(1) } else { 0 };
        if contended && self.slow > 1 {
            return Some("the client takes too little of an event while others wait for its room");
        }
        (self.tick * waited >= limit).then_some(passed)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::listen::activity::Exchange;
    use crate::listen::head::BodyFraming;

    pub(in crate::listen) fn watchman(activity: &Arc<Activity>) -> Watchman {
        Watchman::new(Arc::clone(activity), &PortLimits::of_a_test())
    }

    /// The tick (of one second) at which a limit passes.
    pub(in crate::listen) fn passes(watchman: &mut Watchman) -> Option<(u32, &'static str)> {
        (0..20).find_map(|tick| watchman.overdue(false).map(|limit| (tick, limit)))
    }

    #[test]
    fn an_idle_connection_may_wait_longer_than_an_unfinished_header() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        assert_eq!(judge.tick(), Duration::from_secs(1));
        assert_eq!(
            passes(&mut judge),
            Some((4, "the header of a request did not end"))
        );
        drop(Exchange::begin(&activity, BodyFraming::Length(0)));
        assert_eq!(passes(&mut judge), Some((8, "no request came")));
        activity.started.store(true, Ordering::Relaxed);
        assert_eq!(
            passes(&mut judge),
            Some((4, "the header of a request did not end"))
        );
    }

    #[test]
    fn an_answer_takes_as_long_as_it_needs_unless_that_is_limited() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        let exchange = Exchange::begin(&activity, BodyFraming::Length(0));
        assert_eq!(passes(&mut judge), None);
        judge.limits.answer = Duration::from_secs(5);
        assert_eq!(judge.overdue(false), Some("the answer did not end"));
        judge.limits.answer = Duration::MAX;
        drop(exchange);
        assert_eq!(passes(&mut judge), Some((8, "no request came")));
    }

    #[test]
    fn each_request_starts_the_wait_anew() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        for _ in 0..50 {
            assert_eq!(judge.overdue(false), None);
            drop(Exchange::begin(&activity, BodyFraming::Length(0)));
        }
    }

    #[test]
    fn who_takes_little_of_a_large_event_gives_way_to_who_waits() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        let exchange = Exchange::begin(&activity, BodyFraming::Length(0));
        activity.blocked.store(true, Ordering::Relaxed);
        let mut ticks = |contended, taken| {
            (0..3).find_map(|_| {
                activity.taken.fetch_add(taken, Ordering::Relaxed);
                judge.overdue(contended)
            })
        };
        assert_eq!(ticks(true, 1_000), None, "it has sent nothing large");
        exchange.sends(1 << 20);
        assert_eq!(ticks(false, 1_000), None, "nobody waits");
        assert_eq!(ticks(true, 100 << 10), None, "it takes enough");
        assert!(ticks(true, 1_000).is_some());
    }
}
