//! The divergence hash: a chain that two members share exactly as long as they did the same (design
//! 20).
//!
//! Each command adds its log index, the cluster time, its operations in the canonical form of this
//! file, every changed row as it is stored (an event's without the time of its
//! command, which is in the chain already), what was refused, and the oldest event. Physical things stay
//! out: batches, compaction. So do expiry rows without a node, which are replicated all the same
//! (`write/apply/expire.rs`): members that differ in them show it at the next expiry that meets them. It
//! finds divergence, not malice, so it is a
//! multiply-and-fold and no cryptography; the byte stream is part of the replicated format and must
//! not change within a format version.

use crate::operation::{Condition, Lifetime, Operation, Outcome, Refusal, Write, WriteMode};
use crate::path::KeyPath;

const ADD: u64 = 0x2D35_8DCC_AA6C_78A5;
const MULTIPLY: u64 = 0x8BB8_4B93_962E_ACC9;

/// A running hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashChain(pub(crate) u64);

impl HashChain {
    pub(crate) fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ ADD) * u128::from(MULTIPLY);
        // Rotation keeps a folded zero from absorbing the words that follow.
        self.0 = (product as u64 ^ (product >> 64) as u64)
            .rotate_left(23)
            .wrapping_add(word);
    }

    /// The length, then the bytes in little-endian words, the last one filled up with zeros.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    pub(crate) fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(write) => self.write(write),
            Operation::Delete {
                path,
                dir,
                recursive,
            } => {
                self.tagged(6, path);
                self.word(u64::from(*dir) | u64::from(*recursive) << 1);
            }
            Operation::CompareAndDelete { path, condition } => {
                self.tagged(7, path);
                self.condition(condition);
            }
            Operation::Expire {
                cutoff,
                limit,
                bytes,
            } => {
                // Expiries without a bound are as old as the format, and give the hash that they gave then.
                self.word(if bytes.is_some() { 12 } else { 8 });
                self.word(*cutoff);
                self.word(u64::from(*limit));
                bytes.iter().for_each(|bytes| self.word(*bytes));
            }
            Operation::System { path, value } => {
                self.tagged(9, path);
                self.optional(value.as_deref());
            }
            Operation::Record { key, value } => {
                self.word(10);
                self.bytes(key);
                self.optional(value.as_deref());
            }
            Operation::Retain(retention) => {
                self.word(11);
                self.word(retention.events);
                self.word(retention.bytes);
            }
            Operation::Unless { key } => {
                self.word(13);
                self.bytes(key);
            }
        }
    }

    /// What the changed rows do not say already.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(event) => {
                self.word(1);
                self.word(event.revision);
            }
            Outcome::Expired { events, more } => {
                self.word(2);
                self.word(events.len() as u64);
                self.word(u64::from(*more));
            }
            Outcome::Accepted => self.word(3),
            Outcome::Ended => self.word(5),
            Outcome::Refused { refusal, revision } => {
                self.word(4);
                self.word(*revision);
                self.refusal(refusal);
            }
        }
    }

    fn refusal(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::KeyNotFound(path) => self.tagged(1, path),
            Refusal::CompareFailed {
                condition,
                value,
                index,
            } => {
                self.word(2);
                self.condition(condition);
                self.bytes(value);
                self.word(*index);
            }
            Refusal::NotFile(path) => {
                self.word(3);
                self.optional(path.as_ref().map(KeyPath::as_bytes));
            }
            Refusal::NotDirectory(path) => self.tagged(4, path),
            Refusal::AlreadyExists(path) => self.tagged(5, path),
            Refusal::ReadOnly(path) => self.tagged(6, path),
            Refusal::DirectoryNotEmpty(path) => self.tagged(7, path),
        }
    }

    /// The numbers of the modes, and the order of what follows, are as old as the format.
    fn write(&mut self, write: &Write) {
        let tag = match &write.mode {
            WriteMode::Set => 1,
            WriteMode::Create => 2,
            WriteMode::CreateInOrder => 3,
            WriteMode::Update => 4,
            WriteMode::CompareAndSwap(_) => 5,
        };
        self.tagged(tag, &write.path);
        if let WriteMode::CompareAndSwap(condition) = &write.mode {
            self.condition(condition);
        }
        let value = write.content.value().map(|value| &value[..]);
        if write.mode.creates() {
            self.optional(value);
        } else {
            self.bytes(value.unwrap_or_default());
        }
        self.lifetime(write.lifetime);
        if write.mode.can_refresh() {
            self.word(u64::from(write.refresh));
        }
    }

    fn tagged(&mut self, tag: u64, path: &KeyPath) {
        self.word(tag);
        self.bytes(path.as_bytes());
    }

    fn condition(&mut self, condition: &Condition) {
        self.optional(condition.value.as_deref());
        self.word(condition.index);
    }

    fn lifetime(&mut self, lifetime: Option<Lifetime>) {
        self.word(u64::from(lifetime.is_some()));
        if let Some(Lifetime {
            expiration,
            deadline,
        }) = lifetime
        {
            self.word(expiration);
            self.word(deadline);
        }
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.word(u64::from(bytes.is_some()));
        if let Some(bytes) = bytes {
            self.bytes(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_every_length_counts() {
        let hash = |bytes: &[u8]| {
            let mut chain = HashChain(0);
            chain.bytes(bytes);
            chain.0
        };
        let base = vec![0u8; 40];
        let mut seen = std::collections::BTreeSet::from([hash(&base)]);
        for at in 0..base.len() {
            assert!(seen.insert(hash(&base[..at])), "length {at}");
            for bit in 0..8 {
                let mut changed = base.clone();
                changed[at] ^= 1 << bit;
                assert!(seen.insert(hash(&changed)), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn the_stream_is_part_of_the_format() {
        let mut chain = HashChain(0);
        chain.operation(&Operation::Delete {
            path: KeyPath::root(),
            dir: true,
            recursive: false,
        });
        chain.outcome(&Outcome::Refused {
            refusal: Refusal::ReadOnly(KeyPath::root()),
            revision: 7,
        });
        assert_eq!(format!("{:016x}", chain.0), "22834451d2f202cb");
        let expiry = |bytes| {
            let mut chain = HashChain(0);
            let (cutoff, limit) = (5, 6);
            chain.operation(&Operation::Expire {
                cutoff,
                limit,
                bytes,
            });
            chain.0
        };
        let mut before_bytes = HashChain(0);
        for word in [8, 5, 6] {
            before_bytes.word(word);
        }
        assert_eq!(expiry(None), before_bytes.0);
        assert_ne!(expiry(Some(0)), expiry(Some(1)));
    }
}
