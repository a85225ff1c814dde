//! What a store shows, all of it, to be compared.

use bytes::Bytes;
use storage::{Applied, Event, EventFilter, KeyPath, Node, Retention, Store};

/// The state beside the tree, and the tree: cheap enough to be looked at after every commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) applied: Applied,
    pub(crate) oldest_event: u64,
    retention: Retention,
    history_bytes: u64,
    pub(crate) nodes: Vec<Node>,
    records: Vec<(Bytes, Bytes)>,
}

impl Seen {
    pub(crate) fn of(store: &Store) -> Self {
        let lease = store.lease().expect("open");
        let view = lease.view();
        let mut walk = view.walk(&KeyPath::root(), true, true);
        let mut nodes = Vec::new();
        while let Some(item) = walk.next().expect("readable") {
            nodes.push(item.to_node());
        }
        Self {
            applied: store.applied(),
            oldest_event: view.oldest_event(),
            retention: store.retention(),
            history_bytes: store.statistics().history_bytes,
            nodes,
            records: view.records(b"").expect("readable"),
        }
    }
}

/// Every event that can be read, and the tree before the oldest.
pub(crate) fn past(store: &Store) -> (Vec<Event>, Vec<Node>) {
    let lease = store.lease().expect("open");
    let view = lease.view();
    let events = view.events(view.oldest_event(), EventFilter::all());
    let events = events.collect::<Result<_, _>>().expect("readable");
    let base = view.at(view.oldest_event() - 1).expect("kept");
    let mut walk = base.walk(&KeyPath::root(), true, true);
    let mut nodes = Vec::new();
    while let Some(item) = walk.next().expect("readable") {
        nodes.push(item.to_node());
    }
    (events, nodes)
}

/// A deadline that is shown may be early; it is never later than that of a node.
pub(crate) fn check_deadline(store: &Store) {
    let due = store
        .lease()
        .expect("open")
        .view()
        .expiring(u64::MAX, 1)
        .expect("readable");
    let shown = store.next_deadline().unwrap_or(u64::MAX);
    if let Some((deadline, path)) = due.first() {
        assert!(
            shown <= *deadline,
            "{path} lapses at {deadline}, and {shown} is shown"
        );
    }
}
