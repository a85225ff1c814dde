//! All that a store says, in lines of text.

use storage::{EventFilter, Item, KeyPath, Lifetime, Node, Store, View};

pub(crate) fn tell(store: &Store) -> String {
    let lease = store.lease().expect("open");
    let view = lease.view();
    let mut lines = state(store, &view);
    let mut walk = view.walk(&KeyPath::root(), true, true);
    while let Some(item) = walk.next().expect("readable") {
        lines.push(format!("node {}", item_line(&item)));
    }
    for revision in (view.oldest_event() - 1..=view.revision()).step_by(9) {
        let past = view.at(revision).expect("kept");
        let mut walk = past.walk(&KeyPath::root(), true, true);
        while let Some(item) = walk.next().expect("readable") {
            lines.push(format!("at {revision} {}", item_line(&item)));
        }
    }
    events(&view, &mut lines);
    let due = view.expiring(u64::MAX, usize::MAX).expect("readable");
    lines.extend(
        due.iter()
            .map(|(at, path)| format!("due {at} {}", path.as_bytes().escape_ascii())),
    );
    for (key, value) in view.records(b"").expect("readable") {
        lines.push(format!(
            "record {} {}",
            key.escape_ascii(),
            value.escape_ascii()
        ));
    }
    lines.join("\n") + "\n"
}

fn state(store: &Store, view: &View<'_>) -> Vec<String> {
    let applied = view.applied();
    let retention = store.retention();
    vec![
        format!(
            "applied {} at cluster time {} and revision {}, hash {:016x}, marker \"{}\"",
            applied.index,
            applied.cluster_time,
            applied.revision,
            applied.hash,
            applied.marker.escape_ascii()
        ),
        format!(
            "oldest event {} of at most {} and {} bytes, {} so far; next deadline {:?}",
            view.oldest_event(),
            retention.events,
            retention.bytes,
            store.statistics().history_bytes,
            store.next_deadline()
        ),
    ]
}

/// The events, and the versions of each path that they name.
fn events(view: &View<'_>, lines: &mut Vec<String>) {
    let mut paths = std::collections::BTreeSet::new();
    for event in view.events(view.oldest_event(), EventFilter::all()) {
        let event = event.expect("readable");
        paths.insert(event.node.path.clone());
        lines.push(format!(
            "event {} {:?} {}{}{}{}",
            event.revision,
            event.action,
            node_line(&event.node),
            event.prev.as_ref().map_or(String::new(), |prev| format!(
                " before: {}",
                node_line(prev)
            )),
            if event.refresh { " refresh" } else { "" },
            if event.system { " system" } else { "" },
        ));
        if let Some(time) = event.time {
            lines.push(format!("event {} at cluster time {time}", event.revision));
        }
    }
    for path in paths {
        for version in view.history(&path) {
            let version = version.expect("readable");
            let node = version.node.as_ref().map_or("gone".to_owned(), node_line);
            lines.push(format!(
                "version {} {}: {node}",
                version.revision,
                path.as_bytes().escape_ascii()
            ));
        }
    }
}

fn item_line(item: &Item<'_>) -> String {
    let node = node_line(&item.to_node());
    if item.revision == item.modified {
        node
    } else {
        format!("{node} written by {}", item.revision)
    }
}

fn node_line(node: &Node) -> String {
    let content = match (&node.value, node.dir) {
        (Some(value), _) => format!("\"{}\"", value.escape_ascii()),
        (None, true) => "directory".to_owned(),
        (None, false) => "file".to_owned(),
    };
    format!(
        "{} {content} [{}, {}]{}",
        node.path.as_bytes().escape_ascii(),
        node.created,
        node.modified,
        node.lifetime.map_or(String::new(), ends)
    )
}

fn ends(
    Lifetime {
        expiration,
        deadline,
    }: Lifetime,
) -> String {
    format!(" until {expiration}, due {deadline}")
}
