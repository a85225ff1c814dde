//! How many committed entries go into one batch of the store, and what comes of each.

use storage::operation::Outcome;

use super::error::ApplyError;
use crate::command::{Command, Stamp};
use crate::node::batch::JudgedChange;
use crate::node::marker::Marker;
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};
use crate::raft::entry::{self, changes_membership};

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

/// Applies entries in one batch until it is large enough, and hands out what came of each. `change` is that of the first entry, if it
/// changes membership.
pub(super) fn apply_entries(
    batch: &mut storage::Batch<'_>,
    entries: &[wal::Entry],
    change: Option<&JudgedChange>,
    mut each: impl FnMut(&wal::Entry, Command, Vec<Outcome>),
) -> Result<AppliedGroup, ApplyError> {
    let mut begun = AppliedGroup::default();
    for entry in entries {
        if batch.bytes() >= MAX_HELD_BYTES {
            break;
        }
        begun.entries += 1;
        begun.term = entry.term;
        let counted = batch.cluster_time();
        #[cfg(test)]
        let counted = match is_planted(PlantedMistake::DeadlinesFromStamps) {
            true => 0,
            false => counted,
        };
        let Some(mut command) = decode(entry, counted)? else {
            batch.skip(entry.index);
            continue;
        };
        if changes_membership(entry) {
            let mut judged = change.iter().filter(|change| change.index == entry.index);
            let judged = judged.next().ok_or(ApplyError::Unjudged(entry.index))?;
            command.operations = judged.operations.clone();
        }
        let outcomes = batch.apply(entry.index, command.stamp.cluster_time, &command.operations)?;
        begun.stamp = Some(command.stamp);
        each(entry, command, outcomes);
    }
    Ok(begun)
}

/// The command in an entry, if it holds one. Paths and values are slices of the entry.
fn decode(entry: &wal::Entry, counted: u64) -> Result<Option<Command>, ApplyError> {
    entry::content(entry)?;
    let Some(command) = entry::command(entry) else {
        return Ok(None);
    };
    let command = Command::decode(command, counted).map_err(|source| ApplyError::Decode {
        index: entry.index,
        source,
    })?;
    Ok(Some(command))
}

/// Cuts entries into groups of bounded number and size. A change of membership begins one, so that it is applied with
/// the first batch of its group.
pub(super) fn groups(entries: &[wal::Entry]) -> impl Iterator<Item = &[wal::Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&wal::Entry| {
            bytes += entry.payload.len();
            bytes <= MAX_BATCH_BYTES
        };
        let begins = |(at, entry): &(usize, &wal::Entry)| *at > 0 && changes_membership(entry);
        let group = rest.iter().enumerate().take(MAX_BATCH_ENTRIES);
        let group = group.take_while(|entry| !begins(entry));
        let count = group.map(|(_, entry)| entry).take_while(fits).count();
        let count = count.max(1);
        let (group, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(group)
    })
}
