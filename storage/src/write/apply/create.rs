//! Create, create in order, and the directories made on the way.

use super::locate::Place;
use super::set::new_node;
use super::{Change, guard, is_reserved};
use crate::format::key;
use crate::format::record::Entry;
use crate::operation::{Action, Content, Lifetime, Refusal};
use crate::path::KeyPath;
use crate::write::batch::Batch;
use crate::write::row::Marks;

impl Batch<'_> {
    /// Creates; refuses if anything stands there.
    pub(super) fn create(
        &mut self,
        path: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
    ) -> Change {
        guard(path)?;
        self.create_at(path, content, lifetime, Marks::default())
    }

    /// Creates a child of `parent` that is named by the revision the write takes, in 20 digits, so
    /// that names sort in the order of the writes (keys-api 5.2). The root may be the parent.
    pub(super) fn create_in_order(
        &mut self,
        parent: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
    ) -> Change {
        let path = parent.child(format!("{:020}", self.next_revision()).as_bytes());
        if is_reserved(&path) {
            return Err(Refusal::ReadOnly(parent.clone()).into());
        }
        self.create_at(&path, content, lifetime, Marks::default())
    }

    pub(super) fn create_at(
        &mut self,
        path: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
        marks: Marks,
    ) -> Change {
        let missing = match self.locate(path)? {
            Place::Present(_) => return Err(Refusal::AlreadyExists(path.clone()).into()),
            Place::Absent(missing) => missing,
        };
        self.make_parents(missing);
        let value = match content {
            Content::File(value) => Some(value.clone()),
            Content::Directory => None,
        };
        let revision = self.next_revision();
        let node = new_node(path.clone(), value, revision, lifetime);
        self.put(
            Entry {
                node: node.clone(),
                revision,
            },
            None,
        );
        Ok(self.finish(Action::Create, node, None, marks)?)
    }

    /// Makes the directories on the way: permanent, at the revision of the write, without an event
    /// (keys-api 5.1).
    pub(super) fn make_parents(&mut self, missing: Vec<KeyPath>) {
        let revision = self.next_revision();
        let Some(deepest) = missing.last() else {
            return;
        };
        // A key is as long as its path, and that of an ancestor is its beginning.
        let whole = key::encoded(deepest);
        for path in missing {
            self.key.clear();
            self.key.extend_from_slice(&whole[..path.as_bytes().len()]);
            let entry = Entry {
                node: new_node(path, None, revision, None),
                revision,
            };
            self.put_rows(&entry, None);
            self.overlay.make(self.key.clone(), entry);
        }
    }
}
