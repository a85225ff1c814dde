//! Paths of the tree: the name a client sees, and the key it becomes.
//!
//! Invariants of [`KeyPath`]: it starts with `/`, has no empty component, and does not end in `/`
//! unless it is the root. Components hold any byte but `/` (keys-api 4), and are compared bytewise.

use std::fmt;

use bytes::Bytes;

/// A canonical path: `/` or `/a/b`. Cheap to clone; slices share one allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Bytes);

/// Why bytes are not a canonical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The first byte is not a slash.
    #[error("a path must start with '/'")]
    NotAbsolute,
    /// Two slashes in a row, or a slash at the end.
    #[error("a path must not hold an empty component")]
    EmptyComponent,
}

impl KeyPath {
    /// The root of the tree.
    pub fn root() -> Self {
        Self(Bytes::from_static(b"/"))
    }

    /// Checks the invariants; does not normalise.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        if bytes.first() != Some(&b'/') {
            return Err(PathError::NotAbsolute);
        }
        let ends_in_slash = bytes.len() > 1 && bytes.ends_with(b"/");
        if ends_in_slash || bytes.windows(2).any(|pair| pair == b"//") {
            return Err(PathError::EmptyComponent);
        }
        Ok(Self(bytes))
    }

    /// Bytes that are known to be a canonical path.
    pub(crate) fn canonical(bytes: Bytes) -> Self {
        debug_assert!(Self::new(bytes.clone()).is_ok());
        Self(bytes)
    }

    /// The path as the client writes it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The shared bytes of the path.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The components from the top; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        let start = self.last_slash() + 1;
        &self.0[start..]
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.last_slash().max(1);
        Some(Self(self.0.slice(..end)))
    }

    /// Proper ancestors from the root down: `/`, `/a` for `/a/b`; none for the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        let root = (!self.is_root()).then(Self::root);
        let inner = self
            .0
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, byte)| **byte == b'/');
        root.into_iter()
            .chain(inner.map(|(at, _)| Self(self.0.slice(..at))))
    }

    /// The path of a child. `name` must not be empty or hold a slash.
    pub fn child(&self, name: &[u8]) -> Self {
        debug_assert!(!name.is_empty() && !name.contains(&b'/'));
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        if !self.is_root() {
            bytes.extend_from_slice(&self.0);
        }
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        Self(bytes.into())
    }

    /// Whether this path lies strictly below `other`.
    pub fn is_below(&self, other: &Self) -> bool {
        if other.is_root() {
            return !self.is_root();
        }
        self.0.len() > other.0.len()
            && self.0.starts_with(&other.0)
            && self.0[other.0.len()] == b'/'
    }

    /// Hidden nodes have a last component that begins with an underscore (keys-api 4.1).
    pub fn is_hidden(&self) -> bool {
        self.name().first() == Some(&b'_')
    }

    fn last_slash(&self) -> usize {
        self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0)
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.0))
    }
}
