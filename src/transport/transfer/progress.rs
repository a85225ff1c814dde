//! How far a snapshot has come, for who looks at the figures while it is on its way.

use std::sync::Arc;

use crate::metrics::{Metrics, PeerLabel};

/// Shown until it is dropped.
pub(super) struct TransferProgress {
    metrics: Arc<Metrics>,
    label: PeerLabel,
    bytes: u64,
}

impl TransferProgress {
    /// Of a file of `length` bytes, `bytes` of which are at the receiver.
    pub(super) fn begin(metrics: &Arc<Metrics>, label: PeerLabel, bytes: u64, length: u64) -> Self {
        metrics.peers.show_snapshot(&label, bytes, length);
        Self {
            metrics: Arc::clone(metrics),
            label,
            bytes,
        }
    }

    /// So many more.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.metrics
            .peers
            .show_snapshot_bytes(&self.label, self.bytes);
    }
}

impl Drop for TransferProgress {
    fn drop(&mut self) {
        self.metrics.peers.end_snapshot(&self.label);
    }
}
