//! The protobuf form of the body. Field numbers are the format: never reused, never renumbered.

use bytes::Bytes;
use prost::Message;
use storage::operation::{self, Condition, Content, Lifetime, Retention, Write, WriteMode};
use storage::path::KeyPath;

use super::error::DecodeError;
use super::version::{CONDITION, VERSION};

#[derive(Clone, PartialEq, Message)]
pub(super) struct CommandMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) operations: Vec<OperationMessage>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) ttl: Option<u64>,
    /// From version 4 on.
    #[prost(message, optional, tag = "3")]
    pub(super) change: Option<ChangeMessage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ChangeKind {
    Unknown = 0,
    Add = 1,
    Promote = 2,
    Remove = 3,
    Move = 4,
    Unsafe = 5,
}

/// A change of membership.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChangeMessage {
    #[prost(enumeration = "ChangeKind", tag = "1")]
    pub(super) kind: i32,
    #[prost(fixed64, tag = "2")]
    pub(super) id: u64,
    #[prost(string, repeated, tag = "3")]
    pub(super) peer_urls: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum OperationKind {
    Unknown = 0,
    Set = 1,
    Create = 2,
    CreateInOrder = 3,
    Update = 4,
    CompareAndSwap = 5,
    Delete = 6,
    CompareAndDelete = 7,
    Expire = 8,
    System = 9,
    Record = 10,
    Retain = 11,
    /// From version 3 on.
    Unless = 12,
}

/// One flat message for all kinds: a field that a kind has no use for is absent and costs nothing.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OperationMessage {
    #[prost(enumeration = "OperationKind", tag = "1")]
    pub(super) kind: i32,
    /// Path, or the key of a record.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) path: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) value: Option<Bytes>,
    #[prost(bool, tag = "4")]
    pub(super) dir: bool,
    #[prost(bool, tag = "5")]
    pub(super) refresh: bool,
    #[prost(bool, tag = "6")]
    pub(super) recursive: bool,
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub(super) prev_value: Option<Bytes>,
    #[prost(uint64, tag = "8")]
    pub(super) prev_index: u64,
    /// Cut-off of an expiry; events of a retention.
    #[prost(uint64, tag = "9")]
    pub(super) bound: u64,
    /// Limit of an expiry; bytes of a retention.
    #[prost(uint64, tag = "10")]
    pub(super) limit: u64,
    /// Bytes of an expiry; from version 2 on.
    #[prost(uint64, optional, tag = "11")]
    pub(super) bytes: Option<u64>,
}

fn new(kind: OperationKind, path: &KeyPath) -> OperationMessage {
    OperationMessage {
        kind: kind as i32,
        path: path.to_bytes(),
        ..OperationMessage::default()
    }
}

impl OperationMessage {
    /// The first version that may hold this kind.
    pub(super) fn since(&self) -> u8 {
        match OperationKind::try_from(self.kind) {
            Ok(OperationKind::Unless) => CONDITION,
            _ => VERSION,
        }
    }

    /// The message of an operation. What it says of a lifetime stands in the command or in the stamp.
    pub(super) fn of<L>(operation: &operation::Operation<L>) -> Self {
        use operation::Operation as Op;
        match operation {
            Op::Write(write) => Self::of_write(write),
            Op::Delete {
                path,
                dir,
                recursive,
            } => Self {
                dir: *dir,
                recursive: *recursive,
                ..new(OperationKind::Delete, path)
            },
            Op::CompareAndDelete { path, condition } => {
                new(OperationKind::CompareAndDelete, path).under(condition)
            }
            Op::Expire {
                cutoff,
                limit,
                bytes,
            } => Self {
                kind: OperationKind::Expire as i32,
                bound: *cutoff,
                limit: u64::from(*limit),
                bytes: *bytes,
                ..Self::default()
            },
            Op::System { path, value } => Self {
                value: value.clone(),
                ..new(OperationKind::System, path)
            },
            Op::Record { key, value } => Self {
                kind: OperationKind::Record as i32,
                path: key.clone(),
                value: value.clone(),
                ..Self::default()
            },
            Op::Retain(retention) => Self {
                kind: OperationKind::Retain as i32,
                bound: retention.events,
                limit: retention.bytes,
                ..Self::default()
            },
            Op::Unless { key } => Self {
                kind: OperationKind::Unless as i32,
                path: key.clone(),
                ..Self::default()
            },
        }
    }

