//! Reads of the batch being applied: its own changes first, then the node cache, then the committed
//! rows.

use super::Stop;
use crate::engine::cursor::Source;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::{NodeRow, StoredNode};
use crate::operation::{Lifetime, Refusal};
use crate::path::KeyPath;
use crate::read::ancestor;
use crate::read::point;
use crate::write::batch::Batch;
use crate::write::overlay::Seen;

/// What stands at a path.
pub(super) enum Located {
    Present(StoredNode),
    /// Nothing; these ancestors are missing as well, the topmost first.
    Absent(Vec<KeyPath>),
}

/// The key of a node, and its lifetime.
type Descendant = (Vec<u8>, Option<Lifetime>);

impl Batch<'_> {
    /// The node at `path`, the root included. The key of `path` is in `self.key` from here to the end of the operation: it
    /// is encoded once, and what the operation writes is written under it.
    pub(super) fn lookup(&mut self, path: &KeyPath) -> Result<Option<StoredNode>, Error> {
        self.key.clear();
        key::encode(path, &mut self.key);
        self.on_the_way(path)
    }

    /// The node at `path`, which is the path whose key is in `self.key`, or one above it: a key is as long as its path,
    /// and that of an ancestor is its beginning.
    fn on_the_way(&self, path: &KeyPath) -> Result<Option<StoredNode>, Error> {
        if path.is_root() {
            return Ok(Some(StoredNode::root()));
        }
        let key = &self.key[..path.as_bytes().len()];
        match self.overlay.get(key) {
            Seen::Node(entry) => return Ok(Some(entry.clone())),
            Seen::Gone => return Ok(None),
            Seen::Untouched => {}
        }
        if let Some(entry) = self.core.cache.get(path) {
            return Ok(Some(entry));
        }
        let entry = point::entry_at(&self.core.database, key, path)?;
        // Nobody else commits, so what is read here stays true until this batch is committed.
        // A file is about to be replaced, or seldom worth it; directories are asked for again.
        if let Some(entry) = entry.as_ref().filter(|entry| entry.node.dir) {
            self.core.cache.put(entry);
        }
        Ok(entry)
    }

    /// The way down to `path`. Refuses with the file that is in the way, if there is one.
    pub(super) fn locate(&mut self, path: &KeyPath) -> Result<Located, Stop> {
        if let Some(entry) = self.lookup(path)? {
            return Ok(Located::Present(entry));
        }
        let border = ancestor::border(path, |path| self.on_the_way(path))?;
        match border.deepest {
            Some((parent, entry)) if !entry.node.dir => Err(Refusal::NotDirectory(parent).into()),
            _ => Ok(Located::Absent(border.missing)),
        }
    }

    /// The node at `path`; refuses if there is none.
    pub(super) fn find(&mut self, path: &KeyPath) -> Result<StoredNode, Stop> {
        match self.locate(path)? {
            Located::Present(entry) => Ok(entry),
            Located::Absent(missing) => {
                let first = missing.into_iter().next().unwrap_or_else(|| path.clone());
                Err(Refusal::KeyNotFound(first).into())
            }
        }
    }

    /// Up to `limit` descendants of `key`, with their lifetimes, in no particular order.
    pub(crate) fn descendants(&self, key: &[u8], limit: usize) -> Result<Vec<Descendant>, Error> {
        let mut start = Vec::with_capacity(key.len() + 1);
        key::descendants_start(key, &mut start);
        let end = key::subtree_bound(key);
        let mut found: Vec<_> = match &end {
            Some(end) => {
                let own = self.overlay.nodes_between(&start, end).take(limit);
                own.map(|(key, entry)| (key.to_vec(), entry.node.lifetime))
                    .collect()
            }
            None => Vec::new(), // nobody asks for the root's
        };
        let mut cursor = self.core.database.cursor(Column::Nodes, end);
        cursor.seek(&start);
        while found.len() < limit {
            let Some((row, value)) = cursor.row()? else {
                break;
            };
            match self.overlay.get(row) {
                Seen::Untouched => {
                    let record =
                        NodeRow::decode(value).map_err(|reason| cursor.damage(row, reason))?;
                    found.push((row.to_vec(), record.lifetime));
                    cursor.step();
                }
                // Counted above, or removed by this batch; a cleared subtree is passed in one go.
                Seen::Node(_) | Seen::Gone => match self.overlay.cleared_end(row) {
                    Some(end) => cursor.seek(end),
                    None => cursor.step(),
                },
            }
        }
        Ok(found)
    }
}
