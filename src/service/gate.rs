//! Clients wait at the gate of a new member of several: its empty tree is not the tree of the cluster.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::Store;

use super::error::ServiceError;
use crate::members;

/// Opened once, and never closed again.
#[derive(Debug)]
pub(super) struct Gate(AtomicBool);

impl Gate {
    /// The gate of a member that is started. It is open for a lone one, and for one whose store holds a state of its
    /// cluster, be it an old one, and not only the beginning of its log: the founding is applied. A store that cannot be read
    /// says so to whoever reads it.
    pub(super) fn new(alone: bool, store: &Store) -> Self {
        Self(AtomicBool::new(
            alone || members::is_founded(store).unwrap_or(true),
        ))
    }

    /// Whether clients are served. Even a local read or a watch would show a closed one's empty tree, and a write would take
    /// the first revisions from the founding.
    pub(super) fn admits(&self) -> Result<(), ServiceError> {
        if self.0.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(ServiceError::CatchingUp)
        }
    }

    pub(super) fn open(&self) {
        self.0.store(true, Ordering::Release);
    }
}
