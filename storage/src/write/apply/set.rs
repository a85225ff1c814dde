//! Set and update.

use bytes::Bytes;

use super::locate::Located;
use super::{EventResult, guard};
use crate::format::node_row::StoredNode;
use crate::operation::{Action, Content, Lifetime, Node, Refusal, Write};
use crate::path::KeyPath;
use crate::write::batch::Batch;
use crate::write::row::EventFlags;

impl Batch<'_> {
    /// Creates or replaces. A file may become a directory; createdIndex starts anew. A refresh
    /// needs the node, and a file that stays a file keeps its value.
    pub(super) fn set(&mut self, write: &Write) -> EventResult {
        guard(&write.path)?;
        let flags = EventFlags::of(write);
        self.set_at(&write.path, &write.content, write.lifetime, flags)
    }

    pub(super) fn set_at(
        &mut self,
        path: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
        flags: EventFlags,
    ) -> EventResult {
        let (prev, missing) = if flags.refresh {
            (Some(self.find(path)?), Vec::new())
        } else {
            match self.locate(path)? {
                Located::Present(entry) => (Some(entry), Vec::new()),
                Located::Absent(missing) => (None, missing),
            }
        };
        if prev.as_ref().is_some_and(|prev| prev.node.dir) {
            return Err(Refusal::NotFile(Some(path.clone())).into());
        }
        let value = content.value().map(|value| match &prev {
            // What is there is no directory.
            Some(prev) if flags.refresh => prev.node.value.clone().unwrap_or_default(),
            _ => value.clone(),
        });
        self.make_parents(missing);
        let revision = self.next_revision();
        let node = new_node(path.clone(), value, revision, lifetime);
        self.put(
            StoredNode {
                node: node.clone(),
                revision,
            },
            prev.as_ref().and_then(|prev| prev.node.lifetime),
        );
        Ok(self.finish(Action::Set, node, prev, flags)?)
    }

    /// Replaces value and TTL of a file, or the TTL of a directory. The latter takes a revision and
    /// leaves the directory's own modifiedIndex as it was; only the event shows the new one
    /// (keys-api 6).
    pub(super) fn update(&mut self, write: &Write) -> EventResult {
        guard(&write.path)?;
        let prev = self.find(&write.path)?;
        let value = write.content.value();
        if prev.node.dir && value.is_some_and(|value| !value.is_empty()) {
            return Err(Refusal::NotFile(Some(write.path.clone())).into());
        }
        let flags = EventFlags::of(write);
        self.change(prev, value, write.lifetime, Action::Update, flags)
    }

    /// Writes over `prev` and keeps its createdIndex.
    pub(super) fn change(
        &mut self,
        prev: StoredNode,
        value: Option<&Bytes>,
        lifetime: Option<Lifetime>,
        action: Action,
        flags: EventFlags,
    ) -> EventResult {
        let revision = self.next_revision();
        let value = prev.node.value.as_ref().map(|kept| {
            if flags.refresh {
                kept.clone()
            } else {
                value.cloned().unwrap_or_default()
            }
        });
        let shown = Node {
            value,
            modified: revision,
            lifetime,
            ..prev.node.clone()
        };
        let stored = if prev.node.dir {
            prev.node.modified
        } else {
            revision
        };
        self.put(
            StoredNode {
                node: Node {
                    modified: stored,
                    ..shown.clone()
                },
                revision,
            },
            prev.node.lifetime,
        );
        Ok(self.finish(action, shown, Some(prev), flags)?)
    }
}

/// A node that `revision` makes.
pub(super) fn new_node(
    path: KeyPath,
    value: Option<Bytes>,
    revision: u64,
    lifetime: Option<Lifetime>,
) -> Node {
    Node {
        path,
        dir: value.is_none(),
        value,
        created: revision,
        modified: revision,
        lifetime,
    }
}
