//! The offline check: every invariant that ties the column families together, over one view.
//!
//! RocksDB's checksums say that the bytes are those that were written; this says that they belong
//! together.

use crate::engine::cursor::Source;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::event_row::EventRow;
use crate::format::key;
use crate::operation::Lifetime;
use crate::path::KeyPath;
use crate::read::past::{PastView, PastWalk};
use crate::read::view::View;
use crate::read::walk::{Item, Walk};

/// What [`View::verify`] has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Nodes, the root not counted.
    pub nodes: u64,
    /// Those that are directories.
    pub directories: u64,
    /// Bytes of paths and values.
    pub bytes: u64,
    /// Events that can be read.
    pub events: u64,
}

impl View<'_> {
    /// The number of nodes, hidden ones included and the root not. Walks the whole tree.
    pub fn count(&self) -> Result<u64, Error> {
        let mut walk = self.walk(&KeyPath::root(), true, true);
        let mut nodes = 0;
        while walk.next()?.is_some() {
            nodes += 1;
        }
        Ok(nodes)
    }

    /// Reads everything and checks that nodes and newest versions are the same, that every node has
    /// its directory and its expiry row, and that the events from the oldest event to the newest are all
    /// there with the versions they point at. Errors: [`Error::Corrupt`] with the first place that
    /// does not fit.
    pub fn verify(&self) -> Result<Verified, Error> {
        let mut verified = self.verify_tree()?;
        verified.events = self.verify_events()?;
        Ok(verified)
    }

    fn verify_tree(&self) -> Result<Verified, Error> {
        let root = KeyPath::root();
        let mut nodes: Walk<'_> = self.walk(&root, true, true);
        let mut versions: PastWalk<'_> =
            PastView::new(&self.rows, self.revision()).walk(&root, true, true);
        let mut verified = Verified::default();
        // The path of each directory on the way down.
        let mut above: Vec<Vec<u8>> = vec![b"/".to_vec()];
        loop {
            let (node, version) = (nodes.next()?, versions.next()?);
            let Some(item) = node else {
                return match version {
                    None => Ok(verified),
                    Some(version) => Err(wrong(
                        &version,
                        "history shows a node that the tree does not have",
                    )),
                };
            };
            if version.as_ref() != Some(&item) {
                return Err(wrong(
                    &item,
                    "history and tree do not hold the same node here",
                ));
            }
            check_parent(&item, &mut above)?;
            if let Some(lifetime) = item.lifetime {
                self.check_expiry(&item, lifetime)?;
            }
            verified.nodes += 1;
            verified.directories += u64::from(item.dir);
            verified.bytes += (item.path.len() + item.value.map_or(0, <[u8]>::len)) as u64;
        }
    }

    fn check_expiry(&self, item: &Item<'_>, lifetime: Lifetime) -> Result<(), Error> {
        let path = item.to_node().path;
        let mut row = Vec::new();
        key::expiry(lifetime.deadline, &key::encoded(&path), &mut row);
        match self.rows.get(Column::Expiry, &row)? {
            Some(_) => Ok(()),
            None => Err(wrong(item, "the node has a deadline and no expiry row")),
        }
    }

    fn verify_events(&self) -> Result<u64, Error> {
        let mut cursor = self.rows.cursor(Column::Events, None);
        let (mut bytes, mut expected) = (None, self.oldest_event());
        for event in self.events(self.oldest_event(), crate::EventFilter::all()) {
            let event = event?;
            let row = event.revision.to_be_bytes();
            let damage = |reason| Error::row(Column::Events.name(), &row, reason);
            if event.revision != expected {
                return Err(damage("the event before it is missing"));
            }
            cursor.seek(&row);
            let Some((_, value)) = cursor.row()? else {
                return Err(damage("the event is gone"));
            };
            let total = EventRow::decode(value).map_err(damage)?.bytes;
            if bytes.is_some_and(|before| before >= total) {
                return Err(damage("its count of history bytes does not grow"));
            }
            bytes = Some(total);
            expected += 1;
        }
        let newest = self.revision();
        if expected != newest + 1 || bytes.is_some_and(|total| total != self.state.bytes) {
            return Err(Error::row(
                Column::Events.name(),
                &newest.to_be_bytes(),
                "history ends early",
            ));
        }
        Ok(expected - self.oldest_event())
    }
}

/// Checks that the directory of a node is on the way down to it, and goes down into the node if it
/// is one.
fn check_parent(item: &Item<'_>, above: &mut Vec<Vec<u8>>) -> Result<(), Error> {
    let name = item.name().len();
    let parent = &item.path[..(item.path.len() - name - 1).max(1)];
    above.truncate(item.depth);
    if above.len() != item.depth || above.last().is_none_or(|last| last != parent) {
        return Err(wrong(item, "the node has no directory"));
    }
    if item.dir {
        above.push(item.path.to_vec());
    }
    Ok(())
}

fn wrong(item: &Item<'_>, reason: &'static str) -> Error {
    Error::Corrupt {
        column: Column::Nodes.name(),
        key: item.to_node().path.to_string(),
        reason,
    }
}
