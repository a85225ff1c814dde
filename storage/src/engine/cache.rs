//! The cache of hot decoded nodes before RocksDB (design 15). It never answers with a node newer
//! than what is published, and never keeps one older than what is committed.
//!
//! The writer changes it in every commit: it puts what it wrote and removes what it deleted.
//! Readers add what they had to fetch, unless a commit began meanwhile; that check runs under the
//! shard's lock, so a commit that starts later finds the entry and corrects it. An entry whose
//! revision is above the published one belongs to the commit that is being published.
//!
//! Eviction is CLOCK by bytes, per shard. Entries own their bytes: a value that was cut from a
//! large request must not keep the request alive.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::format::node_row::StoredNode;
use crate::operation::Node;
use crate::path::KeyPath;

const SHARDS: usize = 32;
/// Bytes that an entry costs beside its path and value: slot, map entry, allocation.
const OVERHEAD: usize = 224;

/// See the module.
pub(crate) struct NodeCache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// The limit of each shard; 0 turns the cache off.
    capacity: usize,
}

#[derive(Default)]
struct Shard {
    index: HashMap<KeyPath, usize>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
    hits: u64,
    misses: u64,
}

struct Slot {
    entry: StoredNode,
    recent: bool,
}

/// What the cache holds and how it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CacheSummary {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl NodeCache {
    pub(crate) fn new(bytes: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
            capacity: bytes / SHARDS,
        }
    }

    fn shard(&self, path: &KeyPath) -> MutexGuard<'_, Shard> {
        let number = self.hasher.hash_one(path) as usize % SHARDS;
        lock(&self.shards[number])
    }

    pub(crate) fn get(&self, path: &KeyPath) -> Option<StoredNode> {
        if self.capacity == 0 {
            return None;
        }
        self.shard(path).get(path)
    }

    /// Puts what was committed.
    pub(crate) fn put(&self, entry: &StoredNode) {
        if self.capacity > 0 {
            self.shard(&entry.node.path).put(entry, self.capacity);
        }
    }

    /// Puts what a reader fetched, if `current` still says, under the lock, that nothing was
    /// written since.
    pub(crate) fn put_fetched(&self, entry: &StoredNode, current: impl FnOnce() -> bool) {
        if self.capacity == 0 {
            return;
        }
        let mut shard = self.shard(&entry.node.path);
        if current() {
            shard.put(entry, self.capacity);
        }
    }

    pub(crate) fn remove(&self, path: &KeyPath) {
        if self.capacity > 0 {
            self.shard(path).remove(path);
        }
    }

    /// Removes a node and all below it, by looking at everything: for removals too large to be
    /// listed.
    pub(crate) fn remove_subtree(&self, top: &KeyPath) {
        for shard in &self.shards {
            let shard = &mut *lock(shard);
            shard.index.retain(|path, at| {
                let gone = path == top || path.is_below(top);
                if gone {
                    shard.bytes -= shard.slots[*at].take().map_or(0, |slot| cost(&slot.entry));
                    shard.free.push(*at);
                }
                !gone
            });
        }
    }

    pub(crate) fn summary(&self) -> CacheSummary {
        let mut sum = CacheSummary::default();
        for shard in &self.shards {
            let shard = lock(shard);
            sum.entries += shard.index.len();
            sum.bytes += shard.bytes;
            sum.hits += shard.hits;
            sum.misses += shard.misses;
        }
        sum
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No operation on a shard panics halfway; if one did, the worst is a slot that is not counted.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn get(&mut self, path: &KeyPath) -> Option<StoredNode> {
        let slot = self.index.get(path).and_then(|at| self.slots[*at].as_mut());
        if let Some(slot) = slot {
            slot.recent = true;
            self.hits += 1;
            return Some(slot.entry.clone());
        }
        self.misses += 1;
        None
    }

    fn put(&mut self, entry: &StoredNode, capacity: usize) {
        let cost = cost(entry);
        if cost > capacity / 4 {
            self.remove(&entry.node.path);
            return;
        }
        if let Some(slot) = self
            .index
            .get(&entry.node.path)
            .and_then(|at| self.slots[*at].as_mut())
        {
            self.bytes -= self::cost(&slot.entry);
            let path = slot.entry.node.path.clone();
            *slot = Slot {
                entry: owned(entry, path),
                recent: true,
            };
        } else {
            let path = KeyPath::canonical(Bytes::copy_from_slice(entry.node.path.as_bytes()));
            // A new entry starts without its mark: what is written once and never read goes first.
            let slot = Some(Slot {
                entry: owned(entry, path.clone()),
                recent: false,
            });
            let at = match self.free.pop() {
                Some(at) => {
                    self.slots[at] = slot;
                    at
                }
                None => {
                    self.slots.push(slot);
                    self.slots.len() - 1
                }
            };
            self.index.insert(path, at);
        }
        self.bytes += cost;
        while self.bytes > capacity {
            self.evict();
        }
    }

    fn remove(&mut self, path: &KeyPath) {
        if let Some(at) = self.index.remove(path) {
            self.bytes -= self.slots[at].take().map_or(0, |slot| cost(&slot.entry));
            self.free.push(at);
        }
    }

    /// Turns the hand to the next entry without a mark, and removes it. Only called while there is
    /// an entry.
    fn evict(&mut self) {
        loop {
            self.hand = (self.hand + 1) % self.slots.len();
            match &mut self.slots[self.hand] {
                Some(slot) if slot.recent => slot.recent = false,
                Some(slot) => {
                    let path = slot.entry.node.path.clone();
                    self.remove(&path);
                    return;
                }
                None => {}
            }
        }
    }
}

