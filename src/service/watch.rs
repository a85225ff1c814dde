//! Watches as front ends see them.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Caller, MemberPosition, Service, ServiceError, StorageFault, WatchRequest};
use crate::watch::{Ended, Target, Watcher};

pub(crate) use crate::watch::{Budget, Claim, Delivery, Rendering, WaitingPlace};

/// An accepted watch. Dropping it ends it.
pub(crate) struct Watch {
    watcher: Watcher,
    position: MemberPosition,
    service: Service,
}

impl Service {
    /// Registers a watch. It needs no quorum; history that is gone is an error now, not later, and so is an event that
    /// cannot come.
    pub(crate) async fn watch(
        &self,
        _caller: &Caller,
        request: WatchRequest,
    ) -> Result<Watch, ServiceError> {
        self.admitted()?;
        let target = Target {
            path: request.path,
            recursive: request.recursive,
        };
        self.node().metrics.watch_requests.inc();
        let from = match request.from {
            0 => self.begins_after_told(),
            from => from,
        };
        let (watcher, published) = self
            .node()
            .hub
            .register(target, from, !request.stream)
            .map_err(|_| ServiceError::TooManyRequests)?;
        if request.from != 0 && request.from <= published {
            // After the registration: the oldest event can only have become a later one, never passed what is still to be read unseen.
            let oldest = self.node().store.oldest_event();
            if request.from < oldest {
                return Err(ServiceError::HistoryCleared {
                    oldest,
                    requested: request.from,
                    revision: published,
                });
            }
        } else if let Some(reason) = self.node().hub.muted() {
            self.node().metrics.watch_broken.inc();
            return Err(StorageFault::Watch(Ended::Mute(reason)).into());
        }
        Ok(Watch {
            watcher,
            position: self.position(match request.from {
                // What clients here were told before is no event to come.
                0 => published.max(from.saturating_sub(1)),
                _ => published,
            }),
            service: self.clone(),
        })
    }

    /// The first index after all that clients here were told, where that is more than this member has applied; 0 otherwise.
    fn begins_after_told(&self) -> u64 {
        let told = self.node().status.told();
        match told > self.revision() {
            true => told + 1,
            false => 0,
        }
    }
}

impl Service {
    /// The budget for events on their way to clients: a front end takes from it what it renders.
    pub(crate) fn sending_bytes(&self) -> &Arc<Budget> {
        self.node().hub.sending_bytes()
    }
}

impl Watch {
    /// The state when the watch was accepted.
    pub(crate) fn position(&self) -> MemberPosition {
        self.position
    }

    /// The next event. An error when history moved past the watch, when what it needs cannot be read, or when the server
    /// stops: it ends then.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Arc<Delivery>, ServiceError>> {
        self.watcher.poll_next(context).map(|next| match next {
            Ok(event) => Ok(event),
            Err(reason @ Ended::Compacted { oldest, requested }) => {
                tracing::debug!("a watch ends: {reason}");
                Err(ServiceError::HistoryCleared {
                    oldest,
                    requested,
                    revision: self.service.node().store.applied().revision,
                })
            }
            Err(Ended::Stopped) => Err(ServiceError::Stopped),
            Err(reason) => {
                match reason {
                    // Told once, for all of them.
                    Ended::Mute(_) => tracing::debug!("a watch ends: {reason}"),
                    _ => tracing::error!("a watch ends: {reason}"),
                }
                self.service.node().metrics.watch_broken.inc();
                if let Ended::Damaged(damage) = &reason {
                    self.service.node().status.damaged(damage);
                }
                Err(StorageFault::Watch(reason).into())
            }
        })
    }
}
