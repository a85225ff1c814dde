//! The format row of an open RocksDB: checked, or written with the first state.

use rocksdb::WriteBatch;

use crate::engine::cursor::Source;
use crate::engine::database::Database;
use crate::engine::directory::{check_version, not_ours};
use crate::engine::mode::Mode;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta::{self, StoreState};

/// Checks the format row, or writes it with the first state into a store where nothing has been
/// written. An older one becomes today's with the first flush, which is also the first to hold what
/// the older release would misread.
pub(crate) fn settle_format(database: &Database, mode: &Mode) -> Result<(), Error> {
    let row = database
        .get(Column::Meta, meta::FORMAT_KEY)?
        .map(|row| row.to_vec());
    match row.as_deref().map(meta::format_version) {
        Some(Some(version)) if version < meta::FORMAT_VERSION && !mode.is_read_only() => {
            let mut batch = WriteBatch::default();
            let family = database.family(Column::Meta);
            batch.put_cf(family, meta::FORMAT_KEY, meta::format_row());
            database.write(batch)
        }
        Some(Some(version)) => check_version(database.path(), Some(version)),
        None if database.sequence() == 0 => {
            let mut batch = WriteBatch::default();
            let family = database.family(Column::Meta);
            let mut state = Vec::new();
            StoreState::default().encode(&mut state);
            batch.put_cf(family, meta::FORMAT_KEY, meta::format_row());
            batch.put_cf(family, meta::STATE_KEY, state);
            database.write(batch)?;
            database.flush()
        }
        _ => {
            let found = "a RocksDB without our format row".to_owned();
            Err(not_ours(database.path(), found))
        }
    }
}

/// The state at which an open RocksDB stands.
pub(crate) fn read_state(database: &Database) -> Result<StoreState, Error> {
    let row = database.get(Column::Meta, meta::STATE_KEY)?;
    decoded_state(row.as_deref())
}

/// What a state row says; there is always one.
pub(crate) fn decoded_state(row: Option<&[u8]>) -> Result<StoreState, Error> {
    row.ok_or("the row is missing")
        .and_then(StoreState::decode)
        .map_err(|reason| Error::row(Column::Meta.name(), meta::STATE_KEY, reason))
}
