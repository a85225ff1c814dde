//! The writer commits what compaction has found (`compaction/tombstone.rs`): it runs where the commands run, so that no command
//! slips between the look and the deletion.

use std::sync::Arc;

use rocksdb::WriteBatch;

use crate::compaction::tombstone::Piece;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta::{self, CompactionProgress};
use crate::write::batch::Writer;

/// What a call of [`Writer::compact`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionStep {
    /// Rows looked at.
    pub rows: usize,
    /// Whether there is more to do.
    pub more: bool,
}

impl Writer {
    /// Removes history that can no longer be read, looking at about `budget` rows. Call it outside
    /// the reply path, again while `more` is set.
    ///
    /// Damage in history fails it ([`Error::damage`]) before anything of the hurt piece is written,
    /// and would fail it again at the same place; the writer goes on without.
    pub fn compact(&mut self, budget: usize) -> Result<CompactionStep, Error> {
        if self.broken {
            return Err(Error::Aborted {
                applied: self.state.applied.index,
            });
        }
        let core = Arc::clone(&self.core);
        core.database.refuse_if_read_only()?;
        let compact_revision = core.pins.deletion_revision(self.state.compact_revision());
        let mut done = CompactionStep::default();
        while self.progress.scanned < compact_revision && done.rows < budget {
            let mut piece = Piece {
                database: &core.database,
                bounds: core.bounds,
                batch: WriteBatch::default(),
                position: self.progress.clone(),
                compact_revision,
                left: budget - done.rows,
            };
            piece.run()?;
            done.rows = budget - piece.left;
            let (batch, position) = (piece.batch, piece.position);
            self.write_piece(batch, position)?;
        }
        done.more = self.progress.scanned < compact_revision;
        Ok(done)
    }

    fn write_piece(
        &mut self,
        mut batch: WriteBatch,
        position: CompactionProgress,
    ) -> Result<(), Error> {
        let meta = self.core.database.family(Column::Meta);
        batch.put_cf(meta, meta::COMPACTION_KEY, position.encode());
        let state = Arc::clone(&self.state);
        self.write(batch, |_, _| state)?;
        self.progress = position;
        Ok(())
    }
}
