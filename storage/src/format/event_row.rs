//! Rows of `events`: what happened at a revision. The node, and the node before it, are versions of
//! the path.
//!
//! The key is the revision, 8 bytes, big-endian. The value, little-endian:
//!
//! ```text
//! 0   u8   format (high half, 1) and action (1 set, 2 create, 3 update, 4 compareAndSwap, 5 delete,
//!          6 compareAndDelete, 7 expire)
//! 1   u8   flags: 1 directory, 2 refresh, 4 written by the server, 8 goes on in the command of the row before,
//!          16 has the time of its command; any other is an error
//! 2   u64  revision of the record it replaced or removed; 0 = there was none
//! 10  u64  history bytes up to and including this event, since the beginning (what retention by bytes counts)
//!     u64  cluster time of the command in ns, only with flag 16
//!     ...  the key of the path, to the end
//! ```
//!
//! Flag 16 stands where the node, or the node before it, has a TTL: the event shows what was left of it
//! at that moment. Rows of releases that did not know the flag are read as they are: what is left is then
//! counted from the time of the reader. The hash has the time from the command, so it leaves flag and field out
//! ([`EventRow::encode_for_hash`]), and a log gives the same hash whichever release replays it.
//!
//! Directories made on the way have versions of their own and no row here.

use crate::operation::Action;

use super::field::{WORD, word};

const FORMAT: u8 = 0x10;
const DIRECTORY: u8 = 1;
const REFRESH: u8 = 2;
const SYSTEM: u8 = 4;
const CONTINUES: u8 = 8;
const TIMED: u8 = 16;
const KNOWN: u8 = DIRECTORY | REFRESH | SYSTEM | CONTINUES | TIMED;

/// Where the fields begin, each behind the one before.
const ACTION_AT: usize = 0;
const FLAGS_AT: usize = ACTION_AT + 1;
const PREVIOUS_AT: usize = FLAGS_AT + 1;
const BYTES_AT: usize = PREVIOUS_AT + WORD;
/// Bytes before the field that not every row has.
const HEAD: usize = BYTES_AT + WORD;

/// What the byte table calls them.
#[cfg(test)]
pub(super) const OFFSETS: [(&str, usize); 4] = [
    ("format (high half, 1) and action", ACTION_AT),
    ("flags: 1 directory", FLAGS_AT),
    ("revision of the record it replaced", PREVIOUS_AT),
    ("history bytes up to", BYTES_AT),
];

/// A decoded row of `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventRow<'a> {
    pub(crate) action: Action,
    pub(crate) dir: bool,
    pub(crate) refresh: bool,
    pub(crate) system: bool,
    /// A later operation of the command that wrote the row before.
    pub(crate) continues: bool,
    /// The revision of the record before, 0 if there was none.
    pub(crate) previous: u64,
    /// Bytes of all events so far, this one included.
    pub(crate) bytes: u64,
    /// Cluster time of the command, if a TTL is shown.
    pub(crate) time: Option<u64>,
    /// The key of the path.
    pub(crate) key: &'a [u8],
}

