//! The writer commits what compaction has found (`compaction/reclaim.rs`): it runs where the commands run, so that no command
//! slips between the look and the deletion.

use std::sync::Arc;

use rocksdb::WriteBatch;

use crate::compaction::reclaim::Piece;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta::{self, Reclaimed};
use crate::write::batch::Writer;

/// What a call of [`Writer::reclaim`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reclaim {
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
    pub fn reclaim(&mut self, budget: usize) -> Result<Reclaim, Error> {
        if self.broken {
            return Err(Error::Aborted {
                applied: self.state.applied.index,
            });
        }
        let core = Arc::clone(&self.core);
        core.database.refuse_if_read_only()?;
        let base = core.pins.reclaim_base(self.state.base());
        let mut done = Reclaim::default();
        while self.reclaimed.scanned < base && done.rows < budget {
            let mut piece = Piece {
                database: &core.database,
                bounds: core.bounds,
                batch: WriteBatch::default(),
                position: self.reclaimed.clone(),
                base,
                left: budget - done.rows,
            };
            piece.run()?;
            done.rows = budget - piece.left;
            let (batch, position) = (piece.batch, piece.position);
            self.write_piece(batch, position)?;
        }
        done.more = self.reclaimed.scanned < base;
        Ok(done)
    }

    fn write_piece(&mut self, mut batch: WriteBatch, position: Reclaimed) -> Result<(), Error> {
        let meta = self.core.database.family(Column::Meta);
        batch.put_cf(meta, meta::RECLAIMED_KEY, position.encode());
        let state = Arc::clone(&self.state);
        self.write(batch, |_, _| state)?;
        self.reclaimed = position;
        Ok(())
    }
}
