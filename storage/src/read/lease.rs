//! A lease: the store as it is open now, for as long as it is held.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::error::Error;
use crate::format::meta::Applied;
use crate::operation::{Node, Refusal};
use crate::path::KeyPath;
use crate::read::core::Core;
use crate::read::point;
use crate::read::view::View;

/// An owned hold on one opening of the store, from which views are taken. Clones are cheap.
///
/// The store cannot be reopened while a lease lives, so a lease should not outlive a request by
/// far; who streams for long asks [`Lease::is_recalled`] now and then, and ends early.
#[derive(Clone)]
pub struct Lease {
    pub(crate) core: Arc<Core>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

impl Lease {
    /// A consistent view of everything, at the newest published revision.
    pub fn view(&self) -> View<'_> {
        View::new(&self.core)
    }

    /// The node at `path`: see [`crate::Store::get`].
    pub fn get(&self, path: &KeyPath) -> Result<(Result<Node, Refusal>, u64), Error> {
        self.core.get(path)
    }

    /// The newest published revision.
    pub fn revision(&self) -> u64 {
        self.core.published.revision()
    }

    /// The state as of the last commit.
    pub fn applied(&self) -> Applied {
        self.core.published.latest().applied.clone()
    }

    /// A row outside the tree.
    pub fn record(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        point::record(&self.core.database, key)
    }

    /// Whether the writer waits for this lease to end, because it reopens the store.
    pub fn is_recalled(&self) -> bool {
        self.core.recalled.load(Ordering::Relaxed)
    }
}
