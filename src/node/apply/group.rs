//! How many committed entries go into one batch of the store, and what comes of each.

use bytes::Bytes;
use raft::eraftpb::{Entry, EntryType};
use storage::operation::Outcome;

use super::error::ApplyError;
use crate::command::{Command, Stamp};
use crate::node::marker::Marker;

/// Entries in one batch of the store: bounds the delay of the first reply in a large group.
const MAX_BATCH_ENTRIES: usize = 1_024;
/// Bytes of commands in one batch of the store, a larger one excepted: bounds its memory.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// Bytes of rows and of values met in the store after which a batch ends, whatever is left of its group: small commands
/// can remove large values, or write many rows. Far above what a group of plain writes comes to.
pub(super) const MAX_HELD_BYTES: usize = 8 << 20;

/// What [`apply_entries`] put into its batch.
#[derive(Debug, Default)]
pub(super) struct AppliedGroup {
    /// How many entries, from the first on.
    pub(super) entries: usize,
    /// The term of the last one.
    pub(super) term: u64,
    /// The times of the last command.
    pub(super) stamp: Option<Stamp>,
}

impl AppliedGroup {
    /// What the store says beside the applied index after this group: membership and witness as before.
    pub(super) fn marker(&self, before: &Marker) -> Marker {
        Marker {
            term: self.term,
            stamp: self.stamp.unwrap_or(before.stamp),
            ..before.clone()
        }
    }
}

/// Applies entries in one batch until it is large enough, and hands out what came of each.
pub(super) fn apply_entries(
    batch: &mut storage::Batch<'_>,
    entries: &[Entry],
    mut each: impl FnMut(&Entry, Command, Vec<Outcome>),
) -> Result<AppliedGroup, ApplyError> {
    let mut begun = AppliedGroup::default();
    for entry in entries {
        if batch.bytes() >= MAX_HELD_BYTES {
            break;
        }
        begun.entries += 1;
        begun.term = entry.term;
        let normal = entry.entry_type == EntryType::EntryNormal as i32;
        if !normal || entry.data.is_empty() {
            batch.skip(entry.index);
            continue;
        }
        let command = decode(entry)?;
        let outcomes = batch.apply(entry.index, command.stamp.cluster_time, &command.operations)?;
        begun.stamp = Some(command.stamp);
        each(entry, command, outcomes);
    }
    Ok(begun)
}

/// The command in an entry.
fn decode(entry: &Entry) -> Result<Command, ApplyError> {
    Command::decode(Bytes::copy_from_slice(&entry.data)).map_err(|source| ApplyError::Decode {
        index: entry.index,
        source,
    })
}

/// Cuts entries into groups of bounded number and size. A change of membership begins one, so that it is applied with
/// the first batch of its group.
pub(super) fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.data.len();
            bytes <= MAX_BATCH_BYTES
        };
        let normal = EntryType::EntryNormal as i32;
        let begins = |(at, entry): &(usize, &Entry)| *at > 0 && entry.entry_type != normal;
        let group = rest.iter().enumerate().take(MAX_BATCH_ENTRIES);
        let group = group.take_while(|entry| !begins(entry));
        let count = group.map(|(_, entry)| entry).take_while(fits).count();
        let count = count.max(1);
        let (group, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(group)
    })
}
