//! Nodes whose time is over and that nothing can remove.
//!
//! Where writes are refused (a full disk, a damaged store), no expiry is proposed. A lock of a dead owner would look held
//! for as long as that lasts. A linearizable read has seen every renewal that was acknowledged, so it may say what is
//! true: the node is gone. A local read may have missed a renewal, and shows what is stored.

use storage::View;
use storage::operation::{Lifetime, Node, Refusal};

/// From here on a lapsed node that is still there is a remainder of a pause, not the moment that its removal takes.
pub(super) const OVERDUE_NANOSECONDS: u64 = 1_000_000_000;

/// Which nodes of a view count as gone: none, or those whose deadline (cluster time) is this or earlier.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lapsed(Option<u64>);

impl Lapsed {
    /// For a read at cluster time `now` while nothing can expire.
    pub(super) fn at(now: u64) -> Self {
        Self(Some(now.saturating_sub(OVERDUE_NANOSECONDS)))
    }

    /// Whether any node may count as gone.
    pub(super) fn is_some(self) -> bool {
        self.0.is_some()
    }

    /// Whether a node with this lifetime counts as gone.
    pub(super) fn takes(self, lifetime: Option<Lifetime>) -> bool {
        match (self.0, lifetime) {
            (Some(cutoff), Some(lifetime)) => lifetime.deadline <= cutoff,
            _ => false,
        }
    }

    /// `node`, unless it or a directory above it counts as gone: then what a read would say after the expiry.
    pub(super) fn sift(
        self,
        view: &View<'_>,
        node: Node,
    ) -> Result<Result<Node, Refusal>, storage::Error> {
        if self.0.is_none() {
            return Ok(Ok(node));
        }
        for ancestor in node.path.ancestors() {
            if let Ok(above) = view.node(&ancestor)?
                && self.takes(above.lifetime)
            {
                return Ok(Err(Refusal::KeyNotFound(ancestor)));
            }
        }
        if self.takes(node.lifetime) {
            return Ok(Err(Refusal::KeyNotFound(node.path)));
        }
        Ok(Ok(node))
    }
}

/// Leaves the subtrees of lapsed directories out of a walk, which is in tree order.
#[derive(Debug)]
pub(super) struct Sieve {
    lapsed: Lapsed,
    /// The last one that was left out, with the slash that its descendants have behind it.
    gone: Option<Vec<u8>>,
}

impl Sieve {
    pub(super) fn new(lapsed: Lapsed) -> Self {
        Self { lapsed, gone: None }
    }

    /// Whether the next node of the walk is shown.
    pub(super) fn shows(&mut self, path: &[u8], lifetime: Option<Lifetime>) -> bool {
        if self
            .gone
            .as_ref()
            .is_some_and(|gone| path.starts_with(gone))
        {
            return false;
        }
        if self.lapsed.takes(lifetime) {
            self.gone = Some([path, b"/"].concat());
            return false;
        }
        true
    }
}
