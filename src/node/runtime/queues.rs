//! The queues of the two workers.

use std::sync::Arc;

use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::{ApplyBatch, LogTask};
use crate::node::log_worker::LogWorker;
use crate::node::worker_queue::WorkerQueue;

pub(super) type LogQueue<F> = Arc<WorkerQueue<LogTask, LogWorker<F>>>;
pub(super) type ApplyQueue = Arc<WorkerQueue<ApplyBatch, ApplyWorker>>;
