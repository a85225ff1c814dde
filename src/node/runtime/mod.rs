//! The node's threads: started, joined, and stopped in the order that loses nothing.
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | `consensus` | [`ConsensusLoop`] | the intake, the next tick, the next deadline |
//! | `log` | the log's queue | its queue |
//! | `apply` | the store's queue | its queue |
//! | `flush` | [`Flusher`] | a request of the store's worker, or of the log's when it is full; five seconds |
//! | `watchdog` | – | a second; it touches no disk |
//!
//! Where nobody else depends on the consensus thread (a sole voter), it does the log's work itself, since it could only
//! wait for it, and applies small groups itself: a lone write then costs two wake-ups instead of six. Large groups go
//! to the apply thread, so that applying one overlaps with syncing the next; so does every group while the store delays
//! writes, so that a store that stalls holds up no tick and no answer.
//!
//! Stop: consensus ends → log queue drained → apply queue drained → flushed. Any of these may hang with the disk: who stops
//! a node bounds it.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use raft::eraftpb::Message;
use wal::fs::Fs;

use super::apply::backlog;
use super::apply::worker::ApplyWorker;
use super::batch::{ApplyBatch, LogBatch, LogTask, Persisted};
use super::consensus::ConsensusLoop;
use super::effects::Effects;
use super::flusher::Flusher;
use super::intake::Intake;
use super::log_worker::{self, LogWorker};
use super::outcome::Failure;
use super::status::Status;
use super::waiters::Waiters;
use super::watchdog::Work;
use super::worker_queue::{Offered, WorkerQueue};
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

/// The largest group that the consensus thread applies itself.
const APPLY_ON_THE_SPOT: usize = 4;
/// How long an idle apply thread sleeps at most.
const IDLE: Duration = Duration::from_secs(60);
/// Pause between two looks at history that can be removed.
const COMPACTION_PAUSE: Duration = Duration::from_millis(10);

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
    /// Figures.
    pub metrics: Arc<Metrics>,
}

type LogQueue<F> = Arc<WorkerQueue<LogTask, LogWorker<F>>>;
type ApplyQueue = Arc<WorkerQueue<ApplyBatch, ApplyWorker>>;

/// Running threads.
pub struct Runtime<F: Fs> {
    wiring: Wiring,
    log: LogQueue<F>,
    apply: ApplyQueue,
    flusher: Flusher<F>,
    threads: Mutex<Vec<(&'static str, JoinHandle<()>)>>,
    // Dropped with the runtime, which ends the watchdog.
    _watch: SyncSender<()>,
}

struct WorkerQueues<F: Fs> {
    wiring: Wiring,
    log: LogQueue<F>,
    apply: ApplyQueue,
}

impl<F: Fs> Effects for WorkerQueues<F> {
    fn persist(&mut self, batch: LogBatch, alone: bool) -> Option<Persisted> {
        let mut task = LogTask::Batch(batch);
        if alone {
            let status = &self.wiring.status;
            match self
                .log
                .offer(task, |worker, task| persist(worker, vec![task], status))
            {
                Offered::Done(persisted) => {
                    if status.refuses_writes().is_some() {
                        // Its thread, which may sleep for long, is to look whether room reconsensus.
                        self.log.push(LogTask::Working(0));
                    }
                    return persisted;
                }
                Offered::Busy(back) => task = back,
            }
        }
        self.log.push(task);
        None
    }

    fn apply(&mut self, mut batch: ApplyBatch, alone: bool) -> Option<u64> {
        let quick = batch.entries.len() <= APPLY_ON_THE_SPOT && !self.wiring.status.store_delays();
        if alone && quick {
            let wiring = &self.wiring;
            let mut applied = None;
            let work = |worker: &mut ApplyWorker, batch| {
                apply(worker, vec![batch], wiring, &mut |index| {
                    applied = Some(index)
                });
            };
            match self.apply.offer(batch, work) {
                Offered::Done(()) => {
                    if wiring.status.waits_for_disk() {
                        // Its thread, which may sleep for long, is to look whether room reconsensus.
                        self.apply.push(ApplyBatch::default());
                    }
                    return applied;
                }
                Offered::Busy(back) => batch = back,
            }
        }
        self.apply.push(batch);
        None
    }

