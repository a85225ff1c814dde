//! What can be asked of the tree, and what comes of it. Times arrive decided: apply has no clock.

use std::sync::Arc;

use bytes::Bytes;

use crate::path::KeyPath;

/// When a node ends: what is shown, and what counts. Both are fixed when the write is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Wall clock, nanoseconds since the Unix epoch: the `expiration` that clients see; never
    /// recomputed.
    pub expiration: u64,
    /// Cluster time, nanoseconds: the node is removed by the first expiry whose cut-off reaches it.
    pub deadline: u64,
}

/// What a write puts at its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file; the value may be empty.
    File(Bytes),
    /// An empty directory.
    Directory,
}

/// The conditions of compare-and-swap and compare-and-delete; all that are given must hold
/// (keys-api 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// The value the file must have; never empty.
    pub value: Option<Bytes>,
    /// The `modifiedIndex` the file must have; 0 counts as not given.
    pub index: u64,
}

impl Content {
    /// The value of a file; `None` for a directory.
    pub fn value(&self) -> Option<&Bytes> {
        match self {
            Self::File(value) => Some(value),
            Self::Directory => None,
        }
    }
}

/// What a write has to find at its path, and by which name history knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteMode {
    /// `PUT`: create or replace. With `refresh` the node must exist and keeps its value.
    Set,
    /// `PUT ?prevExist=false`: create, never replace.
    Create,
    /// `POST`: create a child named by this operation's revision, in 20 digits. The path is that of the directory which
    /// receives the child; it is created when it is missing.
    CreateInOrder,
    /// `PUT ?prevExist=true`: replace value and TTL of a file, or the TTL of a directory when the value is empty.
    Update,
    /// `PUT` with `prevValue` or `prevIndex`: as `Update`, of a file for which the condition holds.
    CompareAndSwap(Condition),
}

impl WriteMode {
    /// Whether a node is made where there is none; the others change the value of what is there.
    pub fn creates(&self) -> bool {
        matches!(self, Self::Set | Self::Create | Self::CreateInOrder)
    }

    /// Whether what is there can be kept: a node that is made anew has nothing to keep.
    pub fn can_refresh(&self) -> bool {
        !matches!(self, Self::Create | Self::CreateInOrder)
    }
}

/// One write of a value, or of a directory. `L` says how its end is given: relative while it is on its way to the log, and
/// a [`Lifetime`] once the entry is stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write<L = Lifetime> {
    /// The node to write.
    pub path: KeyPath,
    /// What it has to find there.
    pub mode: WriteMode,
    /// What the node becomes. An update and a compare-and-swap change files only: a directory counts as an empty value.
    pub content: Content,
    /// When it ends; `None` makes it permanent.
    pub lifetime: Option<L>,
    /// Keep the value that is there, and wake nobody (keys-api 7.4). What creates a node has nothing to keep.
    pub refresh: bool,
}

impl<L> Write<L> {
    /// A plain write: permanent, and no refresh.
    pub fn new(path: KeyPath, mode: WriteMode, content: Content) -> Self {
        Self {
            path,
            mode,
            content,
            lifetime: None,
            refresh: false,
        }
    }
}

/// One operation; each that succeeds takes one revision (keys-api 5 and 6). `L` is that of [`Write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation<L = Lifetime> {
    /// `PUT` and `POST`.
    Write(Write<L>),
    /// `DELETE`; `recursive` implies `dir`.
    Delete {
        /// The node to remove.
        path: KeyPath,
        /// Whether an empty directory may be removed.
        dir: bool,
        /// Whether a directory goes with all that is below it.
        recursive: bool,
    },
    /// `DELETE` with `prevValue` or `prevIndex`.
    CompareAndDelete {
        /// The file to remove.
        path: KeyPath,
        /// What must hold before.
        condition: Condition,
    },
    /// Removes what has a deadline at or before `cutoff` (cluster time, ns), at most `limit` nodes,
    /// in the order (deadline, key). Each removal takes one revision.
    Expire {
        /// The last deadline that counts as lapsed, nanoseconds of cluster time.
        cutoff: u64,
        /// The most nodes that this operation removes.
        limit: u32,
        /// Bytes of values and paths that the removed nodes may have together, the first node excepted: their
        /// events hold them all. The paths below a directory count for the nodes behind it, unless they are so
        /// many that they go as one range. `None`: any.
        bytes: Option<u64>,
    },
    /// The server's own write below `/_etcd` (a file, or its removal with `None`), done only if
    /// something differs.
    System {
        /// The file of the server.
        path: KeyPath,
        /// Its value; `None` removes it.
        value: Option<Bytes>,
    },
    /// A row outside the tree (members, auth): stored under `key`, removed with `None`. Takes no
    /// revision.
    Record {
        /// The name of the row.
        key: Bytes,
        /// Its content; `None` removes it.
        value: Option<Bytes>,
    },
    /// How much history is kept; the oldest event moves as a consequence. Takes no revision.
    Retain(Retention),
    /// Ends its command where this row outside the tree exists: the operations behind it are not carried out, and have
    /// no outcome. For what is done once, whoever proposes it and however often.
    Unless {
        /// The name of the row.
        key: Bytes,
    },
}

