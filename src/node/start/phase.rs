//! What a start is doing: said once a second when it takes longer than that, so that nobody takes it for hung.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::Clock;

const PATIENCE: Duration = Duration::from_secs(1);

/// The phases of a start. Dropping it ends the lines.
pub(super) struct Phases {
    current: Arc<Mutex<String>>,
    clock: Clock,
    begun: Instant,
    _over: Option<SyncSender<()>>,
}

impl Phases {
    /// Begins with `first`. Without a thread to spare, nothing is said.
    pub(super) fn begin(clock: Clock, first: &str) -> Self {
        let current = Arc::new(Mutex::new(first.to_owned()));
        // Nothing is ever sent: its end is the message.
        let (over, wait) = sync_channel::<()>(0);
        let shared = current.clone();
        let (begun, read) = (clock.now(), clock.clone());
        let spawned = thread::Builder::new()
            .name("start".to_owned())
            .spawn(move || {
                while wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    let phase = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    tracing::info!(
                        "starting since {} s: {phase}",
                        read.elapsed(begun).as_secs()
                    );
                }
            });
        Self {
            current,
            clock,
            begun,
            _over: spawned.is_ok().then_some(over),
        }
    }

    /// How long the start has taken so far.
    pub(super) fn took(&self) -> Duration {
        self.clock.elapsed(self.begun)
    }

    /// What the node that is started reads the time from.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The next phase.
    pub(super) fn enter(&self, phase: String) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }
}
