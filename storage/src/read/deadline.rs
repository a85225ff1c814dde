//! What lapses next, and what is due: the expiry rows as readers see them.

use crate::engine::cursor::Source;
use crate::engine::database::Database;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::path::KeyPath;
use crate::read::point;
use crate::read::view::View;

/// The earliest deadline in the expiry rows at or after `from`; `None` stays `None`.
pub(crate) fn first_deadline(database: &Database, from: Option<u64>) -> Result<Option<u64>, Error> {
    let Some(from) = from else { return Ok(None) };
    let mut cursor = database.cursor(Column::Expiry, None);
    cursor.seek(&from.to_be_bytes());
    let Some((row, _)) = cursor.row()? else {
        return Ok(None);
    };
    let (deadline, _) = key::split_expiry(row)
        .ok_or_else(|| cursor.damage(row, "the key is no deadline and path"))?;
    Ok(Some(deadline))
}

impl View<'_> {
    /// The nodes whose deadline lies before `before` (cluster time, ns), by deadline, then key; at
    /// most `limit`.
    pub fn expiring(&self, before: u64, limit: usize) -> Result<Vec<(u64, KeyPath)>, Error> {
        let mut cursor = self
            .rows
            .cursor(Column::Expiry, Some(before.to_be_bytes().to_vec()));
        let mut due = Vec::new();
        cursor.seek(&[]);
        while due.len() < limit {
            let Some((row, _)) = cursor.row()? else { break };
            let wrong = || {
                Error::row(
                    Column::Expiry.name(),
                    row,
                    "the key is no deadline and path",
                )
            };
            let (deadline, key) = key::split_expiry(row).ok_or_else(wrong)?;
            let path = key::path(key).ok_or_else(wrong)?;
            // Rows of removed and renewed nodes stay behind; only the node's own deadline counts.
            let entry = point::entry_at(&self.rows, key, &path)?;
            if entry
                .and_then(|entry| entry.node.lifetime)
                .is_some_and(|lifetime| lifetime.deadline == deadline)
            {
                due.push((deadline, path));
            }
            cursor.step();
        }
        Ok(due)
    }
}
