//! What recovery hands over. Guarantees that all of it is durable.

use std::path::PathBuf;
use std::sync::Arc;

use crate::entry::Identity;
use crate::fs::Fs;
use crate::index::Index;
use crate::options::Options;
use crate::segment::Segment;
use crate::spare::Spares;
use crate::tail::Tail;

/// What a [`Wal`](crate::Wal) is made of once its directory is in order.
pub(crate) struct Parts<F: Fs> {
    pub(crate) fs: F,
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) options: Options,
    pub(crate) index: Index<F>,
    pub(crate) current: Arc<Segment<F>>,
    pub(crate) next_sequence: u64,
    /// The end of the log, all of it durable.
    pub(crate) tail: Tail,
    pub(crate) spares: Spares<F>,
}

/// A log that is durable to its end.
pub(super) struct DurableLog<F: Fs> {
    pub(super) index: Index<F>,
    pub(super) current: Arc<Segment<F>>,
    pub(super) tail: Tail,
    /// A segment file of which nothing counts any more.
    pub(super) emptied: Option<PathBuf>,
}
