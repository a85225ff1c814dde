//! Clients that watch: at any member, from the index behind the last event that they have seen, over crashes and at other
//! members. Each event must reach each of them once, in order.
//!
//! What a hub reads in threads of its own is waited for where the store says that an event has to come; so the threads decide
//! nothing, and a seed replays.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use storage::operation::{Action, Event};
use storage::path::KeyPath;

use super::{Machine, SimulatedCluster};
use crate::node::sim::events::events;
use crate::node::sim::world::path;
use crate::watch::{Target, Watcher};

/// How often, and after what time at most, a client looks whether a page of history was read, which wakes it: no machine is so
/// slow that the page comes later.
const LOOKS: u32 = 600;
const LOOK: Duration = Duration::from_millis(100);

/// One client.
#[derive(Debug)]
pub(super) struct WatchClient {
    target: Target,
    /// The first index that it has not seen.
    next: u64,
    seen: Vec<SeenEvent>,
}

/// What it keeps of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenEvent {
    revision: u64,
    action: Action,
    path: KeyPath,
    found: Option<Vec<u8>>,
    left: Option<Vec<u8>>,
}

struct WakesThread(Thread);

impl Wake for WakesThread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl SeenEvent {
    fn of(event: &Event) -> Self {
        let bytes =
            |node: &storage::operation::Node| node.value.as_ref().map(|value| value.to_vec());
        Self {
            revision: event.revision,
            action: event.action,
            path: event.node.path.clone(),
            found: event.prev.as_ref().and_then(bytes),
            left: bytes(&event.node),
        }
    }
}

impl WatchClient {
    /// Of everything, of the keys that are written, and of one of them.
    pub(super) fn all() -> Vec<Self> {
        let dir = KeyPath::root().child(b"dir");
        let targets = [(KeyPath::root(), true), (dir, true), (path(0), false)];
        let client = |(path, recursive)| Self {
            target: Target { path, recursive },
            next: 1,
            seen: Vec::new(),
        };
        targets.map(client).into()
    }

    fn wants(&self, event: &Event) -> bool {
        let (watched, changed) = (&self.target.path, &event.node.path);
        watched == changed || self.target.recursive && changed.is_below(watched)
    }

    /// What it has to be told of these.
    fn expected(&self, events: &[Event]) -> Vec<SeenEvent> {
        let wanted = events.iter().filter(|event| self.wants(event));
        wanted.map(SeenEvent::of).collect()
    }

    /// Takes what the member has published, and finds that there is no more of it.
    fn take(&mut self, watcher: &mut Watcher, store: &storage::Store, published: u64) {
        let waker = Waker::from(Arc::new(WakesThread(thread::current())));
        let mut context = Context::from_waker(&waker);
        let due = match self.next <= published {
            true => self.expected(&events(store, self.next, published)),
            false => Vec::new(),
        };
        for expected in due {
            let come = (0..LOOKS).find_map(|_| match watcher.poll_next(&mut context) {
                Poll::Ready(event) => Some(event),
                Poll::Pending => {
                    thread::park_timeout(LOOK);
                    None
                }
            });
            let event = come.unwrap_or_else(|| panic!("the watch misses {expected:?}"));
            let event = event.unwrap_or_else(|ended| panic!("a watch ended: {ended}"));
            assert_eq!(
                SeenEvent::of(&event),
                expected,
                "the watch of {:?}",
                self.target
            );
            self.next = expected.revision + 1;
            self.seen.push(expected);
        }
        if let Poll::Ready(next) = watcher.poll_next(&mut context) {
            panic!("the watch of {:?} hears {next:?} again", self.target);
        }
    }
}

impl SimulatedCluster {
    /// A watching client looks at what came, goes elsewhere, or comes to this member.
    pub(super) fn watch(&mut self, at: usize) {
        let number = self.random.below(self.watchers.len() as u64) as usize;
        let client = &mut self.watchers[number];
        let connected = self
            .machines
            .iter_mut()
            .find(|machine| machine.watches[number].is_some());
        match connected {
            Some(machine) if self.random.one_in(6) => machine.watches[number] = None,
            Some(machine) => machine.tell_watch(number, client),
            None => self.machines[at].open_watch(number, client),
        }
        let seen = client.seen.len() as u64;
        self.world.note("watched", seen << 8 | number as u64);
    }

    /// Each of them sees all that there is, and has missed nothing of it.
    pub(super) fn judge_watches(&mut self, at: usize) {
        self.machines.iter_mut().for_each(Machine::end_watches);
        let machine = &mut self.machines[at];
        let store = machine
            .running
            .as_ref()
            .map(|member| member.outbox.store.clone());
        let store = store.expect("it runs");
        let events = events(&store, 1, store.revision());
        for (number, client) in self.watchers.iter_mut().enumerate() {
            machine.open_watch(number, client);
            machine.tell_watch(number, client);
            assert_eq!(
                client.seen,
                client.expected(&events),
                "the watch of {:?}",
                client.target
            );
            self.world.watched += client.seen.len() as u64;
        }
        machine.end_watches();
    }
}

impl Machine {
    fn open_watch(&mut self, number: usize, client: &WatchClient) {
        if let Some(member) = &self.running {
            let opened = member
                .hub
                .register(client.target.clone(), client.next, false);
            self.watches[number] = Some(opened.expect("there are few").0);
        }
    }

    fn tell_watch(&mut self, number: usize, client: &mut WatchClient) {
        if let (Some(member), Some(watcher)) = (&self.running, &mut self.watches[number]) {
            client.take(watcher, &member.outbox.store, member.hub.published());
        }
    }

    /// Their connections are cut.
    pub(super) fn end_watches(&mut self) {
        self.watches.fill_with(|| None);
    }
}
