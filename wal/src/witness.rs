//! The witness: what the store remembers of the log. Guarantees that a log which lost or changed
//! anything up to the witnessed place is found out when it is opened with it.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 4 | witness format, 1 |
//! | 4 | 4 | checksum of bytes 0..4 and 8..40 |
//! | 8 | 8 | sequence of the segment |
//! | 16 | 8 | offset at which the synced groups end |
//! | 24 | 8 | index of the last synced entry |
//! | 32 | 4 | chain value there |
//! | 36 | 4 | zero |

use crate::entry::Place;
use crate::error::Error;
use crate::format::{checksum, put, u32_at, u64_at};

const WITNESS_FORMAT: u32 = 1;

/// The end of the synced log at one moment. The store keeps it with each flush and hands it to
/// [`Wal::open`](crate::Wal::open). A log refused by its witness alone is never opened without it:
/// see [`Proof::Witness`](crate::Proof::Witness).
///
/// Taken from a log that is stopped with everything synced, it names the log's end: that end is still
/// the same if [`JudgedLog::end`](crate::JudgedLog::end) is equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Where the synced groups ended.
    pub place: Place,
    /// Index of the last synced entry.
    pub index: u64,
    /// Chain value there; no other log, and no other version of this one, has it at this place.
    pub chain: u32,
}

/// What a log that was not refused says about the witness it was judged with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessCheck {
    /// There was none.
    NotGiven,
    /// The log holds the witness's place, with its chain value.
    Found,
    /// The place lies in a segment that was released, or before the log was started again. Nothing
    /// contradicts the witness and nothing confirms it: use the log only if every entry up to its base is
    /// held elsewhere.
    Gone,
}

impl Witness {
    /// Bytes of an encoded witness.
    pub const ENCODED_BYTES: usize = 40;

    /// Encodes it for the store to keep.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::ENCODED_BYTES] {
        let mut bytes = [0; Self::ENCODED_BYTES];
        put(&mut bytes, 0, &WITNESS_FORMAT.to_le_bytes());
        put(&mut bytes, 8, &self.place.sequence.to_le_bytes());
        put(&mut bytes, 16, &self.place.offset.to_le_bytes());
        put(&mut bytes, 24, &self.index.to_le_bytes());
        put(&mut bytes, 32, &self.chain.to_le_bytes());
        let sum = witness_checksum(&bytes);
        put(&mut bytes, 4, &sum.to_le_bytes());
        bytes
    }

    /// Decodes what [`Witness::encode`] made.
    ///
    /// # Errors
    /// [`Error::BadWitness`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |reason| Err(Error::BadWitness { reason });
        if bytes.len() != Self::ENCODED_BYTES {
            return bad("wrong length");
        }
        if witness_checksum(bytes) != u32_at(bytes, 4) {
            return bad("checksum does not match");
        }
        if u32_at(bytes, 0) != WITNESS_FORMAT || u32_at(bytes, 36) != 0 {
            return bad("unknown format, written by a newer release");
        }
        Ok(Self {
            place: Place {
                sequence: u64_at(bytes, 8),
                offset: u64_at(bytes, 16),
            },
            index: u64_at(bytes, 24),
            chain: u32_at(bytes, 32),
        })
    }
}

fn witness_checksum(bytes: &[u8]) -> u32 {
    checksum(checksum(0, &bytes[..4]), &bytes[8..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_comes_back_and_every_flipped_bit_is_refused() {
        let place = Place {
            sequence: 3,
            offset: 1536,
        };
        let witness = Witness {
            place,
            index: 77,
            chain: 0xdead_beef,
        };
        let bytes = witness.encode();
        assert_eq!(Witness::decode(&bytes).unwrap(), witness);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Witness::decode(&flipped).is_err(), "bit {bit}");
        }
        assert!(Witness::decode(&bytes[..39]).is_err());
    }
}
