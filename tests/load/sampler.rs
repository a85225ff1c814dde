//! A thread that looks at a process until it is told to stop, and keeps the highest figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use super::process::{self, Figures};
use super::support::running;

const LOOK: Duration = Duration::from_millis(50);

/// A server that takes more than this would take the machine with it: it is ended, and the table says so.
pub(crate) const MOST_MEMORY: u64 = 8 << 30;

/// Dropping it waits for its thread: the process's number may be another's once the process has been waited for.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) peak: Figures,
    /// It was ended at [`MOST_MEMORY`].
    pub(crate) ended: bool,
}

impl Sampler {
    pub(crate) fn start(pid: u32) -> Sampler {
        let stop = Arc::new(AtomicBool::new(false));
        let exact = process::forget_peak(pid);
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut seen = Seen::default();
                while !stop.load(Ordering::Relaxed) && !seen.ended {
                    seen.look(pid, exact);
                    thread::sleep(LOOK);
                }
                seen.look(pid, exact);
                seen
            }
        });
        Sampler {
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn stop(mut self) -> Seen {
        self.end().expect("it is stopped once")
    }

    fn end(&mut self) -> Option<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take()?;
        Some(thread.join().expect("the sampler does not panic"))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end();
    }
}

impl Seen {
    fn look(&mut self, pid: u32, exact: bool) {
        let Some(mut now) = process::figures(pid) else {
            return;
        };
        if exact {
            now.resident = process::peak(pid).unwrap_or(now.resident);
        }
        let peak = &mut self.peak;
        peak.resident = peak.resident.max(now.resident);
        peak.descriptors = peak.descriptors.max(now.descriptors);
        peak.threads = peak.threads.max(now.threads);
        if now.resident > MOST_MEMORY && !self.ended {
            running::send(pid, Signal::KILL);
            self.ended = true;
        }
    }
}
