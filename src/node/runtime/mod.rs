//! The node's threads: started, joined, and stopped in the order that loses nothing.
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | `consensus` | [`ConsensusLoop`] | the intake, the next tick, the next deadline |
//! | `log` | the log's queue | its queue |
//! | `apply` | the store's queue | its queue |
//! | `flush` | [`Flusher`] | a request of the store's worker, or of the log's when it is full; five seconds |
//! | `watchdog` | – | a second; it touches no disk |
//! | `fetch` | – | an order of the consensus thread; it is there once a follower was far behind |
//! | `export`, `retire` | – | only there while the state is written for another member, or an old store goes |
//!
//! Where nobody else depends on the consensus thread (a sole voter), it does the log's work itself, since it could only
//! wait for it, and applies small groups itself: a lone write then costs two wake-ups instead of six. Large groups go
//! to the apply thread, so that applying one overlaps with syncing the next; so does every group while the store delays
//! writes, so that a store that stalls holds up no tick and no answer.
//!
//! Stop: consensus ends → log queue drained → apply queue drained → flushed. Any of these may hang with the disk: who stops
//! a node bounds it.

mod dispatch;
mod fetcher;
mod queues;
mod snapshots;

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wal::fs::Fs;

use super::apply::backlog;
use super::apply::worker::ApplyWorker;
use super::batch::{ApplyBatch, LogTask};
use super::consensus::ConsensusLoop;
use super::consensus_error::ConsensusError;
use super::context::NodeContext;
use super::fatal::FatalError;
use super::flusher::{FinishError, Flusher};
use super::log_worker::{self, LogWorker};
use super::outcome::Failure;
use super::peer::Peers;
use super::snapshot::depot::SnapshotDepot;
use super::worker_queue::WorkerQueue;
use crate::raft::LogRead;
use dispatch::{WorkerQueues, apply, persist};
use fetcher::Fetcher;
use queues::{ApplyQueue, LogQueue};
use snapshots::SnapshotThreads;

/// How long an idle apply thread sleeps at most.
const IDLE: Duration = Duration::from_secs(60);
/// How long a leader that stops waits for another one.
const HAND_OVER: Duration = Duration::from_secs(1);
/// Pause between two looks at history that can be removed.
const COMPACTION_PAUSE: Duration = Duration::from_millis(10);

/// Running threads.
pub(crate) struct Runtime<F: Fs> {
    context: NodeContext,
    peers: Arc<dyn Peers>,
    log: LogQueue<F>,
    apply: ApplyQueue,
    snapshots: Arc<SnapshotThreads<F>>,
    flusher: Flusher<F>,
    threads: Mutex<Vec<(&'static str, JoinHandle<()>)>>,
    // Dropped with the runtime, which ends the watchdog.
    _watch: SyncSender<()>,
}

/// Why a node that had to leave everything in its store could not.
#[derive(Debug, thiserror::Error)]
#[error("the last flush failed: {0}")]
struct LastFlushError(#[source] FinishError);

impl<F: Fs> Runtime<F> {
    /// Starts all threads; a sole voter leads when this returns or soon after.
    pub(crate) fn start<R: LogRead + 'static>(
        consensus: ConsensusLoop<R>,
        mut log: LogWorker<F>,
        mut apply: ApplyWorker,
        (flusher, flush_requests): (Flusher<F>, Receiver<()>),
        context: NodeContext,
        peers: Arc<dyn Peers>,
        depot: Arc<SnapshotDepot<F>>,
    ) -> std::io::Result<Self> {
        log.set_flush(apply.flush_request());
        let fetcher = Fetcher::new(log.reader(), context.intake.clone());
        apply.be_patient();
        let clock = context.status.clock().clone();
        let (watch, watched) = sync_channel(0);
        let apply = Arc::new(WorkerQueue::new(apply, clock.clone()));
        let snapshots = Arc::new(SnapshotThreads {
            depot,
            intake: context.intake.clone(),
            apply: apply.clone(),
        });
        let runtime = Self {
            log: Arc::new(WorkerQueue::new(log, clock)),
            apply,
            snapshots,
            flusher,
            threads: Mutex::default(),
            context,
            peers,
            _watch: watch,
        };
        runtime.start_watchdog(watched)?;
        runtime.start_log()?;
        runtime.start_apply()?;
        runtime.start_flush(flush_requests)?;
        runtime.start_consensus(consensus, fetcher)?;
        Ok(runtime)
    }

    fn start_watchdog(&self, over: Receiver<()>) -> std::io::Result<()> {
        let status = self.context.status.clone();
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
        let (queue, context) = (self.log.clone(), self.context.clone());
        let (peers, snapshots) = (self.peers.clone(), self.snapshots.clone());
        self.spawn("log", move || {
            let status = &context.status;
            queue.run(
                || log_worker::patience(status),
                |worker, tasks| {
                    let Some(persisted) = persist(worker, tasks, status, &snapshots) else {
                        return ControlFlow::Break(());
                    };
                    // Told first: an answer to a message must not overtake the news of what it promised.
                    if let Some(number) = persisted.number {
                        context.intake.persisted(number);
                    }
                    if !persisted.messages.is_empty() {
                        peers.send(persisted.messages);
                    }
                    ControlFlow::Continue(())
                },
            );
        })
    }

    fn start_apply(&self) -> std::io::Result<()> {
        let (queue, context) = (self.apply.clone(), self.context.clone());
        self.spawn("apply", move || {
            let status = context.status.clone();
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
                    apply(worker, batches, &context, &mut |index| {
                        context.intake.applied(index)
                    });
                    if context.status.has_failed() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
        })
    }

    fn start_flush(&self, requests: Receiver<()>) -> std::io::Result<()> {
        let (log, context) = (self.log.clone(), self.context.clone());
        let (mut flusher, apply) = (self.flusher.clone(), self.apply.clone());
        self.spawn("flush", move || {
            // Ends with the workers of store and log, which hold the sender.
            let ended = flusher.run(
                &requests,
                |index| log.push(LogTask::Release(index)),
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
                context.status.fail(FatalError::new(error));
            }
        })
    }

    fn start_consensus<R: LogRead + 'static>(
        &self,
        mut consensus: ConsensusLoop<R>,
        fetcher: Fetcher<F>,
    ) -> std::io::Result<()> {
        let context = self.context.clone();
        let mut queues = WorkerQueues {
            context: context.clone(),
            peers: self.peers.clone(),
            log: self.log.clone(),
            apply: self.apply.clone(),
            snapshots: self.snapshots.clone(),
            fetcher,
        };
        self.spawn("consensus", move || {
            let outcome = run_consensus(&mut consensus, &mut queues);
            let failure = outcome.unwrap_or_else(|error| {
                let error = FatalError::new(error);
                context.status.fail(error.clone());
                Failure::Storage(error)
            });
            let (writes, reads) = context.intake.close(failure.clone());
            for submission in writes {
                let _ = submission.reply.send(Err(failure.clone()));
            }
            for read in reads {
                let _ = read.send(Err(failure.clone()));
            }
            consensus.abandon(&failure);
            if matches!(failure, Failure::Storage(_)) {
                // Nobody will answer these any more; better now, with the reason, than by their time-out.
                context.waiters.abandon(&failure);
            }
        })
    }

