//! A command on its way to the log, encoded but not stamped yet.

use bytes::Bytes;
use prost::Message;
use storage::operation::Operation;

use super::version::{BOUNDED_EXPIRY, CHANGE, CONDITION, HEADER_BYTES, VERSION};
use super::{Change, Command, DecodeError, ServerOperation, Stamp, Ttl, wire};

/// A proposal before it is stamped: the header is there and empty.
#[derive(Debug, Clone)]
pub(crate) struct Proposal(Vec<u8>);

impl Proposal {
    /// Encodes what a client asks for; its TTL is relative still. This copies the value, once.
    pub(crate) fn new(operation: &Operation<Ttl>) -> Self {
        let ttl = match operation {
            Operation::Write(write) => write.lifetime,
            _ => None,
        };
        Self::encode(std::slice::from_ref(operation), ttl)
    }

    /// Encodes what the server itself does, as one command: nothing of it has a TTL, as the type says.
    pub(crate) fn of_server(operations: &[ServerOperation]) -> Self {
        Self::encode(operations, None)
    }

    /// Encodes a change of who belongs to the cluster.
    pub(crate) fn of_change(change: &Change) -> Self {
        let body = wire::CommandMessage {
            change: Some(change.encode()),
            ..wire::CommandMessage::default()
        };
        Self::of_body(CHANGE, &body)
    }

    /// The change of membership that it asks for, if it does.
    pub(crate) fn change(&self) -> Option<Change> {
        if self.format() < CHANGE {
            return None;
        }
        let command = Command::decode(Bytes::copy_from_slice(&self.0), 0);
        command.ok()?.change
    }

    fn encode<L>(operations: &[Operation<L>], ttl: Option<Ttl>) -> Self {
        let body = wire::CommandMessage {
            operations: operations.iter().map(wire::OperationMessage::of).collect(),
            ttl: ttl.map(Ttl::seconds),
            change: None,
        };
        let versions = operations.iter().map(version_of);
        Self::of_body(versions.max().unwrap_or(VERSION), &body)
    }

    fn of_body(version: u8, body: &wire::CommandMessage) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.encoded_len());
        bytes.resize(HEADER_BYTES, 0);
        bytes[0] = version;
        // A Vec grows as needed, so encoding into it has no failure.
        body.encode_raw(&mut bytes);
        Self(bytes)
    }

    /// The bytes, to be carried to a leader; nothing is copied.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.0.into()
    }

    /// What another member carried here, or what was stamped for a log that did not take it. Copied where somebody else
    /// holds the bytes too.
    ///
    /// # Errors
    /// It is no command that this version can apply.
    pub(crate) fn of_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        Command::decode(bytes.clone(), 0)?;
        Ok(Self(bytes.into()))
    }

    /// The lowest version that knows it.
    pub(crate) fn format(&self) -> u8 {
        self.0.first().copied().unwrap_or(VERSION)
    }

    /// Size as it will stand in the log.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Fills in the header; the result is the data of a log entry.
    pub(crate) fn stamp(mut self, stamp: &Stamp) -> Vec<u8> {
        if let Some(header) = self.0.first_chunk_mut() {
            stamp.write(header);
        }
        self.0
    }
}

/// The first version that knows the operation: older releases read what needs none.
fn version_of<L>(operation: &Operation<L>) -> u8 {
    match operation {
        Operation::Expire { bytes: Some(_), .. } => BOUNDED_EXPIRY,
        Operation::Unless { .. } => CONDITION,
        _ => VERSION,
    }
}
