//! The node's threads: started, joined, and stopped in the order that loses nothing.
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | `consensus` | [`Turns`] | the intake, the next tick, the next deadline |
//! | `log` | the log's writing half | its queue |
//! | `apply` | the store's writing half | its queue |
//! | `flush` | – | a request of the apply thread |
//!
//! Stop: intake closed → consensus ends → log queue drained and closed → apply queue drained and closed → flushed.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use raft::eraftpb::Message;

use super::apply_worker::ApplyWorker;
use super::intake::Intake;
use super::log_worker::{LogTask, LogWorker};
use super::queue::Queue;
use super::status::Status;
use super::turn::{ApplyBatch, LogBatch, Outside, Turns};
use super::waiters::Waiters;
use super::Failure;
use crate::metrics::Metrics;
use crate::raft::LogRead;

/// Messages to other members; a node without peers has nobody to send to.
pub trait Peers: Send + Sync {
    /// Must not block; may lose messages.
    fn send(&self, messages: Vec<Message>);
}

/// A node that is alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPeers;

impl Peers for NoPeers {
    fn send(&self, messages: Vec<Message>) {
        debug_assert!(messages.is_empty(), "a sole voter has nobody to send to");
    }
}

/// Entries that stay in the log below the flushed store, for followers that are a little behind.
const LOG_TAIL: u64 = 5_000;

/// What the threads share.
#[derive(Clone)]
pub struct Wiring {
    /// Requests and completions.
    pub intake: Arc<Intake>,
    /// Facts.
    pub status: Arc<Status>,
    /// Who waits.
    pub waiters: Arc<Waiters>,
    /// The store's reading half.
    pub store: storage::Store,
    /// To the peers.
    pub peers: Arc<dyn Peers>,
    /// Asks for a flush.
    pub flush: Arc<Queue<()>>,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// Running threads.
pub struct Runtime {
    wiring: Wiring,
    log_queue: Arc<Queue<LogTask>>,
    apply_queue: Arc<Queue<ApplyBatch>>,
    threads: Mutex<Vec<(&'static str, JoinHandle<()>)>>,
}

struct ToThreads {
    wiring: Wiring,
    log_queue: Arc<Queue<LogTask>>,
    apply_queue: Arc<Queue<ApplyBatch>>,
}

impl Outside for ToThreads {
    fn persist(&mut self, batch: LogBatch) {
        self.log_queue.push(LogTask::Batch(batch));
    }

    fn apply(&mut self, batch: ApplyBatch) {
        self.apply_queue.push(batch);
    }

    fn send(&mut self, messages: Vec<Message>) {
        self.wiring.peers.send(messages);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.wiring.store.next_deadline()
    }
}

impl Runtime {
    /// Starts all threads; a sole voter leads when this returns or soon after.
    pub fn start<R, F>(
        turns: Turns<R>,
        log: LogWorker<F>,
        apply: ApplyWorker,
        wiring: Wiring,
    ) -> std::io::Result<Self>
    where
        R: LogRead + 'static,
        F: wal::fs::Fs,
    {
        let runtime = Self {
            log_queue: Arc::default(),
            apply_queue: Arc::default(),
            threads: Mutex::default(),
            wiring,
        };
        runtime.start_log(log)?;
        runtime.start_apply(apply)?;
        runtime.start_flush()?;
        runtime.start_consensus(turns)?;
        Ok(runtime)
    }

    fn start_log<F: wal::fs::Fs>(&self, worker: LogWorker<F>) -> std::io::Result<()> {
        let (queue, wiring) = (self.log_queue.clone(), self.wiring.clone());
        self.spawn("log", move || {
            worker.run(&queue, |persisted| {
                if !persisted.messages.is_empty() {
                    wiring.peers.send(persisted.messages);
                }
                if let Some(number) = persisted.number {
                    wiring.intake.persisted(number);
                }
            });
        })
    }

