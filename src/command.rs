//! The replicated commands and their encoding: what one log entry holds.
//!
//! An entry is a fixed header, filled in by the leader when it takes the proposal, followed by a protobuf body that
//! the front end wrote. The header comes first and has a fixed size so that the leader stamps a proposal in place,
//! without a copy and without decoding it.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | format version: 1, or 2 if the body holds what version 1 does not know (an expiry with a bound in bytes) |
//! | 1 | 7 | how far the wall clock below is behind the furthest one, µs; zero in what was written before it was known |
//! | 8 | 8 | request id: finds the waiting client on the node that proposed |
//! | 16 | 8 | cluster time, ns: deadlines and expiry count in it |
//! | 24 | 8 | wall clock of the leader, ns since the Unix epoch: the `expiration` that is shown |
//! | 32 | 8 | boot id of the leader (a hash): tells whether the next field may be compared |
//! | 40 | 8 | `CLOCK_BOOTTIME` of the leader, ns |
//! | 48 | – | body: the `Command` message below |
//!
//! All integers are little-endian. An entry with no data at all is the no-op of a new leader.
//!
//! # What apply makes of a command is part of the format
//!
//! An entry is applied again after a crash, and by every member, so it must give the same nodes, expiry rows, events,
//! outcomes, floor and hash each time. How entries are cut into batches is no part of this: a live node, one that replays
//! and one that catches up cut differently. `storage/tests/cuts_test.rs` holds every cut against one entry at a time.
//!
//! The rule is what one entry makes of a state when it is a batch of its own, with `storage::Bounds::default()`. A change
//! of that rule, or of one of those bounds except `events_step`, changes what a log means. It needs
//!
//! 1. a new format version in the header, so that an entry says by which rule it is applied,
//! 2. the old rule beside the new one for entries of the old version, as long as a log or a snapshot may hold one,
//! 3. a leader that writes the new version only once every member can read it,
//! 4. a test that replays a log of the old version: `tests/golden/format-1/killed.tar.gz` is one, nothing of it flushed.
//!
//! A change that only makes batches agree with the rule needs none of this: logs replay to the state that the rule gives.
//! One was made since version 1 began. An expiry ends after a number of rows without a node
//! (`storage/src/write/apply/expire.rs`), and one that shared a batch with the commands before it counted rows that these had
//! deleted, or counted a row twice. Entries applied one at a time always gave what every cut gives now. The same goes for
//! the operations of one command; no release writes an expiry beside others into one.
//!
//! Version 2 added the bound in bytes of an expiry. Only such an expiry is written as version 2, and one of version 1 has
//! no such bound, so every log replays by the rule that it was written under. No cluster has several members yet, so none of
//! them can lack it. A release that does not know the bound refuses the entry instead of removing more than the leader did.
//!
//! Expiry rows without a node bound an expiry, so they are state: whatever carries a store to another member carries
//! them too, and nothing local may remove them.

use bytes::Bytes;
use prost::Message;
use storage::operation::{Condition, Content, Lifetime, Operation, Retention};
use storage::path::KeyPath;

/// Bytes before the body.
pub const HEADER_BYTES: usize = 48;
/// What every entry holds that needs no later one: releases before [`BOUNDED_EXPIRY`] read it.
const VERSION: u8 = 1;
/// The version that knows the bound in bytes of an expiry.
const BOUNDED_EXPIRY: u8 = 2;
/// The largest command: what one record of the log holds, with room for its frame.
pub const MAX_BYTES: usize = 15 << 20;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Nanoseconds in the unit of [`Stamp::behind`] on disk.
const BEHIND_UNIT: u64 = 1_000;

/// The longest TTL that is accepted: 100 years of 365.25 days, in seconds (keys-api 7.5).
pub const MAX_TTL_SECONDS: u64 = 3_155_760_000;

/// The times a leader gives a proposal, and the id its client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Unique among the requests of all nodes, ever.
    pub request: u64,
    /// Cluster time in nanoseconds.
    pub cluster_time: u64,
    /// Wall clock in nanoseconds since the Unix epoch: what clients are shown.
    pub wall: u64,
    /// How far, in nanoseconds, `wall` is behind what it would be had no wall clock of this cluster ever been wrong
    /// backwards. Time across boots counts from `wall + behind`. Apply does not look at it.
    pub behind: u64,
    /// Which boot of which machine `boottime` belongs to.
    pub boot: u64,
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub boottime: u64,
}

/// Why the bytes of an entry are not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its header.
    #[error("the entry has {0} bytes, a command has at least {HEADER_BYTES}")]
    TooShort(usize),
    /// Written by a newer version.
    #[error(
        "the entry has command format {0}, this version knows 1 and 2: start the newer version again"
    )]
    NewerVersion(u8),
    /// The body is not the message it should be.
    #[error("the entry's body is malformed: {0}")]
    Malformed(String),
}

