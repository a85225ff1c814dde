//! The events of a view, oldest first. What does not match is passed over without reading any node.

use crate::engine::cursor::{Cursor, SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::event_row::{self, EventRow};
use crate::format::key;
use crate::format::meta::StoreState;
use crate::format::node_row::NodeRow;
use crate::operation::{Event, Node};
use crate::path::KeyPath;

/// Which events are wanted. The history rules of the reference (keys-api 8.3): the path itself,
/// what is below it if asked for, and the removal of any directory above it.
#[derive(Debug, Clone)]
pub struct EventFilter {
    key: Vec<u8>,
    recursive: bool,
    refreshes: bool,
}

impl EventFilter {
    /// Every event.
    pub fn all() -> Self {
        Self::new(&KeyPath::root(), true)
    }

    /// The events of `path`; with `recursive`, of everything below it as well. Hidden nodes are not
    /// left out, refreshes and the server's own events neither: each event says what it is.
    pub fn new(path: &KeyPath, recursive: bool) -> Self {
        Self {
            key: key::encoded(path),
            recursive,
            refreshes: true,
        }
    }

    /// Leaves out TTL refreshes, which wake no watcher (keys-api 7.4).
    pub fn without_refreshes(self) -> Self {
        Self {
            refreshes: false,
            ..self
        }
    }

    /// The key of the path.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn is_recursive(&self) -> bool {
        self.recursive
    }

    /// Whether no path is left out.
    pub(crate) fn is_everything(&self) -> bool {
        self.recursive && self.key.is_empty()
    }

    /// The names of the path.
    pub(crate) fn depth(&self) -> usize {
        key::depth(&self.key)
    }

    pub(crate) fn matches(&self, change: &EventRow<'_>) -> bool {
        if change.refresh && !self.refreshes {
            return false;
        }
        // Every key but the root's ends a name, so a prefix is an ancestor or the path itself.
        let wanted = if self.recursive {
            change.key.starts_with(&self.key)
        } else {
            change.key == self.key
        };
        wanted || (change.dir && change.action.is_removal() && self.key.starts_with(change.key))
    }
}

/// An iterator over events. Made by [`crate::View::events`].
pub struct Events<'v> {
    rows: &'v SnapshotRows<'v>,
    changes: Cursor<'v>,
    /// Opened for the first event that matches.
    versions: Option<Cursor<'v>>,
    filter: EventFilter,
    from: u64,
    oldest_event: u64,
    started: bool,
    done: bool,
    scratch: Vec<u8>,
}

impl<'v> Events<'v> {
    pub(crate) fn new(
        rows: &'v SnapshotRows<'v>,
        state: &StoreState,
        from: u64,
        filter: EventFilter,
    ) -> Self {
        Self {
            rows,
            changes: rows.cursor(Column::Events, None),
            versions: None,
            filter,
            from,
            oldest_event: state.oldest_event,
            started: false,
            done: false,
            scratch: Vec::with_capacity(64),
        }
    }

    fn step(&mut self) -> Result<Option<Event>, Error> {
        if !self.started {
            self.started = true;
            if self.from < self.oldest_event {
                return Err(Error::Compacted {
                    oldest_event: self.oldest_event,
                    revision: self.from,
                });
            }
            self.changes.seek(&self.from.to_be_bytes());
        } else {
            self.changes.step();
        }
        loop {
            let Some((row, value)) = self.changes.row()? else {
                return Ok(None);
            };
            let wrong = |reason| self.changes.damage(row, reason);
            let revision =
                event_row::revision(row).ok_or_else(|| wrong("the key is no revision"))?;
            let change = EventRow::decode(value).map_err(wrong)?;
            if self.filter.matches(&change) {
                let versions = self
                    .versions
                    .get_or_insert_with(|| self.rows.cursor(Column::Versions, None));
                return load(versions, revision, &change, &mut self.scratch).map(Some);
            }
            self.changes.step();
        }
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.step();
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// Puts an event together from its row and the versions it points at.
pub(crate) fn load(
    versions: &mut Cursor<'_>,
    revision: u64,
    change: &EventRow<'_>,
    scratch: &mut Vec<u8>,
) -> Result<Event, Error> {
    let wrong = |reason| Error::row(Column::Events.name(), &revision.to_be_bytes(), reason);
    let path = key::path(change.key).ok_or_else(|| wrong("the path is no key"))?;
    let mut at = |wanted: u64| -> Result<Node, Error> {
        key::version(change.key, wanted, scratch);
        let record = find_version(versions, change.key, scratch)?
            .ok_or_else(|| wrong("a version that the event points at is missing"))?;
        if record.removed {
            return Err(wrong("the version that the event points at is a tombstone"));
        }
        Ok(record.node(path.clone()))
    };
    let node = if change.action.is_removal() {
        None
    } else {
        Some(at(revision)?)
    };
    let prev = if change.previous == 0 {
        None
    } else {
        Some(at(change.previous)?)
    };
    let node = match (node, &prev) {
        // A directory's TTL update stores the old modifiedIndex; the event shows its own.
        (Some(node), _) => Node {
            modified: revision,
            ..node
        },
        (None, Some(prev)) => removed(prev, revision),
        (None, None) => return Err(wrong("a removal without the node that it removed")),
    };
    let (refresh, system) = (change.refresh, change.system);
    Ok(Event {
        revision,
        action: change.action,
        node,
        prev,
        refresh,
        system,
        time: change.time,
    })
}

/// Moves to the version with the key `wanted`. The two versions of an event are neighbours most of
/// the time: within one path the cursor goes forward by steps. From path to path there is no order.
fn find_version<'c>(
    versions: &'c mut Cursor<'_>,
    path: &[u8],
    wanted: &[u8],
) -> Result<Option<NodeRow<'c>>, Error> {
    let ahead = versions
        .row()?
        .is_some_and(|(row, _)| row < wanted && row.starts_with(path));
    if ahead {
        versions.skip_to(wanted);
    } else {
        versions.seek(wanted);
    }
    match versions.row()? {
        Some((row, value)) if row == wanted => NodeRow::decode(value)
            .map(Some)
            .map_err(|reason| versions.damage(row, reason)),
        _ => Ok(None),
    }
}

/// The node of a removal's event (keys-api 2.4).
pub(crate) fn removed(before: &Node, revision: u64) -> Node {
    Node {
        path: before.path.clone(),
        value: None,
        dir: before.dir,
        created: before.created,
        modified: revision,
        lifetime: None,
    }
}
