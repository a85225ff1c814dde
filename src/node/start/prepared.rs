//! An open store, and its worker, before the log is looked at.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use wal::fs::OsFs;

use crate::metrics::Metrics;
use crate::node::apply::{context::ApplyContext, worker::ApplyWorker};
use crate::node::batch::SharedWitness;
use crate::node::context::NodeContext;
use crate::node::recovery::{origin::LogOrigin, store::OpenedStore};

use super::option::NodeOptions;

/// A store that takes writes.
pub(super) struct Writable {
    pub(super) opened: Box<OpenedStore<OsFs>>,
    /// Families of history that are never compacted again, since they are damaged.
    pub(super) resting: Vec<&'static str>,
    /// The damage that is known.
    pub(super) met: Vec<storage::Damage>,
}

/// All that waits for the log.
pub(super) struct Prepared {
    pub(super) context: NodeContext,
    pub(super) worker: ApplyWorker,
    pub(super) witness: SharedWitness,
    pub(super) flush_requests: Receiver<()>,
}

/// The store's worker over the open store, and where its log comes from.
pub(super) fn prepare(options: &NodeOptions, writable: Writable) -> (Prepared, LogOrigin<OsFs>) {
    let OpenedStore {
        store,
        writer,
        marker,
        source,
    } = *writable.opened;
    let metrics = Metrics::new(options.server_version);
    let clock = options.clock.clone();
    let context = NodeContext::new(clock, store, &marker, options.watchers_max, metrics);
    let met = writable.met.iter();
    met.for_each(|damage| context.status.damaged(damage));
    let witness = Arc::new(Mutex::new(source.newest_witness(&marker)));
    let (flush, flush_requests) = sync_channel(1);
    let shared = shared(&context, witness.clone());
    let mut worker = ApplyWorker::new(writer, marker, shared, options.snapshot_count, flush);
    worker.set_resting(writable.resting);
    let prepared = Prepared {
        context,
        worker,
        witness,
        flush_requests,
    };
    (prepared, source)
}

fn shared(context: &NodeContext, witness: SharedWitness) -> ApplyContext {
    ApplyContext {
        hub: context.hub.clone(),
        waiters: context.waiters.clone(),
        status: context.status.clone(),
        counters: context.counters.clone(),
        clock: context.clock.clone(),
        metrics: context.metrics.clone(),
        witness,
    }
}