/// A proposal before it is stamped: the header is there and empty.
#[derive(Debug, Clone)]
pub struct Proposal(Vec<u8>);

impl Proposal {
    /// Encodes operations whose lifetimes are still relative: `ttl` seconds belong to all of them.
    pub fn new(operations: &[Operation], ttl: Option<u64>) -> Self {
        let body = wire::Command {
            operations: operations.iter().map(wire::Operation::from).collect(),
            ttl,
        };
        let bounded = |operation| matches!(operation, &Operation::Expire { bytes: Some(_), .. });
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.encoded_len());
        bytes.resize(HEADER_BYTES, 0);
        bytes[0] = if operations.iter().any(bounded) {
            BOUNDED_EXPIRY
        } else {
            VERSION
        };
        // A Vec grows as needed, so encoding into it has no failure.
        body.encode_raw(&mut bytes);
        Self(bytes)
    }

    /// Size as it will stand in the log.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A proposal always has a header.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Fills in the header; the result is the data of a log entry.
    pub fn stamp(mut self, stamp: &Stamp) -> Vec<u8> {
        // Rounded up: what counts from it is late rather than early. Seven bytes of it hold 2,283 years.
        let behind = stamp.behind.div_ceil(BEHIND_UNIT).to_le_bytes();
        self.0[1..8].copy_from_slice(&behind[..7]);
        let fields = [
            stamp.request,
            stamp.cluster_time,
            stamp.wall,
            stamp.boot,
            stamp.boottime,
        ];
        for (slot, field) in self.0[8..HEADER_BYTES].chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        self.0
    }
}

/// A command read back from a log entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What the leader stamped.
    pub stamp: Stamp,
    /// What to apply, lifetimes filled in.
    pub operations: Vec<Operation>,
}

impl Command {
    /// Decodes the data of one entry.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let stamp = decode_stamp(data)?;
        let body = wire::Command::decode(Bytes::copy_from_slice(&data[HEADER_BYTES..]))
            .map_err(|error| DecodeError::Malformed(error.to_string()))?;
        let lifetime = body.ttl.map(|seconds| lifetime(&stamp, seconds));
        let knows_bytes = data[0] >= BOUNDED_EXPIRY;
        let operations = body.operations.into_iter().map(|mut operation| {
            operation.bytes = operation.bytes.filter(|_| knows_bytes);
            operation.into_operation(lifetime)
        });
        Ok(Self {
            stamp,
            operations: operations.collect::<Result<_, _>>()?,
        })
    }
}

/// Reads the header alone.
pub fn decode_stamp(data: &[u8]) -> Result<Stamp, DecodeError> {
    if data.len() < HEADER_BYTES {
        return Err(DecodeError::TooShort(data.len()));
    }
    if !(VERSION..=BOUNDED_EXPIRY).contains(&data[0]) {
        return Err(DecodeError::NewerVersion(data[0]));
    }
    let mut behind = [0; 8];
    behind[..7].copy_from_slice(&data[1..8]);
    let mut fields = data[8..HEADER_BYTES].chunks_exact(8).map(|chunk| {
        u64::from_le_bytes(
            chunk
                .try_into()
                .expect("chunks_exact(8) yields eight bytes"),
        )
    });
    let mut next = || fields.next().expect("the header holds five fields");
    Ok(Stamp {
        request: next(),
        cluster_time: next(),
        wall: next(),
        behind: u64::from_le_bytes(behind).saturating_mul(BEHIND_UNIT),
        boot: next(),
        boottime: next(),
    })
}

/// Saturates instead of wrapping: a TTL never ends before it should (keys-api 7.5).
fn lifetime(stamp: &Stamp, seconds: u64) -> Lifetime {
    let nanos = seconds
        .min(MAX_TTL_SECONDS)
        .saturating_mul(NANOS_PER_SECOND);
    Lifetime {
        expiration: stamp.wall.saturating_add(nanos),
        deadline: stamp.cluster_time.saturating_add(nanos),
    }
}

