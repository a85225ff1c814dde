//! The end of the process: told by signals, and bounded whatever hangs.
//!
//! | from the first signal, or from the end of the grace after a failed disk | at the latest after |
//! |---|---|
//! | listeners closed, watches ended, requests answered or cut off | [`DRAIN`] |
//! | the node's threads joined, the store flushed and closed | [`STORAGE`] more |
//! | the process has called exit | that |
//!
//! A thread of its own gets the signals and keeps the time, since any other may sit in a call to a disk that does not
//! return. When the time is over, or SIGTERM or SIGINT comes again a second later or more, it says what is missing and ends the process without
//! destructors: those of RocksDB and of the log join threads that may hang. Nothing acknowledged is lost by that, it is
//! in the log. A kernel that holds a thread in a hung device may keep the process visible beyond its exit.

use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::exit::EXIT_STORAGE;
use super::signal::Signals;
use crate::logging;
use crate::node::status::Status;

/// How long requests under way may take to finish once the server stops.
pub(super) const DRAIN: Duration = Duration::from_secs(5);
/// How long the node's threads and the store may take after that.
pub(super) const STORAGE: Duration = Duration::from_secs(10);

/// The server's side of the thread.
pub(super) struct StopSignal {
    told: watch::Receiver<Option<&'static str>>,
    ending: Arc<Notify>,
    stage: Arc<Mutex<&'static str>>,
}

/// The thread's side.
struct Guard {
    told: watch::Sender<Option<&'static str>>,
    ending: Arc<Notify>,
    stage: Arc<Mutex<&'static str>>,
    status: Arc<Status>,
}

impl StopSignal {
    /// From when this returns signals no longer kill the process.
    pub(super) fn listen(status: Arc<Status>) -> io::Result<Self> {
        let (sender, told) = watch::channel(None);
        let stop = Self {
            told,
            ending: Arc::default(),
            stage: Arc::new(Mutex::new("the answering of requests")),
        };
        let guard = Guard {
            told: sender,
            ending: stop.ending.clone(),
            stage: stop.stage.clone(),
            status,
        };
        let (ready, listening) = sync_channel(1);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .enable_time()
                    .build();
                let begun = runtime.and_then(|runtime| {
                    let inside = runtime.enter();
                    let signals = Signals::new()?;
                    drop(inside);
                    Ok((runtime, signals))
                });
                match begun {
                    Ok((runtime, signals)) => {
                        let _ = ready.send(Ok(()));
                        runtime.block_on(guard.watch(signals));
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })?;
        listening
            .recv()
            .map_err(|_| io::Error::other("the thread for signals ended"))??;
        Ok(stop)
    }

    /// Resolves once a signal says to stop.
    pub(super) async fn told(&self) {
        let mut told = self.told.clone();
        if let Ok(name) = told.wait_for(Option::is_some).await {
            tracing::info!("{}: stopping", name.unwrap_or_default());
            return;
        }
        // The thread never ends before the process does.
        std::future::pending().await
    }

    /// The time begins to count, unless a signal has begun it.
    pub(super) fn bound(&self) {
        self.ending.notify_one();
    }

    /// Tells the thread what is being waited for, from wherever that happens.
    pub(super) fn stage(&self) -> Box<dyn Fn(&'static str) + Send> {
        let place = self.stage.clone();
        Box::new(move |stage| *place.lock().unwrap_or_else(PoisonError::into_inner) = stage)
    }
}

impl Guard {
    async fn watch(self, mut signals: Signals) {
        tokio::select! {
            name = signals.next() => {
                self.told.send_replace(Some(name));
            }
            () = self.ending.notified() => {}
        }
        let begun = Instant::now();
        tokio::select! {
            name = signals.again(begun) => {
                let stage = self.stage();
                self.exit(format!("{name} again while waiting for {stage}, exiting at once"));
            }
            () = tokio::time::sleep(DRAIN + STORAGE) => {
                self.exit(self.missing(begun.elapsed()));
            }
        }
    }

    /// What keeps the process from its end.
    fn missing(&self, waited: Duration) -> String {
        self.status
            .watchdog()
            .hanging(Instant::now())
            .unwrap_or_else(|| {
                format!(
                    "waited for {} for {:.0} s",
                    self.stage(),
                    waited.as_secs_f64()
                )
            })
            + ", exiting without it"
    }

    fn stage(&self) -> &'static str {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exit(&self, line: String) -> ! {
        leave(match self.status.removed_log() {
            Some(reason) => format!("{line}: {reason}, and the store may lack what it held"),
            None => {
                format!("{line}: everything acknowledged is in the log, the next start recovers it")
            }
        })
    }
}

/// Ends the process at once, without destructors. Also for a data directory that is not there any more: closing the store
/// would write to, and remove from, whatever stands at its path now.
pub(super) fn leave(line: String) -> ! {
    logging::expect_the_end();
    tracing::error!("{line}");
    logging::finish();
    signal_hook::low_level::exit(i32::from(EXIT_STORAGE))
}
