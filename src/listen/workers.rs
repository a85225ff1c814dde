//! The threads that serve connections: one runtime each, connections dealt out one after the other (round robin).
//!
//! A connection stays on its thread, so a request is read, handed to the node, woken up and answered by one thread.
//! A runtime that shares its tasks among threads wakes a second one for every hand-over of its poller; where requests
//! come one by one that costs as much as the request.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::date;

/// How long what blocks (a listing of a stalled client) may hold up the end of a thread.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// See the module. Dropping it ends the threads.
#[derive(Debug)]
pub(crate) struct Workers {
    runtimes: Vec<Handle>,
    next: AtomicUsize,
    stops: Vec<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads; one for each core is best.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let mut workers = Self {
            runtimes: Vec::with_capacity(count),
            next: AtomicUsize::new(0),
            stops: Vec::with_capacity(count),
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .build()?;
            let (stop, stopped) = oneshot::channel::<()>();
            workers.runtimes.push(runtime.handle().clone());
            workers.stops.push(stop);
            let body = move || {
                runtime.block_on(date::settle());
                // The sender is dropped, never used: either way it is the end.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_timeout(LAST_WAIT);
            };
            workers.threads.push(
                thread::Builder::new()
                    .name(format!("http-{number}"))
                    .spawn(body)?,
            );
        }
        Ok(workers)
    }

    /// Runs a task on the next thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.runtimes.len();
        self.runtimes[next].spawn(task);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            // A task's panic does not end its thread; should the runtime itself panic, the lines above tell.
            let _ = thread.join();
        }
    }
}