    fn send(&mut self, messages: Vec<Message>) {
        self.wiring.peers.send(messages);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.wiring.store.next_deadline()
    }
}

/// A path that leads elsewhere fails like a bad disk: which of both it is, is looked at first.
fn fail(status: &Status, look: Work, reason: &str) {
    if status.look_at_volume(look).is_none() {
        status.fail(reason);
    }
}

/// One group of the log. A failure is final and told to everyone through the status.
fn persist<F: Fs>(
    worker: &mut LogWorker<F>,
    tasks: Vec<LogTask>,
    status: &Status,
) -> Option<Persisted> {
    if status.has_failed() {
        return None;
    }
    match worker.step(tasks) {
        Ok(persisted) => Some(persisted),
        Err(error) => {
            // Without the segments of the log the next one fails as well; then the store is still to be flushed.
            if !worker.is_removed() {
                fail(status, Work::LogLook, &error.to_string());
            }
            None
        }
    }
}

/// Groups of the store; the same for a failure. Damage is none: the node goes on serving what it can.
fn apply(
    worker: &mut ApplyWorker,
    batches: Vec<ApplyBatch>,
    wiring: &Wiring,
    report: &mut impl FnMut(u64),
) {
    if let Err(error) = worker.step(batches, report) {
        let reason = error.to_string();
        match error.damage() {
            Some(damage) => wiring.status.end_writes(&damage),
            None => fail(&wiring.status, Work::StoreWrite, &reason),
        }
        wiring.waiters.abandon(&Failure::Storage(reason));
    }
}

impl<F: Fs> Runtime<F> {
    /// Starts all threads; a sole voter leads when this returns or soon after.
    pub fn start<R: LogRead + 'static>(
        consensus: ConsensusLoop<R>,
        mut log: LogWorker<F>,
        mut apply: ApplyWorker,
        flusher: Flusher<F>,
        flush_requests: Receiver<()>,
        wiring: Wiring,
    ) -> std::io::Result<Self> {
        log.set_flush(apply.flush_request());
        apply.be_patient();
        let clock = wiring.status.clock().clone();
        let (watch, watched) = sync_channel(0);
        let runtime = Self {
            log: Arc::new(WorkerQueue::new(log, clock.clone())),
            apply: Arc::new(WorkerQueue::new(apply, clock)),
            flusher,
            threads: Mutex::default(),
            wiring,
            _watch: watch,
        };
        runtime.start_watchdog(watched)?;
        runtime.start_log()?;
        runtime.start_apply()?;
        runtime.start_flush(flush_requests)?;
        runtime.start_consensus(consensus)?;
        Ok(runtime)
    }

