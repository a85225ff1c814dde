//! Delete.

use super::{EventResult, guard};
use crate::format::key;
use crate::operation::{Action, Refusal};
use crate::path::KeyPath;
use crate::write::batch::Batch;
use crate::write::row::EventFlags;

impl Batch<'_> {
    /// Removes a file, an empty directory with `dir`, or a directory with all below it with
    /// `recursive`: one change, one event.
    pub(super) fn delete(&mut self, path: &KeyPath, dir: bool, recursive: bool) -> EventResult {
        guard(path)?;
        let entry = self.find(path)?;
        if entry.node.dir && !recursive {
            if !dir {
                return Err(Refusal::NotFile(Some(path.clone())).into());
            }
            // Hidden children count (keys-api 4.1).
            if !self.descendants(&key::encoded(path), 1)?.is_empty() {
                return Err(Refusal::DirectoryNotEmpty(path.clone()).into());
            }
        }
        Ok(self.remove(entry, Action::Delete, EventFlags::default())?)
    }
}
