//! One node fast: the cache, then RocksDB without a snapshot, then a view.

use crate::engine::published::wait;
use crate::error::Error;
use crate::format::node_row;
use crate::operation::{Node, Refusal};
use crate::path::KeyPath;
use crate::read::core::Core;
use crate::read::point;
use crate::read::view::View;

/// The node at a path, or why there is none, and the revision at which that holds.
pub(crate) type Answer = (Result<Node, Refusal>, u64);

impl Core {
    /// The node at `path`: see [`crate::Store::get`].
    pub(crate) fn get(&self, path: &KeyPath) -> Result<Answer, Error> {
        if path.is_root() {
            return Ok((Ok(node_row::root()), self.published.revision()));
        }
        let mut turns = 0;
        loop {
            let published = self.published.revision();
            let Some(entry) = self.cache.get(path) else {
                if let Some(answer) = self.fetch(path, published)? {
                    return Ok(answer);
                }
                let view = View::new(self);
                return Ok((view.node(path)?, view.revision()));
            };
            // Changes up to the published revision reached the cache before it was published.
            if entry.revision <= published {
                return Ok((Ok(entry.node), published));
            }
            wait(&mut turns);
        }
    }

    /// Reads past the cache without a snapshot; `None` if that cannot give one consistent answer
    /// just now.
    fn fetch(&self, path: &KeyPath, published: u64) -> Result<Option<Answer>, Error> {
        let token = self.published.quiet();
        let still = || token.is_some_and(|token| self.published.still(token));
        match point::entry(&self.database, path)? {
            // A record at or below the published revision has not changed since, whatever is being
            // committed.
            Some(entry) if entry.revision <= published => {
                self.cache.put_fetched(&entry, still);
                Ok(Some((Ok(entry.node), published)))
            }
            Some(_) => Ok(None),
            None => {
                let refusal = point::why_missing(&self.database, path)?;
                // Nothing was written from before the first look until now, so this revision is
                // that of the answer.
                let revision = self.published.revision();
                Ok(still().then_some((Err(refusal), revision)))
            }
        }
    }
}
