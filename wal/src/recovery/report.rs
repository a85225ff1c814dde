//! What recovery reports. Guarantees nothing but the meaning of its words.

use crate::entry::{HardState, Identity, Position};
use crate::replay::TornTail;
use crate::witness::{Witness, WitnessCheck};

/// What a log holds, what open finds to do, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whose log it is.
    pub identity: Identity,
    /// Last hard state of the log.
    pub hard_state: HardState,
    /// The entry before the first one.
    pub base: Position,
    /// Index of the first entry, or where it would be.
    pub first_index: u64,
    /// Index of the last entry, of the base when there is none.
    pub last_index: u64,
    /// Term of that entry.
    pub last_term: u64,
    /// The end of the log: a mark made of it names exactly this end.
    pub end: Witness,
    /// What came of the witness that the log was judged with.
    pub witness: WitnessCheck,
    /// The torn tail, if there was one.
    pub torn_tail: Option<TornTail>,
    /// Segments of the log when it was read.
    pub segments: usize,
    /// Bytes of groups that were read and checked.
    pub bytes: u64,
    /// Bytes of groups that were not proven durable and so written again.
    pub rewritten_bytes: u64,
    /// Groups that were written again.
    pub rewritten_groups: usize,
}