    fn start_apply(&self, worker: ApplyWorker) -> std::io::Result<()> {
        let (queue, wiring) = (self.apply_queue.clone(), self.wiring.clone());
        self.spawn("apply", move || {
            worker.run(&queue, |index| wiring.intake.applied(index));
        })
    }

    fn start_flush(&self) -> std::io::Result<()> {
        let (log_queue, wiring) = (self.log_queue.clone(), self.wiring.clone());
        self.spawn("flush", move || {
            while wiring.flush.take().is_some() {
                if let Err(error) = flush(&wiring, &log_queue) {
                    wiring.status.fail(&error.to_string());
                    return;
                }
            }
        })
    }

    fn start_consensus<R: LogRead + 'static>(&self, mut turns: Turns<R>) -> std::io::Result<()> {
        let wiring = self.wiring.clone();
        let mut outside = ToThreads {
            wiring: wiring.clone(),
            log_queue: self.log_queue.clone(),
            apply_queue: self.apply_queue.clone(),
        };
        self.spawn("consensus", move || {
            let outcome = run_turns(&mut turns, &mut outside);
            let failure = match outcome {
                Ok(failure) => failure,
                Err(error) => {
                    wiring.status.fail(&format!("consensus: {error}"));
                    Failure::Storage(error.to_string())
                }
            };
            let (writes, reads) = wiring.intake.close(failure.clone());
            for submission in writes {
                let _ = submission.reply.send(Err(failure.clone()));
            }
            for read in reads {
                let _ = read.send(Err(failure.clone()));
            }
            turns.abandon(&failure);
        })
    }

    fn spawn(&self, name: &'static str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let status = self.wiring.status.clone();
        let handle = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            if outcome.is_err() {
                status.fail(&format!("the {name} thread panicked: this is a defect, see the lines above"));
            }
        })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push((name, handle));
        Ok(())
    }

    /// Stops in order; everything that was proposed is logged, applied and flushed before this returns. After a
    /// failure nothing is written any more.
    pub fn stop(&self) {
        self.wiring.intake.stop();
        self.join("consensus");
        self.log_queue.close();
        self.join("log");
        self.apply_queue.close();
        self.join("apply");
        self.wiring.flush.close();
        self.join("flush");
        self.wiring.waiters.abandon(&Failure::Stopped);
        if self.wiring.status.has_failed() {
            return;
        }
        if let Err(error) = self.wiring.store.flush() {
            tracing::error!("the last flush failed, the next start replays the log instead: {error}");
        }
    }

    fn join(&self, name: &str) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = threads.iter().position(|(thread, _)| *thread == name) else { return };
        let (_, handle) = threads.swap_remove(at);
        drop(threads);
        // A panic was turned into a failure inside the thread.
        let _ = handle.join();
    }
}

fn run_turns<R: LogRead>(turns: &mut Turns<R>, outside: &mut ToThreads) -> Result<Failure, raft::Error> {
    turns.campaign_if_alone(outside)?;
    let intake = outside.wiring.intake.clone();
    let status = outside.wiring.status.clone();
    loop {
        let inputs = intake.take(turns.patience(outside), turns.attention());
        let stop = inputs.stop;
        turns.turn(inputs, outside)?;
        if let Some(Failure::Storage(reason)) = status.refuses_writes() {
            return Ok(Failure::Storage(reason));
        }
        if stop {
            return Ok(Failure::Stopped);
        }
    }
}

fn flush(wiring: &Wiring, log_queue: &Queue<LogTask>) -> Result<(), storage::Error> {
    let started = Instant::now();
    let durable = wiring.store.flush()?;
    wiring.metrics.flush_seconds.observe(started.elapsed().as_secs_f64());
    tracing::debug!("the store is flushed up to index {}", durable.index);
    if let Some(index) = durable.index.checked_sub(LOG_TAIL) {
        log_queue.push(LogTask::Release(index));
    }
    Ok(())
}
