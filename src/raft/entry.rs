//! One entry in the two forms that it has: that of the `raft` crate, and that of the log.
//!
//! Beyond consensus an entry has the form of the log: its bytes are shared by whoever holds it. Its kind is the number of
//! the crate's `EntryType`. A context goes before the data, with its length; 0x80 in the kind says so. Changes of
//! membership may have one.

use bytes::Bytes;
use raft::eraftpb::{Entry, EntryType};

/// What an entry with a context adds to its kind.
const HAS_CONTEXT: u8 = 0x80;

/// Why an entry on disk is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error(
    "entry {index} of the log has kind {kind:#04x} or a context that this version does not know"
)]
pub struct UnknownEntry {
    /// Where.
    pub index: u64,
    /// The kind byte found.
    pub kind: u8,
}

/// What an entry holds; its bytes are slices of the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryContent {
    /// What kind it has.
    pub entry_type: EntryType,
    /// Beside a change of membership; most have none.
    pub context: Bytes,
    /// A command, or a change of membership.
    pub data: Bytes,
}

/// What an entry of the log holds; nothing is copied.
///
/// # Errors
/// It has a kind, or a context, that is none of ours.
pub(crate) fn content(entry: &wal::Entry) -> Result<EntryContent, UnknownEntry> {
    let unknown = || UnknownEntry {
        index: entry.index,
        kind: entry.kind,
    };
    let entry_type = entry_type(entry.kind & !HAS_CONTEXT).ok_or_else(unknown)?;
    let (context, data) = if entry.kind & HAS_CONTEXT == 0 {
        (Bytes::new(), entry.payload.clone())
    } else {
        let (length, rest) = entry.payload.split_first_chunk::<4>().ok_or_else(unknown)?;
        let length = u32::from_le_bytes(*length) as usize;
        let context = rest.get(..length).ok_or_else(unknown)?;
        (
            entry.payload.slice_ref(context),
            entry.payload.slice_ref(&rest[length..]),
        )
    };
    Ok(EntryContent {
        entry_type,
        context,
        data,
    })
}

/// The command in an entry, if it may hold one: the data, or what stands beside a change of membership.
pub(crate) fn command(entry: &wal::Entry) -> Option<Bytes> {
    let content = content(entry).ok()?;
    let command = match content.entry_type {
        EntryType::EntryNormal => content.data,
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => content.context,
    };
    (!command.is_empty()).then_some(command)
}

/// Whether an entry changes membership. One of a kind that is none of ours does not.
pub(crate) fn changes_membership(entry: &wal::Entry) -> bool {
    entry_type(entry.kind & !HAS_CONTEXT).is_some_and(|kind| kind != EntryType::EntryNormal)
}

/// An entry as the log stores it. Its data is moved, not copied, where it has no context.
pub(crate) fn to_wal(entry: Entry) -> wal::Entry {
    let kind = entry.entry_type as u8;
    let (kind, payload) = if entry.context.is_empty() {
        (kind, entry.data)
    } else {
        let length = u32::try_from(entry.context.len()).expect("a context is a few bytes");
        let mut payload = length.to_le_bytes().to_vec();
        payload.extend_from_slice(&entry.context);
        payload.extend_from_slice(&entry.data);
        (kind | HAS_CONTEXT, payload)
    };
    wal::Entry {
        term: entry.term,
        index: entry.index,
        kind,
        payload: payload.into(),
    }
}

/// The reverse of [`to_wal`]. This copies what somebody else holds as well.
///
/// # Errors
/// As of [`content`].
pub(crate) fn from_wal(entry: wal::Entry) -> Result<Entry, UnknownEntry> {
    let EntryContent {
        entry_type,
        context,
        data,
    } = content(&entry)?;
    let (term, index) = (entry.term, entry.index);
    // So that the data may be the last to hold its bytes, which are moved then.
    drop(entry);
    Ok(Entry {
        entry_type: entry_type as i32,
        term,
        index,
        data: data.into(),
        context: context.into(),
        ..Entry::default()
    })
}

/// Kind and place of an entry, for whoever does not look at its data.
///
/// # Errors
/// As of [`content`].
pub(crate) fn without_data(entry: &wal::Entry) -> Result<Entry, UnknownEntry> {
    Ok(Entry {
        entry_type: content(entry)?.entry_type as i32,
        term: entry.term,
        index: entry.index,
        ..Entry::default()
    })
}

fn entry_type(kind: u8) -> Option<EntryType> {
    let known = [
        EntryType::EntryNormal,
        EntryType::EntryConfChange,
        EntryType::EntryConfChangeV2,
    ];
    known
        .into_iter()
        .find(|known| *known as i32 == i32::from(kind))
}
