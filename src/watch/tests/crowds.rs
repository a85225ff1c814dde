//! Many watchers of one event: who publishes does not wait for them.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use super::*;

/// Tells which watcher was woken, and by which thread.
struct Bell {
    number: usize,
    rung: Mutex<SyncSender<(usize, ThreadId)>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let rung = self.rung.lock().expect("no bell panics");
        rung.send((self.number, thread::current().id()))
            .expect("the test listens");
    }
}

/// Watchers that have looked, found nothing, and wait to be woken.
fn waiting(watchers: &mut [Watcher]) -> Receiver<(usize, ThreadId)> {
    // One wake-up for each: nobody waits for the test.
    let (rung, rings) = sync_channel(watchers.len());
    for (number, watcher) in watchers.iter_mut().enumerate() {
        let rung = Mutex::new(rung.clone());
        let waker = Waker::from(Arc::new(Bell { number, rung }));
        let polled = watcher.poll_next(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    rings
}

fn taken(watcher: &mut Watcher) -> u64 {
    match watcher.poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(event)) => event.revision,
        other => panic!("{:?}", other.map(|it| it.map(|event| event.revision))),
    }
}

#[test]
fn who_publishes_wakes_no_crowd() {
    const CROWD: usize = 900;
    let mut fixture = Fixture::new();
    let mut watchers: Vec<Watcher> = (0..CROWD).map(|_| fixture.watch("/a", false, 0)).collect();
    let rings = waiting(&mut watchers);
    // Two events, one after the other, before anybody has looked: the order is kept.
    let first = fixture.apply(&[set("/a")]);
    let second = fixture.apply(&[set("/a")]);
    let own = thread::current().id();
    let mut woken = HashSet::new();
    for (number, by) in rings.iter().take(CROWD) {
        assert_ne!(by, own, "the thread that publishes woke {number}");
        assert!(woken.insert(number), "{number} was woken twice");
        assert_eq!(taken(&mut watchers[number]), first);
        assert_eq!(taken(&mut watchers[number]), second);
    }
    assert_eq!(woken.len(), CROWD);
}

#[test]
fn a_few_are_woken_before_the_write_is_answered() {
    let mut fixture = Fixture::new();
    let mut watchers = vec![fixture.watch("/a", false, 0)];
    let rings = waiting(&mut watchers);
    fixture.apply(&[set("/a")]);
    let own = thread::current().id();
    assert_eq!(rings.try_recv(), Ok((0, own)), "no hand-over to a thread");
}

#[test]
fn a_crowd_whose_clients_go_holds_nobody_up() {
    const CROWD: usize = 600;
    let mut fixture = Fixture::new();
    let mut watchers: Vec<Watcher> = (0..CROWD).map(|_| fixture.watch("/a", false, 0)).collect();
    let rings = waiting(&mut watchers);
    fixture.apply(&[set("/a")]);
    let mut left: Vec<_> = watchers.into_iter().map(Some).collect();
    for (number, _) in rings.iter().take(CROWD) {
        left[number] = None;
    }
    assert_eq!(fixture.hub.watchers(), 0);
    assert_eq!(fixture.hub.waiting_bytes().used(), 0);
}

/// More of them than who publishes asks the store for.
#[tokio::test]
async fn a_crowd_below_a_removed_directory_hears_of_it_if_it_was_there() {
    const CROWD: usize = 300;
    let mut fixture = Fixture::new();
    let key = |number: usize| format!("/d/{number}");
    for number in (0..CROWD).step_by(2) {
        fixture.apply(&[set(&key(number))]);
    }
    let mut watchers: Vec<Watcher> = (0..CROWD)
        .map(|number| fixture.watch(&key(number), number % 3 == 0, 0))
        .collect();
    let removal = fixture.apply(&[remove("/d")]);
    for (number, watcher) in watchers.iter_mut().enumerate() {
        let wanted: &[u64] = if number % 2 == 0 { &[removal] } else { &[] };
        assert_eq!(drained(watcher).await, wanted, "{number}");
    }
}