impl<'a> EventRow<'a> {
    /// Replaces `out` with the row.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let flags = self.flags() | if self.time.is_some() { TIMED } else { 0 };
        self.encode_head(flags, out);
        if let Some(time) = self.time {
            out.extend_from_slice(&time.to_le_bytes());
        }
        out.extend_from_slice(self.key);
    }

    /// Replaces `out` with the row as the hash takes it: see the module.
    pub(crate) fn encode_for_hash(&self, out: &mut Vec<u8>) {
        self.encode_head(self.flags(), out);
        out.extend_from_slice(self.key);
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        flags |= if self.dir { DIRECTORY } else { 0 };
        flags |= if self.refresh { REFRESH } else { 0 };
        flags |= if self.system { SYSTEM } else { 0 };
        flags |= if self.continues { CONTINUES } else { 0 };
        flags
    }

    fn encode_head(&self, flags: u8, out: &mut Vec<u8>) {
        out.clear();
        out.push(FORMAT | self.action as u8);
        out.push(flags);
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
    }

    /// Reads a row; the error says what does not fit.
    pub(crate) fn decode(row: &'a [u8]) -> Result<Self, &'static str> {
        let (head, mut key) = row
            .split_first_chunk::<HEAD>()
            .ok_or("the event is too short")?;
        if head[ACTION_AT] & 0xF0 != FORMAT {
            return Err("the event has an unknown format");
        }
        let action = action(head[ACTION_AT] & 0x0F).ok_or("the event has an unknown action")?;
        let flags = head[FLAGS_AT];
        if flags & !KNOWN != 0 {
            return Err("the event has an unknown flag; a newer release may have written it");
        }
        let time = if flags & TIMED == 0 {
            None
        } else {
            let (time, rest) = key
                .split_first_chunk::<WORD>()
                .ok_or("the event is too short for its time")?;
            key = rest;
            Some(u64::from_le_bytes(*time))
        };
        Ok(Self {
            action,
            dir: flags & DIRECTORY != 0,
            refresh: flags & REFRESH != 0,
            system: flags & SYSTEM != 0,
            continues: flags & CONTINUES != 0,
            previous: word(head, PREVIOUS_AT),
            bytes: word(head, BYTES_AT),
            time,
            key,
        })
    }
}

fn action(number: u8) -> Option<Action> {
    Some(match number {
        1 => Action::Set,
        2 => Action::Create,
        3 => Action::Update,
        4 => Action::CompareAndSwap,
        5 => Action::Delete,
        6 => Action::CompareAndDelete,
        7 => Action::Expire,
        _ => return None,
    })
}

/// The revision in the key of a row.
pub(crate) fn revision(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(change: EventRow<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        change.encode(&mut out);
        out
    }

    #[test]
    fn golden_bytes() {
        let change = EventRow {
            action: Action::Expire,
            dir: true,
            refresh: false,
            system: false,
            continues: true,
            previous: 0x0102,
            bytes: 0x0304,
            time: None,
            key: b"a\0",
        };
        let wanted = [
            0x17, 9, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0x61, 0,
        ];
        assert_eq!(encoded(change), wanted);
        assert_eq!(EventRow::decode(&wanted), Ok(change));
        let timed = EventRow {
            time: Some(0x0506),
            ..change
        };
        let with_time = [
            0x17, 25, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 6, 5, 0, 0, 0, 0, 0, 0, 0x61,
            0,
        ];
        assert_eq!(encoded(timed), with_time);
        assert_eq!(EventRow::decode(&with_time), Ok(timed));
        let mut hashed = Vec::new();
        timed.encode_for_hash(&mut hashed);
        assert_eq!(hashed, wanted, "the hash is that of the releases before");
    }

    proptest! {
        #[test]
        fn a_change_reads_as_it_was_written(
            number in 1u8..=7, flags in any::<[bool; 4]>(), previous in any::<u64>(), bytes in any::<u64>(),
            time in any::<Option<u64>>(), key in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let [dir, refresh, system, continues] = flags;
            let action = action(number).expect("1 to 7 are actions");
            let wanted = EventRow { action, dir, refresh, system, continues, previous, bytes, time, key: &key };
            let row = encoded(wanted);
            prop_assert_eq!(EventRow::decode(&row), Ok(wanted));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..32)) {
            let _ = (EventRow::decode(&bytes), revision(&bytes));
        }
    }

    #[test]
    fn wrong_rows_are_refused() {
        assert!(EventRow::decode(&[0x11; 17]).is_err(), "length");
        assert!(EventRow::decode(&[0x21; 18]).is_err(), "format");
        assert!(EventRow::decode(&[0x18; 18]).is_err(), "action");
        let flags = |flags: u8| {
            let mut row = [0; 25];
            (row[0], row[1]) = (0x11, flags);
            EventRow::decode(&row).map(|change| change.key.len())
        };
        assert_eq!(flags(0), Ok(7));
        assert!(flags(TIMED).is_err(), "no room for the time");
        for unknown in [32, 64, 128] {
            assert!(flags(unknown).is_err(), "flag {unknown}");
        }
    }
}