    fn start_watchdog(&self, over: Receiver<()>) -> std::io::Result<()> {
        let status = self.wiring.status.clone();
        self.spawn("watchdog", move || {
            loop {
                let next = status.watchdog().look(status.clock().now());
                if over.recv_timeout(next) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })
    }

    fn start_log(&self) -> std::io::Result<()> {
        let (queue, wiring) = (self.log.clone(), self.wiring.clone());
        self.spawn("log", move || {
            let status = &wiring.status;
            queue.run(
                || log_worker::patience(status),
                |worker, tasks| {
                    let Some(persisted) = persist(worker, tasks, status) else {
                        return ControlFlow::Break(());
                    };
                    // Told first: an answer to a message must not overtake the news of what it promised.
                    if let Some(number) = persisted.number {
                        wiring.intake.persisted(number);
                    }
                    if !persisted.messages.is_empty() {
                        wiring.peers.send(persisted.messages);
                    }
                    ControlFlow::Continue(())
                },
            );
        })
    }

    fn start_apply(&self) -> std::io::Result<()> {
        let (queue, wiring) = (self.apply.clone(), self.wiring.clone());
        self.spawn("apply", move || {
            let status = wiring.status.clone();
            queue.run(
                || {
                    if status.waits_for_disk() {
                        backlog::LOOK
                    } else if status.has_to_compact() {
                        COMPACTION_PAUSE
                    } else {
                        IDLE
                    }
                },
                |worker, batches| {
                    apply(worker, batches, &wiring, &mut |index| {
                        wiring.intake.applied(index)
                    });
                    if wiring.status.has_failed() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
        })
    }

    fn start_flush(&self, requests: Receiver<()>) -> std::io::Result<()> {
        let (log, wiring) = (self.log.clone(), self.wiring.clone());
        let (mut flusher, apply) = (self.flusher.clone(), self.apply.clone());
        self.spawn("flush", move || {
            // Ends with the workers of store and log, which hold the sender.
            let ended = flusher.run(
                &requests,
                |index| log.push(LogTask::Working(index)),
                |damage| {
                    apply.claim(|worker| worker.met_in_background(damage));
                },
                || apply.claim(ApplyWorker::touch).unwrap_or(false),
                |error| {
                    apply.claim(|worker| worker.wait_out(error, Vec::new()));
                    apply.push(ApplyBatch::default());
                },
            );
            if let Err(error) = ended {
                wiring.status.fail(&error.to_string());
            }
        })
    }

    fn start_consensus<R: LogRead + 'static>(
        &self,
        mut consensus: ConsensusLoop<R>,
    ) -> std::io::Result<()> {
        let wiring = self.wiring.clone();
        let mut queues = WorkerQueues {
            wiring: wiring.clone(),
            log: self.log.clone(),
            apply: self.apply.clone(),
        };
        self.spawn("consensus", move || {
            let outcome = run_consensus(&mut consensus, &mut queues);
            let failure = outcome.unwrap_or_else(|error| {
                wiring.status.fail(&format!("consensus: {error}"));
                Failure::Storage(error.to_string())
            });
            let (writes, reads) = wiring.intake.close(failure.clone());
            for submission in writes {
                let _ = submission.reply.send(Err(failure.clone()));
            }
            for read in reads {
                let _ = read.send(Err(failure.clone()));
            }
            consensus.abandon(&failure);
            if matches!(failure, Failure::Storage(_)) {
                // Nobody will answer these any more; better now, with the reason, than by their time-out.
                wiring.waiters.abandon(&failure);
            }
        })
    }

    fn spawn(
        &self,
        name: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let status = self.wiring.status.clone();
        let handle = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
                if outcome.is_err() {
                    status.fail(&format!(
                        "the {name} thread panicked: this is a defect, see the lines above"
                    ));
                }
            })?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, handle));
        Ok(())
    }

    /// Stops in order; everything that was answered is flushed before this returns, and what was only logged is applied
    /// by the next start. After a failure nothing is written any more. `waits_for` is told what is waited for, each of
    /// which may hang with the disk.
    pub fn stop(&self, waits_for: &dyn Fn(&'static str)) {
        self.wiring.status.set_stopping();
        self.wiring.intake.stop();
        waits_for("the consensus thread");
        self.join("consensus");
        waits_for("the log's thread, or the one that prepares its segments");
        self.log.close();
        self.join("log");
        waits_for("the apply thread");
        self.apply.close();
        self.join("apply");
        self.wiring.waiters.abandon(&Failure::Stopped);
        waits_for("a look at the data directory");
        if self.lost_volume().is_some() || self.wiring.status.has_failed() {
            return;
        }
        waits_for("the flush of the store");
        self.join("flush");
        let Err(error) = self.flusher.clone().finish() else {
            return;
        };
        if self.wiring.status.removed_log().is_some() {
            self.wiring
                .status
                .fail(&format!("the last flush failed: {error}"));
        } else {
            tracing::error!(
                "the last flush failed, the next start replays the log instead: {error}"
            );
        }
    }

    /// Why the store must not be closed, if so: see [`Status::lost_volume`].
    pub fn lost_volume(&self) -> Option<&str> {
        self.wiring.status.lost_volume()
    }

    fn join(&self, name: &str) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = threads.iter().position(|(thread, _)| *thread == name) else {
            return;
        };
        let (_, handle) = threads.swap_remove(at);
        drop(threads);
        // A panic was turned into a failure inside the thread.
        let _ = handle.join();
    }
}

fn run_consensus<R: LogRead, F: Fs>(
    consensus: &mut ConsensusLoop<R>,
    queues: &mut WorkerQueues<F>,
) -> Result<Failure, raft::Error> {
    consensus.campaign_if_alone(queues)?;
    let intake = queues.wiring.intake.clone();
    let status = queues.wiring.status.clone();
    loop {
        let inputs = intake.take(consensus.patience(queues), consensus.attention());
        let stop = inputs.stop;
        consensus.step(inputs, queues)?;
        if let Some(Failure::Storage(reason)) = status.refuses_writes() {
            return Ok(Failure::Storage(reason));
        }
        if stop {
            return Ok(Failure::Stopped);
        }
    }
}
