//! The store under test, with its life: opened, crashed, reopened, read through its public doors
//! alone.

use std::path::PathBuf;

use bytes::Bytes;
use storage::{
    Error, KeyPath, Node, Outcome, PastView, RetiredStore, Store, StoreOptions, View, Writer,
};
use tempfile::TempDir;

use super::Command;
use super::random::Random;

/// A store in a directory of its own.
pub(crate) struct Subject {
    /// Always there, but for the instant between a crash and the reopening.
    handles: Option<(Store, Writer)>,
    options: StoreOptions,
    directory: TempDir,
    /// How often it was moved to another directory below that.
    moves: u64,
}

impl Subject {
    pub(crate) fn create(options: StoreOptions) -> Result<Self, Error> {
        // In memory where the system has such a place: how long a disk takes to sync does not
        // matter here.
        let memory = TempDir::new_in("/dev/shm").ok();
        let directory =
            memory.unwrap_or_else(|| TempDir::new().expect("a directory for the store"));
        let handles = Some(storage::open(&directory.path().join("0"), options.clone())?);
        Ok(Self {
            handles,
            options,
            directory,
            moves: 0,
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.handles.as_ref().expect("the store is open").0
    }

    pub(crate) fn writer(&mut self) -> &mut Writer {
        &mut self.handles.as_mut().expect("the store is open").1
    }

    /// What a crash leaves: the handles go without a flush, and the directory is opened again.
    pub(crate) fn crash(&mut self) -> Result<(), Error> {
        self.handles = None;
        self.handles = Some(storage::open(&self.home(), self.options.clone())?);
        Ok(())
    }

    fn home(&self) -> PathBuf {
        self.directory.path().join(self.moves.to_string())
    }

    /// Makes a copy of every row, and moves the store to it.
    pub(crate) fn move_on(&mut self) -> Result<RetiredStore, Error> {
        let lease = self.store().lease()?;
        self.moves += 1;
        let home = self.home();
        let mut import = storage::import(&home, self.options.clone())?;
        let view = lease.view();
        let mut export = view.export();
        while let Some(row) = export.next()? {
            import.put(row.family, row.key, row.value)?;
        }
        import.finish(None)?;
        self.writer().move_to(&home)
    }

    /// Applies the commands as one batch; gaps before some of them are filled by entries without
    /// operations.
    pub(crate) fn apply(
        &mut self,
        commands: &[Command],
        commit: bool,
    ) -> Result<Vec<Vec<Outcome>>, Error> {
        let mut last = self.store().applied().index;
        let mut outcomes = Vec::new();
        let mut batch = self.writer().batch();
        for command in commands {
            let gap = command.index - 1;
            if gap > last && gap % 2 == 0 {
                batch.skip(gap);
            }
            outcomes.push(batch.apply(command.index, command.cluster_time, &command.operations)?);
            last = command.index;
        }
        batch.set_marker(&marker(last));
        if commit {
            batch.commit()?;
        }
        Ok(outcomes)
    }
}

/// Small memory, so that caches evict and memtables are flushed by themselves within one case;
/// sizes differ, so that some cases run without a cache, and some without any flush but their own.
pub(crate) fn options(random: &mut Random) -> StoreOptions {
    StoreOptions {
        node_cache_bytes: random.pick(&[0, 64 << 10, 8 << 20]),
        memtable_bytes: random.pick(&[64 << 10, 1 << 20, 24 << 20]),
        ..StoreOptions::default()
    }
}

/// The opaque bytes stored beside an applied index.
pub(crate) fn marker(index: u64) -> Bytes {
    Bytes::from(format!("marker of {index}"))
}

/// A listing in a view; what is no directory has nothing below it.
pub(crate) fn listing(
    view: &View<'_>,
    path: &KeyPath,
    recursive: bool,
    hidden: bool,
) -> Result<Vec<(usize, Node)>, Error> {
    let mut walk = view.walk(path, recursive, hidden);
    let mut rows = Vec::new();
    while let Some(item) = walk.next()? {
        rows.push((item.depth, item.to_node()));
    }
    Ok(rows)
}

/// A listing at an old revision.
pub(crate) fn past_listing(
    past: &PastView<'_>,
    path: &KeyPath,
    recursive: bool,
    hidden: bool,
) -> Result<Vec<(usize, Node)>, Error> {
    let mut walk = past.walk(path, recursive, hidden);
    let mut rows = Vec::new();
    while let Some(item) = walk.next()? {
        rows.push((item.depth, item.to_node()));
    }
    Ok(rows)
}