fn cost(entry: &StoredNode) -> usize {
    OVERHEAD + entry.node.path.as_bytes().len() + entry.node.value.as_ref().map_or(0, Bytes::len)
}

/// A copy with a value of its own, under a path that the cache owns.
fn owned(entry: &StoredNode, path: KeyPath) -> StoredNode {
    let value = entry.node.value.as_deref().map(Bytes::copy_from_slice);
    StoredNode {
        node: Node {
            path,
            value,
            ..entry.node.clone()
        },
        revision: entry.revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, revision: u64, size: usize) -> StoredNode {
        let path = KeyPath::new(name.as_bytes().to_vec()).expect("canonical");
        let value = Some(Bytes::from(vec![b'v'; size]));
        let node = Node {
            path,
            value,
            dir: false,
            created: revision,
            modified: revision,
            lifetime: None,
        };
        StoredNode { node, revision }
    }

    #[test]
    fn it_holds_what_was_put_last() {
        let cache = NodeCache::new(1 << 20);
        let (first, second) = (entry("/a", 1, 10), entry("/a", 2, 20));
        cache.put(&first);
        assert_eq!(cache.get(&first.node.path), Some(first.clone()));
        cache.put(&second);
        assert_eq!(cache.get(&first.node.path), Some(second.clone()));
        cache.put_fetched(&first, || false);
        assert_eq!(cache.get(&first.node.path), Some(second));
        cache.remove(&first.node.path);
        assert_eq!(cache.get(&first.node.path), None);
        assert_eq!(
            cache.summary(),
            CacheSummary {
                entries: 0,
                bytes: 0,
                hits: 3,
                misses: 1
            }
        );
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_read() {
        let cache = NodeCache::new(256 << 10);
        let hot = entry("/hot", 1, 100);
        cache.put(&hot);
        for number in 0..5_000 {
            cache.put(&entry(&format!("/cold/{number}"), 2, 100));
            assert_eq!(
                cache.get(&hot.node.path).as_ref(),
                Some(&hot),
                "after {number}"
            );
        }
        let summary = cache.summary();
        assert!(summary.bytes <= 256 << 10, "{summary:?}");
        assert!(summary.entries > 500, "{summary:?}");
    }

    #[test]
    fn a_value_too_large_takes_the_old_one_out() {
        let cache = NodeCache::new(256 << 10);
        cache.put(&entry("/a", 1, 10));
        cache.put(&entry("/a", 2, 1 << 20));
        assert_eq!(cache.get(&entry("/a", 2, 0).node.path), None);
    }

    #[test]
    fn a_subtree_goes_with_its_top_and_nothing_else() {
        let cache = NodeCache::new(1 << 20);
        let names = ["/a", "/a/b", "/a/b/c", "/ab", "/a-b", "/b"];
        for name in names {
            cache.put(&entry(name, 1, 1));
        }
        cache.remove_subtree(&entry("/a", 1, 1).node.path);
        let left: Vec<_> = names
            .into_iter()
            .filter(|name| cache.get(&entry(name, 1, 1).node.path).is_some())
            .collect();
        assert_eq!(left, ["/ab", "/a-b", "/b"]);
    }

    #[test]
    fn without_bytes_it_holds_nothing() {
        let cache = NodeCache::new(0);
        cache.put(&entry("/a", 1, 1));
        assert_eq!(cache.get(&entry("/a", 1, 1).node.path), None);
    }
}
