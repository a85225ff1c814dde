//! A small listing: everything in one buffer.

use std::ops::ControlFlow;

use super::writer::{ListingWriter, Outlet};
use crate::service::MemberPosition;

/// What may be listed on the asynchronous thread: about a tenth of a millisecond of work.
pub(super) const INLINE_NODES: usize = 256;
pub(super) const INLINE_BYTES: usize = 64 * 1024;
/// Rows looked at for it. More than are shown: a step past the children of a listed directory is one as well.
pub(super) const INLINE_ROWS: usize = 4 * INLINE_NODES;

/// Everything in one buffer, if it is small.
#[derive(Default)]
pub(super) struct Inline {
    nodes: usize,
}

impl Outlet for Inline {
    const ROWS: Option<usize> = Some(INLINE_ROWS);

    fn begin(&mut self, _: MemberPosition) {}

    fn written(&mut self, json: &mut Vec<u8>) -> ControlFlow<()> {
        self.nodes += 1;
        if self.nodes > INLINE_NODES || json.len() > INLINE_BYTES {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl ListingWriter<Inline> {
    /// The document and its place in history; `None` if it is not small.
    pub(super) fn finish(mut self) -> Option<(Vec<u8>, MemberPosition)> {
        let position = self.close()?;
        Some((self.json, position))
    }
}
