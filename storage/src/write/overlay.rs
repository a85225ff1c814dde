//! What a batch has done to the tree so far, so that its operations see each other (store-layout
//! 5.5).
//!
//! Touched nodes lie over cleared subtrees, and both over the committed rows. Order is kept by
//! construction: clearing a subtree forgets what was touched in it before, and what is touched
//! afterwards lies on top.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::format::node_row::StoredNode;
use crate::path::KeyPath;

/// A subtree removed as one range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cleared {
    pub(crate) top: KeyPath,
    low: Vec<u8>,
    high: Vec<u8>,
}

impl Cleared {
    fn covers(&self, key: &[u8]) -> bool {
        self.low.as_slice() <= key && key < self.high.as_slice()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    touched: BTreeMap<Vec<u8>, Touched>,
    cleared: Vec<Cleared>,
}

/// What a batch did last to one node.
#[derive(Debug)]
pub(crate) enum Touched {
    Put(StoredNode),
    /// A directory made on the way, where no node was committed.
    Made(StoredNode),
    Removed,
}

impl Touched {
    fn entry(&self) -> Option<&StoredNode> {
        match self {
            Self::Put(entry) | Self::Made(entry) => Some(entry),
            Self::Removed => None,
        }
    }
}

/// What a batch knows about a key.
pub(crate) enum Seen<'o> {
    Node(&'o StoredNode),
    Gone,
    Untouched,
}

impl Overlay {
    pub(crate) fn get(&self, key: &[u8]) -> Seen<'_> {
        match self.touched.get(key) {
            Some(Touched::Put(entry) | Touched::Made(entry)) => Seen::Node(entry),
            Some(Touched::Removed) => Seen::Gone,
            None if self.cleared_end(key).is_some() => Seen::Gone,
            None => Seen::Untouched,
        }
    }

    /// Where the cleared subtree ends that holds `key`, if one does.
    pub(crate) fn cleared_end(&self, key: &[u8]) -> Option<&[u8]> {
        let covering = self.cleared.iter().filter(|cleared| cleared.covers(key));
        covering.map(|cleared| cleared.high.as_slice()).max()
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, entry: StoredNode) {
        self.touched.insert(key, Touched::Put(entry));
    }

    /// A directory made on the way, where nothing was.
    pub(crate) fn make(&mut self, key: Vec<u8>, entry: StoredNode) {
        // What this batch removed may be committed still.
        let made = match self.get(&key) {
            Seen::Untouched => Touched::Made(entry),
            Seen::Node(_) | Seen::Gone => Touched::Put(entry),
        };
        self.touched.insert(key, made);
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.touched.insert(key, Touched::Removed);
    }

    /// Removes the node at `top` and everything below it.
    pub(crate) fn clear(&mut self, top: KeyPath, low: Vec<u8>, high: Vec<u8>) {
        let inside = (Bound::Included(low.clone()), Bound::Excluded(high.clone()));
        let forgotten: Vec<_> = self
            .touched
            .range(inside)
            .map(|(key, _)| key.clone())
            .collect();
        for key in forgotten {
            self.touched.remove(&key);
        }
        self.cleared.push(Cleared { top, low, high });
    }

    /// Nodes of this batch below `key` in `[start, end)`, in tree order.
    pub(crate) fn nodes_between(
        &self,
        start: &[u8],
        end: &[u8],
    ) -> impl Iterator<Item = (&[u8], &StoredNode)> {
        let range = self
            .touched
            .range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        range.filter_map(|(key, entry)| Some((key.as_slice(), entry.entry()?)))
    }

    /// Every cleared subtree in order, then every touched node: what the node cache has to learn.
    pub(crate) fn into_parts(self) -> (Vec<Cleared>, BTreeMap<Vec<u8>, Touched>) {
        (self.cleared, self.touched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::key;
    use crate::operation::Node;

    fn path(text: &str) -> KeyPath {
        KeyPath::new(text.as_bytes().to_vec()).expect("canonical")
    }

    fn put(overlay: &mut Overlay, text: &str) {
        let node = Node {
            path: path(text),
            value: None,
            dir: true,
            created: 1,
            modified: 1,
            lifetime: None,
        };
        overlay.put(key::encoded(&path(text)), StoredNode { node, revision: 1 });
    }

    fn clear(overlay: &mut Overlay, text: &str) {
        let low = key::encoded(&path(text));
        let high = key::subtree_bound(&low).expect("not the root");
        overlay.clear(path(text), low, high);
    }

    fn state(overlay: &Overlay, text: &str) -> char {
        match overlay.get(&key::encoded(&path(text))) {
            Seen::Node(_) => 'n',
            Seen::Gone => 'g',
            Seen::Untouched => 'u',
        }
    }

    #[test]
    fn the_last_word_counts() {
        let mut overlay = Overlay::default();
        put(&mut overlay, "/a/b");
        clear(&mut overlay, "/a");
        put(&mut overlay, "/a");
        put(&mut overlay, "/a/c");
        overlay.remove(key::encoded(&path("/x")));
        let names = ["/a", "/a/b", "/a/c", "/a/never", "/x", "/ab"];
        assert_eq!(
            names.map(|name| state(&overlay, name)),
            ['n', 'g', 'n', 'g', 'g', 'u']
        );
    }

    #[test]
    fn a_directory_counts_as_made_only_where_nothing_can_be_committed() {
        let mut overlay = Overlay::default();
        let make = |overlay: &mut Overlay, text: &str| {
            let entry = StoredNode::root();
            overlay.make(key::encoded(&path(text)), entry);
        };
        overlay.remove(key::encoded(&path("/removed")));
        clear(&mut overlay, "/cleared");
        for text in ["/cleared", "/cleared/below", "/new", "/removed"] {
            make(&mut overlay, text);
        }
        let (_, touched) = overlay.into_parts();
        let made = touched.values().map(|it| matches!(it, Touched::Made(_)));
        assert_eq!(made.collect::<Vec<_>>(), [false, false, true, false]);
    }

    #[test]
    fn nested_clears_end_with_the_outer_one() {
        let mut overlay = Overlay::default();
        clear(&mut overlay, "/a/b");
        clear(&mut overlay, "/a");
        let end = key::subtree_bound(&key::encoded(&path("/a")));
        assert_eq!(
            overlay.cleared_end(&key::encoded(&path("/a/b/c"))),
            end.as_deref()
        );
        assert_eq!(overlay.cleared_end(&key::encoded(&path("/b"))), None);
    }
}
