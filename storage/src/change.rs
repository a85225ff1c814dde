//! Rows of `events`: what happened at a revision. The node, and the node before it, are versions of
//! the path.
//!
//! The key is the revision, 8 bytes, big-endian. The value, little-endian:
//!
//! ```text
//! 0   u8   format (high half, 1) and action (1 set, 2 create, 3 update, 4 compareAndSwap, 5 delete,
//!          6 compareAndDelete, 7 expire)
//! 1   u8   flags: 1 directory, 2 refresh, 4 written by the server, 8 goes on in the command of the row before
//! 2   u64  revision of the record it replaced or removed; 0 = there was none
//! 10  u64  history bytes up to and including this event, since the beginning (what retention by bytes counts)
//! 18  ...  the key of the path, to the end
//! ```
//!
//! Directories made on the way have versions of their own and no row here.

use crate::operation::Action;

const FORMAT: u8 = 0x10;
const DIRECTORY: u8 = 1;
const REFRESH: u8 = 2;
const SYSTEM: u8 = 4;
const CONTINUES: u8 = 8;
const PATH: usize = 18;

/// A decoded row of `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change<'a> {
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
    /// The key of the path.
    pub(crate) key: &'a [u8],
}

impl<'a> Change<'a> {
    /// Replaces `out` with the row.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        flags |= if self.dir { DIRECTORY } else { 0 };
        flags |= if self.refresh { REFRESH } else { 0 };
        flags |= if self.system { SYSTEM } else { 0 };
        flags |= if self.continues { CONTINUES } else { 0 };
        out.clear();
        out.push(FORMAT | self.action as u8);
        out.push(flags);
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(self.key);
    }

    /// Reads a row; the error says what does not fit.
    pub(crate) fn decode(row: &'a [u8]) -> Result<Self, &'static str> {
        let (head, key) = row
            .split_first_chunk::<PATH>()
            .ok_or("the event is too short")?;
        if head[0] & 0xF0 != FORMAT {
            return Err("the event has an unknown format");
        }
        let action = action(head[0] & 0x0F).ok_or("the event has an unknown action")?;
        let flags = head[1];
        Ok(Self {
            action,
            dir: flags & DIRECTORY != 0,
            refresh: flags & REFRESH != 0,
            system: flags & SYSTEM != 0,
            continues: flags & CONTINUES != 0,
            previous: word(head, 2),
            bytes: word(head, 10),
            key,
        })
    }
}

fn word(head: &[u8; PATH], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&head[at..at + 8]);
    u64::from_le_bytes(bytes)
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

    fn encoded(change: Change<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        change.encode(&mut out);
        out
    }

    #[test]
    fn golden_bytes() {
        let change = Change {
            action: Action::Expire,
            dir: true,
            refresh: false,
            system: false,
            continues: true,
            previous: 0x0102,
            bytes: 0x0304,
            key: b"a\0",
        };
        let wanted = [
            0x17, 9, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0x61, 0,
        ];
        assert_eq!(encoded(change), wanted);
        assert_eq!(Change::decode(&wanted), Ok(change));
    }

    proptest! {
        #[test]
        fn a_change_reads_as_it_was_written(
            number in 1u8..=7, flags in any::<[bool; 4]>(), previous in any::<u64>(), bytes in any::<u64>(),
            key in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let [dir, refresh, system, continues] = flags;
            let action = action(number).expect("1 to 7 are actions");
            let wanted = Change { action, dir, refresh, system, continues, previous, bytes, key: &key };
            let row = encoded(wanted);
            prop_assert_eq!(Change::decode(&row), Ok(wanted));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..32)) {
            let _ = (Change::decode(&bytes), revision(&bytes));
        }
    }

    #[test]
    fn wrong_rows_are_refused() {
        assert!(Change::decode(&[0x11; 17]).is_err(), "length");
        assert!(Change::decode(&[0x21; 18]).is_err(), "format");
        assert!(Change::decode(&[0x18; 18]).is_err(), "action");
    }
}
