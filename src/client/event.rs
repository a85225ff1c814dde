//! What the keys API answers: a node, what it was before, and the indexes of that moment.

/// A file or a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyNode {
    /// Whole key; the server leaves it out for the root, where it is `/`.
    pub key: String,
    /// Whether it is a directory.
    pub dir: bool,
    /// Value of a file.
    pub value: String,
    /// Children, as far as the answer lists them.
    pub nodes: Children,
    /// Index at which it came to be.
    pub created_index: u64,
    /// Index of its last change.
    pub modified_index: u64,
    /// When it expires, in the server's words (RFC 3339, UTC).
    pub expiration: Option<String>,
    /// Seconds it has left, 0 without a TTL.
    pub ttl: i64,
}

/// The children of a directory. A list that can be dropped whatever its depth: the compiler's own way would call itself
/// once for each level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Children(pub(super) Vec<KeyNode>);

impl std::ops::Deref for Children {
    type Target = Vec<KeyNode>;
    fn deref(&self) -> &Vec<KeyNode> {
        &self.0
    }
}

impl std::ops::DerefMut for Children {
    fn deref_mut(&mut self) -> &mut Vec<KeyNode> {
        &mut self.0
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        let mut waiting = std::mem::take(&mut self.0);
        while let Some(mut node) = waiting.pop() {
            waiting.append(&mut node.nodes.0);
        }
    }
}

/// A successful answer of the keys API, or an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyEvent {
    /// `get`, `set`, `update`, `create`, `delete`, `expire`, `compareAndSwap`, `compareAndDelete`.
    pub action: String,
    /// The node as it is now.
    pub node: KeyNode,
    /// The node as it was before.
    pub prev_node: Option<KeyNode>,
    /// `X-Etcd-Index`: for a watch, of the moment the wait began. 0 without the header.
    pub etcd_index: u64,
    /// `X-Raft-Index`.
    pub raft_index: u64,
    /// `X-Raft-Term`.
    pub raft_term: u64,
}
