//! What a change writes: rows, overlay, hash and history, always together.

use std::sync::Arc;

use crate::error::Error;
use crate::format::column::Column;
use crate::format::event_row::EventRow;
use crate::format::key;
use crate::format::node_row::{NodeRow, StoredNode};
use crate::operation::{Action, Event, Lifetime, Node, Write};
use crate::read::event::removed;
use crate::write::batch::Batch;

/// What an event says beside action and nodes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventFlags {
    pub(crate) refresh: bool,
    pub(crate) system: bool,
}

impl EventFlags {
    /// Those of a client's write.
    pub(crate) fn of(write: &Write) -> Self {
        Self {
            refresh: write.refresh,
            system: false,
        }
    }
}

impl Batch<'_> {
    /// The revision that the next change takes.
    pub(crate) fn next_revision(&self) -> u64 {
        self.state.applied.revision + 1
    }

    /// Writes a node whose key is in `self.key`; `before` is the lifetime of the record that it replaces.
    pub(crate) fn put(&mut self, entry: StoredNode, before: Option<Lifetime>) {
        self.put_rows(self.key.len(), &entry);
        self.put_deadline(&entry, before);
        self.overlay.put(self.key.clone(), entry);
    }

    /// Writes the rows of a node whose key is the first `length` bytes of `self.key`.
    pub(crate) fn put_rows(&mut self, length: usize, entry: &StoredNode) {
        let key = &self.key[..length];
        debug_assert_eq!(
            key,
            key::encoded(&entry.node.path),
            "the key of this node was looked up"
        );
        entry.record().encode(&mut self.row);
        let database = &self.core.database;
        self.rows
            .put_cf(database.family(Column::Nodes), key, &self.row);
        key::version(key, entry.revision, &mut self.version);
        self.rows
            .put_cf(database.family(Column::Versions), &self.version, &self.row);
        self.chain.bytes(key);
        self.chain.bytes(&self.row);
    }

    /// Puts the expiry row of a node whose key is in `self.key` in the place of the one of before.
    fn put_deadline(&mut self, entry: &StoredNode, before: Option<Lifetime>) {
        let after = entry.node.lifetime.map(|lifetime| lifetime.deadline);
        let before = before.map(|lifetime| lifetime.deadline);
        if let Some(deadline) = before.filter(|_| before != after) {
            self.drop_deadline(deadline);
        }
        if let Some(deadline) = after {
            self.add_deadline(deadline, entry.revision);
        }
    }

    /// Writes the event of the change that takes the next revision, and moves the oldest event. The key of the node is in
    /// `self.key`.
    pub(crate) fn finish(
        &mut self,
        action: Action,
        node: Node,
        prev: Option<StoredNode>,
        flags: EventFlags,
    ) -> Result<Arc<Event>, Error> {
        let revision = self.next_revision();
        self.state.bytes += event_bytes(&node);
        debug_assert_eq!(
            self.key,
            key::encoded(&node.path),
            "the key of this node was looked up"
        );
        let mortal = |node: &Node| node.lifetime.is_some();
        let shows_ttl = mortal(&node) || prev.as_ref().is_some_and(|prev| mortal(&prev.node));
        let time = shows_ttl.then_some(self.state.applied.cluster_time);
        let change = EventRow {
            action,
            dir: node.dir,
            refresh: flags.refresh,
            system: flags.system,
            continues: std::mem::replace(&mut self.continues, true),
            previous: prev.as_ref().map_or(0, |prev| prev.revision),
            bytes: self.state.bytes,
            time,
            key: &self.key,
        };
        change.encode(&mut self.row);
        self.rows.put_cf(
            self.core.database.family(Column::Events),
            revision.to_be_bytes(),
            &self.row,
        );
        if time.is_some() {
            change.encode_for_hash(&mut self.row);
        }
        self.chain.word(revision);
        self.chain.bytes(&self.row);
        self.state.applied.revision = revision;
        self.bytes.push(self.state.bytes);
        self.move_oldest_event_after_change()?;
        let prev = prev.map(|prev| prev.node);
        Ok(Arc::new(Event {
            revision,
            action,
            node,
            prev,
            refresh: flags.refresh,
            system: flags.system,
            time,
        }))
    }

    /// Removes a node, with all below it, as one change.
    pub(crate) fn remove(
        &mut self,
        entry: StoredNode,
        action: Action,
        flags: EventFlags,
    ) -> Result<Arc<Event>, Error> {
        let revision = self.next_revision();
        let key = key::encoded(&entry.node.path);
        if entry.node.dir {
            self.remove_descendants(&entry, &key)?;
        }
        self.rows
            .delete_cf(self.core.database.family(Column::Nodes), &key);
        self.key.clone_from(&key);
        if let Some(lifetime) = entry.node.lifetime {
            self.drop_deadline(lifetime.deadline);
        }
        NodeRow::tombstone(&entry, revision).encode(&mut self.row);
        key::version(&key, revision, &mut self.version);
        self.rows.put_cf(
            self.core.database.family(Column::Versions),
            &self.version,
            &self.row,
        );
        self.chain.bytes(&key);
        self.chain.bytes(&self.row);
        self.overlay.remove(key);
        self.finish(action, removed(&entry.node, revision), Some(entry), flags)
    }

    fn remove_descendants(&mut self, entry: &StoredNode, key: &[u8]) -> Result<(), Error> {
        let bound = self.core.bounds.point_deletes;
        let below = self.descendants(key, bound + 1)?;
        let family = self.core.database.family(Column::Nodes);
        if below.len() > bound {
            // Never the root, which has no end: it cannot be removed. Deadlines below stay behind
            // and no longer match.
            let end = key::subtree_bound(key).unwrap_or_default();
            self.rows.delete_range_cf(family, key, end.as_slice());
            self.overlay
                .clear(entry.node.path.clone(), key.to_vec(), end);
            return Ok(());
        }
        for (key, _) in &below {
            self.rows.delete_cf(family, key);
            self.removed_below += key.len() as u64;
        }
        for (key, lifetime) in below {
            self.key.clone_from(&key);
            if let Some(lifetime) = lifetime {
                self.drop_deadline(lifetime.deadline);
            }
            self.overlay.remove(key);
        }
        Ok(())
    }

    /// Adds the expiry row of the node whose key is in `self.key`.
    fn add_deadline(&mut self, deadline: u64, revision: u64) {
        key::expiry(deadline, &self.key, &mut self.version);
        self.rows.put_cf(
            self.core.database.family(Column::Expiry),
            &self.version,
            revision.to_le_bytes(),
        );
        self.expiry.add(self.version.clone());
        self.deadline = Some(
            self.deadline
                .map_or(deadline, |earliest| earliest.min(deadline)),
        );
    }

    /// Removes the expiry row of the node whose key is in `self.key`.
    fn drop_deadline(&mut self, deadline: u64) {
        key::expiry(deadline, &self.key, &mut self.version);
        self.rows
            .delete_cf(self.core.database.family(Column::Expiry), &self.version);
        self.expiry.delete(self.version.clone());
        self.deadline_moved |= self.deadline.is_some_and(|earliest| deadline <= earliest);
    }
}

/// What an event counts for retention by bytes: its path, and its value if the node is a file that
/// stays.
fn event_bytes(node: &Node) -> u64 {
    let value = node.value.as_ref().map_or(0, |value| value.len());
    (node.path.as_bytes().len() + value) as u64
}
