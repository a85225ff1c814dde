//! The replicated commands and their encoding: what one log entry holds.
//!
//! An entry is a fixed header, filled in by the leader when it takes the proposal, followed by a protobuf body that
//! the front end wrote. The header comes first and has a fixed size so that the leader stamps a proposal in place,
//! without a copy and without decoding it.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | format version: the lowest that knows what the body holds; 2 knows an expiry with a bound in bytes, 3 a condition, 4 a change of membership |
//! | 1 | 7 | how far the wall clock below is behind the furthest one, µs; zero in what was written before it was known |
//! | 8 | 8 | request id: finds the waiting client on the node that proposed |
//! | 16 | 8 | cluster time, ns: deadlines and expiry count in it |
//! | 24 | 8 | wall clock of the leader, ns since the Unix epoch: the `expiration` that is shown |
//! | 32 | 8 | boot id of the leader (a hash): tells whether the next field may be compared |
//! | 40 | 8 | `CLOCK_BOOTTIME` of the leader, ns |
//! | 48 | – | body: the `CommandMessage` of `wire.rs` |
//!
//! All integers are little-endian. An entry with no data at all is the no-op of a new leader.
//!
//! # What apply makes of a command is part of the format
//!
//! An entry is applied again after a crash, and by every member, so it must give the same nodes, expiry rows, events,
//! outcomes, oldest event and hash each time. How entries are cut into batches is no part of this: a live node, one that replays
//! and one that catches up cut differently. `storage/tests/cuts_test.rs` holds every cut against one entry at a time.
//!
//! The rule is what one entry makes of a state when it is a batch of its own, with `storage::Bounds::default()`. A change
//! of that rule, or of one of those bounds except `events_step`, changes what a log means. It needs
//!
//! 1. a new format version in the header, so that an entry says by which rule it is applied,
//! 2. the old rule beside the new one for entries of the old version, as long as a log or a snapshot may hold one,
//! 3. a leader that writes the new version only once every member can read it: each says in its row what it applies, and
//!    whoever takes a request refuses what one of them does not know (`src/service/format.rs`). What the server proposes by
//!    itself, as an expiry, is not asked there, and has to be,
//! 4. a test that replays a log of the old version: `tests/golden/format-1/killed.tar.gz` is one, nothing of it flushed.
//!
//! A change that only makes batches agree with the rule needs none of this: logs replay to the state that the rule gives.
//! One was made since version 1 began. An expiry ends after a number of rows without a node
//! (`storage/src/write/apply/expire.rs`), and one that shared a batch with the commands before it counted rows that these had
//! deleted, or counted a row twice. Entries applied one at a time always gave what every cut gives now. The same goes for
//! the operations of one command; no release writes an expiry beside others into one.
//!
//! Version 2 added the bound in bytes of an expiry. Only such an expiry is written as version 2, and one of version 1 has
//! no such bound, so every log replays by the rule that it was written under. No release without it has clusters of several
//! members, so none of them can lack it. A release that does not know the bound refuses the entry instead of removing more
//! than the leader did.
//!
//! Version 3 added a condition: a command ends where a record exists. Only the founding of a cluster of several members holds
//! one, and such clusters begin with the release that knows it. In an entry of an earlier version the kind is damage.
//!
//! Version 4 added changes of membership. A command that asks for one stands in the context of an entry of that kind; in a normal
//! entry it has no effect.
//!
//! Deadlines count from the later of the stamp and the time that the store has come to. Earlier builds counted from the
//! stamp alone. A lone leader's stamps never go back, so every log of theirs replays to the same.
//!
//! Expiry rows without a node bound an expiry, so they are state: whatever carries a store to another member carries
//! them too, and nothing local may remove them.

mod change;
mod error;
mod outcome;
mod proposal;
mod stamp;
mod ttl;
mod version;
mod wire;

use std::convert::Infallible;

use bytes::Bytes;
use prost::Message;
use storage::operation::Operation;

pub(crate) use change::Change;
pub(crate) use error::DecodeError;
#[cfg(test)]
pub(crate) use outcome::tests::outcomes_of_each_kind;
pub(crate) use outcome::{OutcomeError, decode_outcomes, encode_outcomes};
pub(crate) use proposal::Proposal;
pub(crate) use stamp::Stamp;
pub(crate) use ttl::Ttl;
use version::BOUNDED_EXPIRY;
pub(crate) use version::{AMONG_SEVERAL, CHANGE, FIRST, HEADER_BYTES, NEWEST};

/// What the server does itself: nothing of it has a TTL.
pub(crate) type ServerOperation = Operation<Infallible>;

/// The largest command: what one record of the log holds, with room for its frame.
pub(crate) const MAX_BYTES: usize = 15 << 20;

/// A command read back from a log entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// What the leader stamped.
    pub stamp: Stamp,
    /// What to apply, lifetimes filled in.
    pub operations: Vec<Operation>,
    /// The change of membership that is asked for, if one is.
    pub change: Option<Change>,
}

impl Command {
    /// Decodes the data of one entry, of which paths and values stay slices: nothing is copied. `counted` is the cluster
    /// time of the store that it is applied to, and part of what the command means: see [`Ttl`].
    ///
    /// # Errors
    /// See [`DecodeError`]; bytes of any kind give one or a command.
    pub(crate) fn decode(mut data: Bytes, counted: u64) -> Result<Self, DecodeError> {
        let stamp = Stamp::decode(&data)?;
        let version = data[0];
        let body = wire::CommandMessage::decode(data.split_off(HEADER_BYTES))
            .map_err(|error| DecodeError::Malformed(error.to_string()))?;
        let lifetime = body
            .ttl
            .map(|seconds| Ttl::at_most(seconds).from(&stamp, counted));
        let operations = body.operations.into_iter().map(|mut operation| {
            if version < operation.since() {
                let kind = operation.kind;
                let text = format!("operation kind {kind} in an entry of format {version}");
                return Err(DecodeError::Malformed(text));
            }
            operation.bytes = operation.bytes.filter(|_| version >= BOUNDED_EXPIRY);
            operation.into_operation(lifetime)
        });
        let change = body.change.filter(|_| version >= CHANGE);
        Ok(Self {
            stamp,
            operations: operations.collect::<Result<_, _>>()?,
            change: change.map(Change::decode).transpose()?,
        })
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
