//! How a new member of several comes to serve: it catches up, and opens its gate.

use super::{Service, ServiceError};

impl Service {
    /// Waits until everything that was confirmed before this call is applied here. For the node itself, which does not
    /// wait at the gate.
    pub(crate) async fn catch_up(&self) -> Result<(), ServiceError> {
        self.linearize().await
    }

    /// From now on clients are served.
    pub(crate) fn admit_clients(&self) {
        self.inner.gate.open();
    }

    /// Whether clients are served.
    pub(super) fn admitted(&self) -> Result<(), ServiceError> {
        self.inner.gate.admits()
    }
}
