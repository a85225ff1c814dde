//! Point reads that every reader shares, over the newest rows or over a snapshot.

use bytes::Bytes;

use crate::engine::cursor::Source;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::meta;
use crate::format::node_row::{NodeRow, StoredNode};
use crate::operation::Refusal;
use crate::path::KeyPath;
use crate::read::ancestor;

/// The node at `path` as it is.
pub(crate) fn entry(source: &impl Source, path: &KeyPath) -> Result<Option<StoredNode>, Error> {
    if path.is_root() {
        return Ok(Some(StoredNode::root()));
    }
    entry_at(source, &key::encoded(path), path)
}

/// The same, for a caller that has the key. Not for the root.
pub(crate) fn entry_at(
    source: &impl Source,
    key: &[u8],
    path: &KeyPath,
) -> Result<Option<StoredNode>, Error> {
    let Some(row) = source.get(Column::Nodes, key)? else {
        return Ok(None);
    };
    let record =
        NodeRow::decode(&row).map_err(|reason| Error::row(Column::Nodes.name(), key, reason))?;
    if record.removed {
        return Err(Error::row(
            Column::Nodes.name(),
            key,
            "a tombstone stands where a node belongs",
        ));
    }
    Ok(Some(StoredNode::read(path, &record)))
}

/// Why there is no node at `path`: the first missing path from the top, or the file in its way.
pub(crate) fn why_missing(source: &impl Source, path: &KeyPath) -> Result<Refusal, Error> {
    why_missing_with(path, |path| {
        Ok(entry(source, path)?.map(|entry| entry.node.dir))
    })
}

/// The same over any look-up, which tells whether a node is a directory. The root is never asked
/// for.
pub(crate) fn why_missing_with(
    path: &KeyPath,
    is_dir: impl FnMut(&KeyPath) -> Result<Option<bool>, Error>,
) -> Result<Refusal, Error> {
    let border = ancestor::border(path, is_dir)?;
    Ok(match border.deepest {
        Some((parent, false)) => Refusal::NotDirectory(parent),
        _ => {
            let first = border.missing.into_iter().next();
            Refusal::KeyNotFound(first.unwrap_or_else(|| path.clone()))
        }
    })
}

/// A row outside the tree.
pub(crate) fn record(source: &impl Source, key: &[u8]) -> Result<Option<Bytes>, Error> {
    let row = source.get(Column::Meta, &meta::record_key(key))?;
    Ok(row.map(|row| Bytes::copy_from_slice(&row)))
}
