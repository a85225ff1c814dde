//! The open connections of a port: how many there may be, and what they are to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// How long connections get to notice that they are to be aborted.
const ABORT_WITHIN: Duration = Duration::from_secs(1);

/// What connections are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Serving,
    /// Finish the request in flight.
    Draining,
    Aborting,
}

/// See the module.
pub(super) struct OpenConnections {
    limit: u32,
    slots: Arc<Semaphore>,
    stage: watch::Sender<Stage>,
}

impl OpenConnections {
    pub(super) fn new(limit: usize) -> Self {
        let limit = u32::try_from(limit)
            .unwrap_or(u32::MAX)
            .min(Semaphore::MAX_PERMITS as u32);
        Self {
            limit,
            slots: Arc::new(Semaphore::new(limit as usize)),
            stage: watch::Sender::new(Stage::Serving),
        }
    }

    /// Room for one more, until what is returned is dropped, and how it hears what to do; `None` if there is none.
    pub(super) fn admit(&self) -> Option<(OwnedSemaphorePermit, watch::Receiver<Stage>)> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        Some((slot, self.stage.subscribe()))
    }

    /// The same for one who waits so long.
    pub(super) async fn admit_within(
        &self,
        within: Duration,
    ) -> Option<(OwnedSemaphorePermit, watch::Receiver<Stage>)> {
        let slot = timeout(within, Arc::clone(&self.slots).acquire_owned());
        let slot = slot.await.ok()?.ok()?;
        Some((slot, self.stage.subscribe()))
    }

    /// Waits for the requests in flight, so long, and aborts what is left then. `whose` is for the log.
    pub(super) async fn drain(self, within: Duration, whose: &str) {
        self.stage.send_replace(Stage::Draining);
        if timeout(within, self.slots.acquire_many(self.limit))
            .await
            .is_ok()
        {
            return;
        }
        let open = self.limit as usize - self.slots.available_permits();
        tracing::warn!(
            open,
            "{whose} connections did not end in time and are aborted"
        );
        self.stage.send_replace(Stage::Aborting);
        // Aborting needs no more than a poll of each connection.
        drop(timeout(ABORT_WITHIN, self.slots.acquire_many(self.limit)).await);
    }
}