    fn of_write<L>(write: &Write<L>) -> Self {
        let kind = match &write.mode {
            WriteMode::Set => OperationKind::Set,
            WriteMode::Create => OperationKind::Create,
            WriteMode::CreateInOrder => OperationKind::CreateInOrder,
            WriteMode::Update => OperationKind::Update,
            WriteMode::CompareAndSwap(_) => OperationKind::CompareAndSwap,
        };
        let message = Self {
            value: write.content.value().cloned(),
            dir: write.content == Content::Directory,
            refresh: write.refresh,
            ..new(kind, &write.path)
        };
        match &write.mode {
            WriteMode::CompareAndSwap(condition) => message.under(condition),
            _ => message,
        }
    }

    fn under(self, condition: &Condition) -> Self {
        Self {
            prev_value: condition.value.clone(),
            prev_index: condition.index,
            ..self
        }
    }

    /// The operation with its lifetime, or why the message is none.
    pub(super) fn into_operation(
        self,
        lifetime: Option<Lifetime>,
    ) -> Result<operation::Operation, DecodeError> {
        use operation::Operation as Op;
        let kind = OperationKind::try_from(self.kind)
            .map_err(|_| DecodeError::Malformed(format!("operation kind {}", self.kind)))?;
        Ok(match kind {
            OperationKind::Unknown => {
                return Err(DecodeError::Malformed("no operation kind".into()));
            }
            OperationKind::Set => self.write(WriteMode::Set, lifetime)?,
            OperationKind::Create => self.write(WriteMode::Create, lifetime)?,
            OperationKind::CreateInOrder => self.write(WriteMode::CreateInOrder, lifetime)?,
            OperationKind::Update => self.write(WriteMode::Update, lifetime)?,
            OperationKind::CompareAndSwap => {
                let condition = self.condition();
                self.write(WriteMode::CompareAndSwap(condition), lifetime)?
            }
            OperationKind::Delete => Op::Delete {
                path: path(self.path)?,
                dir: self.dir,
                recursive: self.recursive,
            },
            OperationKind::CompareAndDelete => Op::CompareAndDelete {
                condition: self.condition(),
                path: path(self.path)?,
            },
            OperationKind::Expire => Op::Expire {
                cutoff: self.bound,
                limit: u32::try_from(self.limit).unwrap_or(u32::MAX),
                bytes: self.bytes,
            },
            OperationKind::System => Op::System {
                path: path(self.path)?,
                value: self.value,
            },
            OperationKind::Record => Op::Record {
                key: self.path,
                value: self.value,
            },
            OperationKind::Retain => Op::Retain(Retention {
                events: self.bound,
                bytes: self.limit,
            }),
            OperationKind::Unless => Op::Unless { key: self.path },
        })
    }

    fn write(
        self,
        mode: WriteMode,
        lifetime: Option<Lifetime>,
    ) -> Result<operation::Operation, DecodeError> {
        let refresh = self.refresh && mode.can_refresh();
        // What only changes a node has a value, empty or not.
        let content = if self.dir && mode.creates() {
            Content::Directory
        } else {
            Content::File(self.value.unwrap_or_default())
        };
        Ok(operation::Operation::Write(Write {
            path: path(self.path)?,
            mode,
            content,
            lifetime,
            refresh,
        }))
    }

    fn condition(&self) -> Condition {
        Condition {
            value: self.prev_value.clone(),
            index: self.prev_index,
        }
    }
}

fn path(bytes: Bytes) -> Result<KeyPath, DecodeError> {
    KeyPath::new(bytes.clone())
        .map_err(|error| DecodeError::Malformed(format!("{error}: {bytes:?}")))
}
