//! The effects of the consensus thread, behind the queues of the workers: done on the spot where nobody else depends on
//! this thread, and handed to the worker's own thread otherwise.

use std::sync::Arc;

use raft::eraftpb::{ConfState, Message};
use wal::fs::Fs;

use super::fetcher::Fetcher;
use super::queues::{ApplyQueue, LogQueue};
use super::snapshots::SnapshotThreads;
use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::{ApplyBatch, JudgedChange, LogBatch, LogTask, Persisted};
use crate::node::change::{self, ChangeError};
use crate::node::context::NodeContext;
use crate::node::effects::Effects;
use crate::node::fatal::FatalError;
use crate::node::log_worker::LogWorker;
use crate::node::outcome::Failure;
use crate::node::peer::{Peers, WriteMessage};
use crate::node::status::Status;
use crate::node::watchdog::Work;
use crate::node::worker_queue::Offered;
use crate::raft::Fetch;

/// The largest group that the consensus thread applies itself.
const APPLY_ON_THE_SPOT: usize = 4;

/// See the module.
pub(super) struct WorkerQueues<F: Fs> {
    pub(super) context: NodeContext,
    pub(super) peers: Arc<dyn Peers>,
    pub(super) log: LogQueue<F>,
    pub(super) apply: ApplyQueue,
    pub(super) snapshots: Arc<SnapshotThreads<F>>,
    pub(super) fetcher: Fetcher<F>,
}

impl<F: Fs> Effects for WorkerQueues<F> {
    fn persist(&mut self, batch: LogBatch, alone: bool) -> Option<Persisted> {
        let mut task = LogTask::Batch(batch);
        if alone {
            let status = &self.context.status;
            let snapshots = &self.snapshots;
            let work =
                |worker: &mut LogWorker<F>, task| persist(worker, vec![task], status, snapshots);
            match self.log.offer(task, work) {
                Offered::Done(persisted) => {
                    if status.refuses_writes().is_some() {
                        // Its thread, which may sleep for long, is to look whether room returns.
                        self.log.push(LogTask::Release(0));
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
        let quick = batch.entries.len() <= APPLY_ON_THE_SPOT && !self.context.status.store_delays();
        if alone && quick {
            let context = &self.context;
            let mut applied = None;
            let work = |worker: &mut ApplyWorker, batch| {
                apply(worker, vec![batch], context, &mut |index| {
                    applied = Some(index)
                });
            };
            match self.apply.offer(batch, work) {
                Offered::Done(()) => {
                    if context.status.waits_for_disk() {
                        // Its thread, which may sleep for long, is to look whether room returns.
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
        self.peers.send(messages);
    }

    fn send_write(&mut self, to: u64, message: WriteMessage) {
        self.peers.send_write(to, message);
    }

    fn fetch(&mut self, fetches: Vec<Fetch>) {
        self.fetcher.fetch(fetches);
    }

    fn export(&mut self) {
        self.snapshots.export();
    }

    fn discard_export(&mut self) {
        self.snapshots.discard();
    }

    fn judge(
        &self,
        before: &ConfState,
        entry: &wal::Entry,
    ) -> Result<Option<JudgedChange>, ChangeError> {
        change::judge_in(&self.context.store, before, entry)
    }

    fn next_deadline(&self) -> Option<u64> {
        self.context.store.next_deadline()
    }
}

/// A path that leads elsewhere fails like a bad disk: which of both it is, is looked at first.
fn fail(status: &Status, look: Work, reason: FatalError) {
    if status.look_at_volume(look).is_none() {
        status.fail(reason);
    }
}

/// What the log was given, in its order: groups, and perhaps a store between them that takes the place of the present one.
pub(super) fn persist<F: Fs>(
    worker: &mut LogWorker<F>,
    mut tasks: Vec<LogTask>,
    status: &Status,
    snapshots: &SnapshotThreads<F>,
) -> Option<Persisted> {
    let installs =
        |task: &LogTask| matches!(task, LogTask::Batch(batch) if batch.install.is_some());
    let Some(at) = tasks.iter().position(installs) else {
        return write(worker, tasks, status);
    };
    let mut rest = tasks.split_off(at);
    let before = write(worker, tasks, status)?;
    if let Some(LogTask::Batch(batch)) = rest.first_mut()
        && let Some(store) = batch.install.take()
        && let Err(error) = snapshots.install(*store, worker)
    {
        fail(status, Work::LogLook, FatalError::new(error));
        return None;
    }
    let after = persist(worker, rest, status, snapshots)?;
    let mut messages = before.messages;
    messages.extend(after.messages);
    Some(Persisted {
        number: after.number.or(before.number),
        messages,
    })
}

/// One group of the log. A failure is final and told to everyone through the status.
fn write<F: Fs>(
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
                fail(status, Work::LogLook, FatalError::new(error));
            }
            None
        }
    }
}

/// Groups of the store; the same for a failure. Damage is none: the node goes on serving what it can.
pub(super) fn apply(
    worker: &mut ApplyWorker,
    batches: Vec<ApplyBatch>,
    context: &NodeContext,
    report: &mut impl FnMut(u64),
) {
    if let Err(error) = worker.step(batches, report) {
        let damage = error.damage();
        let reason = FatalError::new(error);
        match damage {
            Some(damage) => context.status.end_writes(&damage),
            None => fail(&context.status, Work::StoreWrite, reason.clone()),
        }
        context.waiters.abandon(&Failure::Storage(reason));
    }
}
