//! One state of the tree, as plain data: a sorted map from places to nodes, and the look-ups of
//! keys-api 3 and 5.1.
//!
//! A place is the list of its components. Lists compare component by component, so the map's own
//! order is the tree order of design 15 (a directory, then its subtree, then the next sibling)
//! without any encoding.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use storage::{KeyPath, Lifetime, Node, Refusal};

/// Where a node is: its components from the top, none for the root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(Arc<[Vec<u8>]>);

impl Place {
    pub(crate) fn of(path: &KeyPath) -> Self {
        let parts = path
            .as_bytes()
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty());
        Self(parts.map(<[u8]>::to_vec).collect())
    }

    pub(crate) fn path(&self) -> KeyPath {
        if self.is_root() {
            return KeyPath::root();
        }
        let bytes: Vec<u8> = self
            .0
            .iter()
            .flat_map(|part| [b"/", part.as_slice()].concat())
            .collect();
        KeyPath::new(bytes).expect("components are not empty and hold no slash")
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn depth(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn child(&self, name: &[u8]) -> Self {
        Self(self.0.iter().cloned().chain([name.to_vec()]).collect())
    }

    /// The ancestors below the root, topmost first; `/a` for `/a/b`.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        (1..self.depth()).map(|length| Self(self.0[..length].into()))
    }

    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.depth() > other.depth() && self.0.starts_with(&other.0)
    }

    /// Whether a component after the first `depth` ones makes the place hidden to a listing from
    /// there (4.1).
    pub(crate) fn hidden_below(&self, depth: usize) -> bool {
        self.0[depth..].iter().any(|part| part[0] == b'_')
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().fmt(f)
    }
}

/// What is stored at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The value of a file, `None` for a directory.
    pub(crate) value: Option<Bytes>,
    pub(crate) created: u64,
    pub(crate) modified: u64,
    pub(crate) lifetime: Option<Lifetime>,
    /// The revision that wrote it; above `modified` after the TTL of a directory changed.
    pub(crate) written: u64,
}

impl Entry {
    pub(crate) fn is_dir(&self) -> bool {
        self.value.is_none()
    }

    pub(crate) fn node(&self, place: &Place) -> Node {
        Node {
            path: place.path(),
            value: self.value.clone(),
            dir: self.is_dir(),
            created: self.created,
            modified: self.modified,
            lifetime: self.lifetime,
        }
    }
}

/// All nodes but the root, which is always there, never changes, and has no indexes (store-layout
/// 5.13).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<Place, Arc<Entry>>);

impl Tree {
    pub(crate) fn entry(&self, place: &Place) -> Option<&Arc<Entry>> {
        self.0.get(place)
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (&Place, &Arc<Entry>)> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The path walk of 5.1: every proper ancestor that is there must be a directory (104).
    pub(crate) fn check_ancestors(&self, place: &Place) -> Result<(), Refusal> {
        match place
            .ancestors()
            .find(|above| self.entry(above).is_some_and(|entry| !entry.is_dir()))
        {
            Some(file) => Err(Refusal::NotDirectory(file.path())),
            None => Ok(()),
        }
    }

    /// The node at a place below the root; 104 under a file, else 100 with the first missing path
    /// from the top.
    pub(crate) fn find(&self, place: &Place) -> Result<&Arc<Entry>, Refusal> {
        self.check_ancestors(place)?;
        if let Some(missing) = place.ancestors().find(|above| self.entry(above).is_none()) {
            return Err(Refusal::KeyNotFound(missing.path()));
        }
        self.entry(place)
            .ok_or_else(|| Refusal::KeyNotFound(place.path()))
    }

    /// A look-up by a reader: the root included.
    pub(crate) fn node(&self, path: &KeyPath) -> Result<Node, Refusal> {
        let place = Place::of(path);
        if place.is_root() {
            let (path, lifetime) = (KeyPath::root(), None);
            return Ok(Node {
                path,
                value: None,
                dir: true,
                created: 0,
                modified: 0,
                lifetime,
            });
        }
        Ok(self.find(&place)?.node(&place))
    }

    /// What lies below `top`, in tree order, each with its depth below it (1 for a child).
    pub(crate) fn below(&self, top: &Place) -> impl Iterator<Item = (usize, &Place, &Arc<Entry>)> {
        let inside = self
            .0
            .range(top.clone()..)
            .skip_while(move |(place, _)| *place == top);
        inside
            .take_while(move |(place, _)| place.is_below(top))
            .map(move |(place, entry)| (place.depth() - top.depth(), place, entry))
    }

    /// The listing of 2.5 and 4.1, in tree order.
    pub(crate) fn list(&self, path: &KeyPath, recursive: bool, hidden: bool) -> Vec<(usize, Node)> {
        let top = Place::of(path);
        self.below(&top)
            .filter(|(depth, ..)| recursive || *depth == 1)
            .filter(|(_, place, _)| hidden || !place.hidden_below(top.depth()))
            .map(|(depth, place, entry)| (depth, entry.node(place)))
            .collect()
    }

    /// Puts a node, with the directories above it that are missing: permanent, both indexes
    /// `revision` (5.1 notes).
    pub(crate) fn put(&mut self, place: &Place, entry: Entry, revision: u64) {
        for above in place.ancestors() {
            let directory = || Entry {
                value: None,
                created: revision,
                modified: revision,
                lifetime: None,
                written: revision,
            };
            self.0.entry(above).or_insert_with(|| Arc::new(directory()));
        }
        self.0.insert(place.clone(), Arc::new(entry));
    }

    /// Removes a node with all that lies below it.
    pub(crate) fn remove(&mut self, place: &Place) {
        self.0
            .retain(|other, _| other != place && !other.is_below(place));
    }

    /// What has a deadline, in the order (deadline, key) of design 19.
    pub(crate) fn deadlines(&self) -> Vec<(u64, Place)> {
        let timed =
            |(place, entry): (&Place, &Arc<Entry>)| Some((entry.lifetime?.deadline, place.clone()));
        let mut due: Vec<_> = self.entries().filter_map(timed).collect();
        due.sort();
        due
    }
}