impl<A> Operation<A> {
    /// The same, where what is said of the end of a node is said otherwise.
    pub fn with_lifetime<B>(self, lifetime: impl FnOnce(A) -> Option<B>) -> Operation<B> {
        match self {
            Self::Write(write) => Operation::Write(Write {
                path: write.path,
                mode: write.mode,
                content: write.content,
                lifetime: write.lifetime.and_then(lifetime),
                refresh: write.refresh,
            }),
            Self::Delete {
                path,
                dir,
                recursive,
            } => Operation::Delete {
                path,
                dir,
                recursive,
            },
            Self::CompareAndDelete { path, condition } => {
                Operation::CompareAndDelete { path, condition }
            }
            Self::Expire {
                cutoff,
                limit,
                bytes,
            } => Operation::Expire {
                cutoff,
                limit,
                bytes,
            },
            Self::System { path, value } => Operation::System { path, value },
            Self::Record { key, value } => Operation::Record { key, value },
            Self::Retain(retention) => Operation::Retain(retention),
            Self::Unless { key } => Operation::Unless { key },
        }
    }
}

/// How much history the tree keeps. Replicated, so that every member answers alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retention {
    /// The newest events that stay readable; at least 1.
    pub events: u64,
    /// Bytes of history (paths and values of the events kept) above which older events go.
    pub bytes: u64,
}

impl Default for Retention {
    /// A million events and 1 GiB: what a tree keeps until the first [`Operation::Retain`].
    fn default() -> Self {
        Self {
            events: 1_000_000,
            bytes: 1 << 30,
        }
    }
}

/// A node as it was at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it is.
    pub path: KeyPath,
    /// The value of a file; `None` for a directory, and in the `node` of a removal.
    pub value: Option<Bytes>,
    /// Whether it is a directory.
    pub dir: bool,
    /// `createdIndex`; 0 for the root.
    pub created: u64,
    /// `modifiedIndex`; 0 for the root.
    pub modified: u64,
    /// Its TTL, if it has one.
    pub lifetime: Option<Lifetime>,
}

impl Node {
    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.path.as_bytes().len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// The kinds of change, by their wire meaning (keys-api 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the actions of the reference
pub enum Action {
    Set = 1,
    Create = 2,
    Update = 3,
    CompareAndSwap = 4,
    Delete = 5,
    CompareAndDelete = 6,
    Expire = 7,
}

impl Action {
    /// Whether the node is gone afterwards.
    pub fn is_removal(self) -> bool {
        matches!(self, Self::Delete | Self::CompareAndDelete | Self::Expire)
    }
}

/// One change of the tree. `revision` is its place in history, and the `X-Etcd-Index` of the write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where in history.
    pub revision: u64,
    /// What was done.
    pub action: Action,
    /// The node afterwards, as the response shows it (a removal: path, dir, created, modified =
    /// revision).
    pub node: Node,
    /// The node before; `None` if there was none.
    pub prev: Option<Node>,
    /// A TTL refresh: it takes a revision and a place in history, and wakes nobody (keys-api 7.4).
    pub refresh: bool,
    /// Written by [`Operation::System`]: reaches only watches at or below `/_etcd`.
    pub system: bool,
    /// Cluster time of its command in ns: what is left of a TTL is counted from here. `None` where no node
    /// has one, and in history that was written before the time was kept.
    pub time: Option<u64>,
}

impl Event {
    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.node.bytes() + self.prev.as_ref().map_or(0, Node::bytes)
    }
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded and took the revision of the event.
    Done(Arc<Event>),
    /// An expiry; the events in order, none if nothing was due. `more`: a limit was reached and
    /// more is due.
    Expired {
        /// One event for each removed node.
        events: Vec<Arc<Event>>,
        /// Whether the limit cut the wave.
        more: bool,
    },
    /// A record, a retention, a condition that holds, or a system write that changed nothing visible. No
    /// revision was taken.
    Accepted,
    /// The command ends here; the outcome of an [`Operation::Unless`] whose row exists.
    Ended,
    /// It was refused: nothing changed and no revision was taken.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The revision of the tree when it was refused (the `index` of the error).
        revision: u64,
    },
}

impl Outcome {
    /// The index that a client is told with it: of its change, or of the tree that refused it.
    pub fn revision(&self) -> Option<u64> {
        match self {
            Self::Done(event) => Some(event.revision),
            Self::Refused { revision, .. } => Some(*revision),
            Self::Expired { .. } | Self::Accepted | Self::Ended => None,
        }
    }

    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let held = match self {
            Self::Done(event) => event.bytes(),
            Self::Expired { events, .. } => events.iter().map(|event| event.bytes()).sum(),
            Self::Refused { refusal, .. } => refusal.bytes(),
            Self::Accepted | Self::Ended => 0,
        };
        size_of::<Self>() + held
    }
}

/// Why the tree refuses an operation or a look-up (keys-api 3.2, without the numbers: those belong
/// to HTTP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The target or an ancestor is missing; the first missing path from the top.
    KeyNotFound(KeyPath),
    /// The condition did not hold.
    CompareFailed {
        /// What the caller demanded.
        condition: Condition,
        /// The value found.
        value: Bytes,
        /// The `modifiedIndex` found.
        index: u64,
    },
    /// The target is a directory where a file is needed; `None` for the root under
    /// compare-and-delete (keys-api 3.4).
    NotFile(Option<KeyPath>),
    /// A proper ancestor is a file; its path.
    NotDirectory(KeyPath),
    /// The node to create is there.
    AlreadyExists(KeyPath),
    /// The root, or a path that only the server writes.
    ReadOnly(KeyPath),
    /// A directory with children, removed without `recursive`.
    DirectoryNotEmpty(KeyPath),
}

impl Refusal {
    fn bytes(&self) -> usize {
        match self {
            Self::KeyNotFound(path)
            | Self::NotFile(Some(path))
            | Self::NotDirectory(path)
            | Self::AlreadyExists(path)
            | Self::ReadOnly(path)
            | Self::DirectoryNotEmpty(path) => path.as_bytes().len(),
            Self::NotFile(None) => 0,
            Self::CompareFailed {
                condition, value, ..
            } => value.len() + condition.value.as_ref().map_or(0, Bytes::len),
        }
    }
}
