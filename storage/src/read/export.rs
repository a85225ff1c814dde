//! Every row of a view, as it is stored: for a copy of the whole store in another place.
//!
//! What a view shows is complete at and above its compact revision, because the view pins it; old versions below it may be
//! there or not, as compaction got on. Removed ranges do not show: an iterator passes over what they cover, and a copy of
//! what it shows needs no such ranges. Memory: one block of RocksDB's for each family.

use rocksdb::ReadOptions;

use crate::engine::cursor::{Cursor, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::read::view::View;

/// Read at once from the disk: rows come in order, and are asked for once.
const READ_AHEAD: usize = 1 << 20;

/// What belongs together stands together: the rows about the store, the tree with its deadlines, history.
const ORDER: [Column; Column::ALL.len()] = [
    Column::Meta,
    Column::Nodes,
    Column::Expiry,
    Column::Versions,
    Column::Events,
];

/// One row as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRow<'r> {
    /// The column family.
    pub family: &'static str,
    /// The key.
    pub key: &'r [u8],
    /// The value.
    pub value: &'r [u8],
}

/// All rows of a view: family by family, each in the order of its keys. See [`View::export`].
pub struct Export<'v> {
    view: &'v View<'v>,
    /// Families that were not begun.
    rest: std::slice::Iter<'static, Column>,
    open: Option<(Column, Cursor<'v>)>,
}

impl View<'_> {
    /// Every row of the store at this view's state, the rows about the store itself first. Writes go on meanwhile; what was
    /// exported is one state, [`View::applied`]. [`crate::Import`] makes a store of it.
    pub fn export(&self) -> Export<'_> {
        Export {
            view: self,
            rest: ORDER.iter(),
            open: None,
        }
    }
}

impl Export<'_> {
    /// The next row; `None` at the end.
    ///
    /// Errors: damage, with its place. A copy of a damaged store would hide what is missing.
    #[allow(clippy::should_implement_trait)] // the row is borrowed from the cursor
    pub fn next(&mut self) -> Result<Option<RawRow<'_>>, Error> {
        if let Some((_, cursor)) = &mut self.open {
            cursor.step();
        }
        loop {
            let ended = match &self.open {
                Some((_, cursor)) => cursor.row()?.is_none(),
                None => true,
            };
            if !ended {
                break;
            }
            let Some(column) = self.rest.next() else {
                self.open = None;
                return Ok(None);
            };
            self.open = Some((*column, self.begin(*column)));
        }
        let Some((column, cursor)) = &self.open else {
            return Ok(None);
        };
        Ok(cursor.row()?.map(|(key, value)| RawRow {
            family: column.name(),
            key,
            value,
        }))
    }
}

impl<'v> Export<'v> {
    fn begin(&self, column: Column) -> Cursor<'v> {
        let mut options = ReadOptions::default();
        // Nobody asks for these blocks again, and what clients ask for must stay.
        options.fill_cache(false);
        options.set_readahead_size(READ_AHEAD);
        let mut cursor = self.view.rows.cursor_with(column, None, options);
        cursor.seek(&[]);
        cursor
    }
}

impl std::fmt::Debug for Export<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}