    fn spawn(
        &self,
        name: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let status = self.context.status.clone();
        let handle = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
                if outcome.is_err() {
                    status.fail(FatalError::new(format!(
                        "the {name} thread panicked: this is a defect, see the lines above"
                    )));
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
    pub(crate) fn stop(&self, waits_for: &dyn Fn(&'static str)) {
        self.context.status.set_stopping();
        self.context.intake.stop();
        waits_for("the consensus thread");
        self.join("consensus");
        waits_for("the log's thread, or the one that prepares its segments");
        self.log.close();
        self.join("log");
        waits_for("the apply thread");
        self.apply.close();
        self.join("apply");
        self.context.waiters.abandon(&Failure::Stopped);
        waits_for("a look at the data directory");
        if self.lost_volume().is_some() || self.context.status.has_failed() {
            return;
        }
        waits_for("the flush of the store");
        self.join("flush");
        let Err(error) = self.flusher.clone().finish() else {
            return;
        };
        if self.context.status.removed_log().is_some() {
            self.context
                .status
                .fail(FatalError::new(LastFlushError(error)));
        } else {
            tracing::error!(
                "the last flush failed, the next start replays the log instead: {error}"
            );
        }
    }

    /// Why the store must not be closed, if so: see `Status::lost_volume`.
    pub(crate) fn lost_volume(&self) -> Option<&str> {
        self.context.status.lost_volume()
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
) -> Result<Failure, ConsensusError> {
    consensus.campaign_if_alone(queues)?;
    let intake = queues.context.intake.clone();
    let status = queues.context.status.clone();
    loop {
        let inputs = intake.take(consensus.patience(queues), consensus.attention());
        let stop = inputs.stop;
        consensus.step(inputs, queues)?;
        if let Some(Failure::Storage(reason)) = status.refuses_writes() {
            return Ok(Failure::Storage(reason));
        }
        if stop {
            hand_over(consensus, queues)?;
            return Ok(Failure::Stopped);
        }
    }
}

/// A leader that stops leaves when another one leads, or after a moment.
fn hand_over<R: LogRead, F: Fs>(
    consensus: &mut ConsensusLoop<R>,
    queues: &mut WorkerQueues<F>,
) -> Result<(), ConsensusError> {
    if !consensus.leave(queues)? {
        return Ok(());
    }
    let (intake, clock) = (
        queues.context.intake.clone(),
        queues.context.status.clock().clone(),
    );
    let until = clock.now() + HAND_OVER;
    while consensus.still_leads() && clock.now() < until {
        let patience = consensus.patience(queues).min(HAND_OVER);
        let inputs = intake.take(patience, consensus.attention());
        consensus.step(inputs, queues)?;
    }
    Ok(())
}
