//! Compare-and-swap, compare-and-delete.

use super::{EventResult, guard};
use crate::operation::{Action, Condition, Node, Refusal, Write};
use crate::path::KeyPath;
use crate::write::batch::Batch;
use crate::write::row::EventFlags;

impl Batch<'_> {
    /// Writes a file if the condition holds.
    pub(super) fn compare_and_swap(&mut self, write: &Write, condition: &Condition) -> EventResult {
        guard(&write.path)?;
        let prev = self.find(&write.path)?;
        compare(&prev.node, condition)?;
        let (value, flags) = (write.content.value(), EventFlags::of(write));
        self.change(prev, value, write.lifetime, Action::CompareAndSwap, flags)
    }

    /// Removes a file if the condition holds. The root is no file, rather than read-only (keys-api
    /// 3.4).
    pub(super) fn compare_and_delete(
        &mut self,
        path: &KeyPath,
        condition: &Condition,
    ) -> EventResult {
        if path.is_root() {
            return Err(Refusal::NotFile(None).into());
        }
        guard(path)?;
        let prev = self.find(path)?;
        compare(&prev.node, condition)?;
        Ok(self.remove(prev, Action::CompareAndDelete, EventFlags::default())?)
    }
}

/// Values are compared as bytes; all conditions that are given must hold.
fn compare(node: &Node, condition: &Condition) -> Result<(), Refusal> {
    let Some(value) = &node.value else {
        return Err(Refusal::NotFile(Some(node.path.clone())));
    };
    let value_holds = condition
        .value
        .as_ref()
        .is_none_or(|wanted| wanted == value);
    let index_holds = condition.index == 0 || condition.index == node.modified;
    if value_holds && index_holds {
        return Ok(());
    }
    Err(Refusal::CompareFailed {
        condition: condition.clone(),
        value: value.clone(),
        index: node.modified,
    })
}