/// The protobuf form. Field numbers are the format: never reused, never renumbered.
mod wire {
    use super::*;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Command {
        #[prost(message, repeated, tag = "1")]
        pub(super) operations: Vec<Operation>,
        #[prost(uint64, optional, tag = "2")]
        pub(super) ttl: Option<u64>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
    #[repr(i32)]
    pub(super) enum Kind {
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
    }

    /// One flat message for all kinds: a field that a kind has no use for is absent and costs nothing.
    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Operation {
        #[prost(enumeration = "Kind", tag = "1")]
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

    fn new(kind: Kind, path: &KeyPath) -> Operation {
        Operation {
            kind: kind as i32,
            path: path.to_bytes(),
            ..Operation::default()
        }
    }

    fn with_content(mut message: Operation, content: &Content) -> Operation {
        match content {
            Content::File(value) => message.value = Some(value.clone()),
            Content::Directory => message.dir = true,
        }
        message
    }

    fn with_condition(mut message: Operation, condition: &Condition) -> Operation {
        message.prev_value = condition.value.clone();
        message.prev_index = condition.index;
        message
    }

    impl From<&super::Operation> for Operation {
        fn from(operation: &super::Operation) -> Self {
            use super::Operation as Op;
            match operation {
                Op::Set {
                    path,
                    content,
                    refresh,
                    ..
                } => Operation {
                    refresh: *refresh,
                    ..with_content(new(Kind::Set, path), content)
                },
                Op::Create { path, content, .. } => with_content(new(Kind::Create, path), content),
                Op::CreateInOrder {
                    parent, content, ..
                } => with_content(new(Kind::CreateInOrder, parent), content),
                Op::Update {
                    path,
                    value,
                    refresh,
                    ..
                } => Operation {
                    value: Some(value.clone()),
                    refresh: *refresh,
                    ..new(Kind::Update, path)
                },
                Op::CompareAndSwap {
                    path,
                    condition,
                    value,
                    refresh,
                    ..
                } => Operation {
                    value: Some(value.clone()),
                    refresh: *refresh,
                    ..with_condition(new(Kind::CompareAndSwap, path), condition)
                },
                Op::Delete {
                    path,
                    dir,
                    recursive,
                } => Operation {
                    dir: *dir,
                    recursive: *recursive,
                    ..new(Kind::Delete, path)
                },
                Op::CompareAndDelete { path, condition } => {
                    with_condition(new(Kind::CompareAndDelete, path), condition)
                }
                Op::Expire {
                    cutoff,
                    limit,
                    bytes,
                } => Operation {
                    kind: Kind::Expire as i32,
                    bound: *cutoff,
                    limit: u64::from(*limit),
                    bytes: *bytes,
                    ..Operation::default()
                },
                Op::System { path, value } => Operation {
                    value: value.clone(),
                    ..new(Kind::System, path)
                },
                Op::Record { key, value } => Operation {
                    kind: Kind::Record as i32,
                    path: key.clone(),
                    value: value.clone(),
                    ..Operation::default()
                },
                Op::Retain(retention) => Operation {
                    kind: Kind::Retain as i32,
                    bound: retention.events,
                    limit: retention.bytes,
                    ..Operation::default()
                },
            }
        }
    }

    impl Operation {
        /// The operation with its lifetime, or why the message is none.
        pub(super) fn into_operation(
            self,
            lifetime: Option<Lifetime>,
        ) -> Result<super::Operation, DecodeError> {
            use super::Operation as Op;
            let kind = Kind::try_from(self.kind)
                .map_err(|_| DecodeError::Malformed(format!("operation kind {}", self.kind)))?;
            let refresh = self.refresh;
            Ok(match kind {
                Kind::Unknown => return Err(DecodeError::Malformed("no operation kind".into())),
                Kind::Set => Op::Set {
                    path: self.path()?,
                    content: self.content(),
                    lifetime,
                    refresh,
                },
                Kind::Create => Op::Create {
                    path: self.path()?,
                    content: self.content(),
                    lifetime,
                },
                Kind::CreateInOrder => Op::CreateInOrder {
                    parent: self.path()?,
                    content: self.content(),
                    lifetime,
                },
                Kind::Update => Op::Update {
                    path: self.path()?,
                    value: self.file_value(),
                    lifetime,
                    refresh,
                },
                Kind::CompareAndSwap => Op::CompareAndSwap {
                    path: self.path()?,
                    condition: self.condition(),
                    value: self.file_value(),
                    lifetime,
                    refresh,
                },
                Kind::Delete => Op::Delete {
                    path: self.path()?,
                    dir: self.dir,
                    recursive: self.recursive,
                },
                Kind::CompareAndDelete => Op::CompareAndDelete {
                    path: self.path()?,
                    condition: self.condition(),
                },
                Kind::Expire => Op::Expire {
                    cutoff: self.bound,
                    limit: u32::try_from(self.limit).unwrap_or(u32::MAX),
                    bytes: self.bytes,
                },
                Kind::System => Op::System {
                    path: self.path()?,
                    value: self.value,
                },
                Kind::Record => Op::Record {
                    key: self.path,
                    value: self.value,
                },
                Kind::Retain => Op::Retain(Retention {
                    events: self.bound,
                    bytes: self.limit,
                }),
            })
        }

        fn path(&self) -> Result<KeyPath, DecodeError> {
            KeyPath::new(self.path.clone())
                .map_err(|error| DecodeError::Malformed(format!("{error}: {:?}", self.path)))
        }

        fn file_value(&self) -> Bytes {
            self.value.clone().unwrap_or_default()
        }

        fn content(&self) -> Content {
            if self.dir {
                Content::Directory
            } else {
                Content::File(self.file_value())
            }
        }

        fn condition(&self) -> Condition {
            Condition {
                value: self.prev_value.clone(),
                index: self.prev_index,
            }
        }
    }
}

#[cfg(test)]
mod tests;
