//! Create, create in order, and the directories made on the way.

use super::locate::Located;
use super::set::new_node;
use super::{EventResult, guard, is_reserved};
use crate::format::node_row::StoredNode;
use crate::operation::{Action, Content, Lifetime, Refusal, Write};
use crate::path::KeyPath;
use crate::write::batch::Batch;
use crate::write::row::EventFlags;

impl Batch<'_> {
    /// Creates; refuses if anything stands there.
    pub(super) fn create(&mut self, write: &Write) -> EventResult {
        guard(&write.path)?;
        self.create_at(
            &write.path,
            &write.content,
            write.lifetime,
            EventFlags::default(),
        )
    }

    /// Creates a child that is named by the revision the write takes, in 20 digits, so
    /// that names sort in the order of the writes (keys-api 5.2). The root may be the parent.
    pub(super) fn create_in_order(&mut self, write: &Write) -> EventResult {
        let parent = &write.path;
        let path = parent.child(format!("{:020}", self.next_revision()).as_bytes());
        if is_reserved(&path) {
            return Err(Refusal::ReadOnly(parent.clone()).into());
        }
        self.create_at(&path, &write.content, write.lifetime, EventFlags::default())
    }

    pub(super) fn create_at(
        &mut self,
        path: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
        flags: EventFlags,
    ) -> EventResult {
        let missing = match self.locate(path)? {
            Located::Present(_) => return Err(Refusal::AlreadyExists(path.clone()).into()),
            Located::Absent(missing) => missing,
        };
        self.make_parents(missing);
        let value = content.value().cloned();
        let revision = self.next_revision();
        let node = new_node(path.clone(), value, revision, lifetime);
        self.put(
            StoredNode {
                node: node.clone(),
                revision,
            },
            None,
        );
        Ok(self.finish(Action::Create, node, None, flags)?)
    }

    /// Makes the directories on the way: permanent, at the revision of the write, without an event
    /// (keys-api 5.1).
    pub(super) fn make_parents(&mut self, missing: Vec<KeyPath>) {
        let revision = self.next_revision();
        for path in missing {
            // That of an ancestor is the beginning of the key that was looked up.
            let length = path.as_bytes().len();
            let entry = StoredNode {
                node: new_node(path, None, revision, None),
                revision,
            };
            self.put_rows(length, &entry);
            self.overlay.make(self.key[..length].to_vec(), entry);
        }
    }
}
