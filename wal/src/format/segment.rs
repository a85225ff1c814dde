//! The segment header. Guarantees that a segment can be read when all older ones are released: it
//! carries the position, hard state and chain value the log had at its start.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 8 | magic `etcd2wal` |
//! | 8 | 4 | format version |
//! | 12 | 4 | checksum of bytes 0..12 and 16..512 |
//! | 16 | 8 | cluster id |
//! | 24 | 8 | member id |
//! | 32 | 8 | sequence number |
//! | 40 | 8 | salt |
//! | 48 | 4 | flags: 1 = the log starts here, 2 = the file was used before, 4 = begun by open, 8 = in place of an older log (from format 2 on) |
//! | 52 | 4 | chain value of the log before this segment |
//! | 56 | 8 | sequence of the segment before, 0 when the log starts here |
//! | 64 | 8 | offset at which the segment before ends |
//! | 72 | 8 | base: term of the last entry before this segment |
//! | 80 | 8 | base: its index |
//! | 88 | 8 | hard state at the start: term |
//! | 96 | 8 | hard state: vote |
//! | 104 | 8 | hard state: commit |
//! | 112 | 8 | length of the file, header included (from format 2 on; format 1 has zeros here) |
//! | 120 | 392 | zero |
//!
//! Every version keeps the first 16 bytes, so that a later format is told from damage.
//!
//! The length is what the file had when it got its name, and a file is filled and synced before that: one
//! that is shorter has lost bytes. It may be longer; what lies behind the length is never looked at.

use super::{FORMAT_VERSION, SECTOR, checksum, put, u32_at, u64_at};
use crate::entry::{HardState, Identity, Place, Position};

const MAGIC: [u8; 8] = *b"etcd2wal";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const CLUSTER: usize = 16;
const MEMBER: usize = 24;
const SEQUENCE: usize = 32;
const SALT: usize = 40;
const FLAGS: usize = 48;
const CHAIN: usize = 52;
const PREVIOUS_SEQUENCE: usize = 56;
const PREVIOUS_END: usize = 64;
const BASE_TERM: usize = 72;
const BASE_INDEX: usize = 80;
const HARD_TERM: usize = 88;
const HARD_VOTE: usize = 96;
const HARD_COMMIT: usize = 104;
const LENGTH: usize = 112;

const FLAG_START: u32 = 1;
const FLAG_REUSED: u32 = 2;
const FLAG_REWRITTEN: u32 = 4;
const FLAG_REPLACES: u32 = 8;

/// The first format whose headers say how long the file is.
const VERSION_WITH_LENGTH: u32 = 2;

/// Flags that a header of this version may carry.
const fn flags_known(version: u32) -> u32 {
    let first = FLAG_START | FLAG_REUSED | FLAG_REWRITTEN;
    if version < VERSION_WITH_LENGTH {
        return first;
    }
    first | FLAG_REPLACES
}

/// Bytes of the header: one sector, so that it is written whole or not at all.
pub(crate) const HEADER_BYTES: u64 = SECTOR;

/// What stands at the head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) identity: Identity,
    pub(crate) sequence: u64,
    pub(crate) salt: u64,
    /// Nothing before this segment counts: a new log, or one that was started again.
    pub(crate) starts_log: bool,
    /// The file had another use before: bytes after the last group may be stale records.
    pub(crate) reused: bool,
    /// Open began it: groups that lay after `previous` and were not proven durable are repeated here.
    pub(crate) rewritten: bool,
    /// Older segments are those of a log that this one replaces: they are kept aside, never removed.
    pub(crate) replaces: bool,
    /// Bytes of the file. `None` in a header of format 1, which does not say.
    pub(crate) length: Option<u64>,
    /// Chain value of the log at the end of the segment before.
    pub(crate) chain_before: u32,
    /// Where the segment before ends. Everything up to there was synced before this header was written.
    pub(crate) previous: Place,
    pub(crate) base: Position,
    pub(crate) hard_state: HardState,
}

/// Why a header was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Damaged,
    NewerVersion(u32),
}

impl SegmentHeader {
    /// Chain value at the first group of this segment.
    pub(crate) fn chain_start(&self) -> u32 {
        let seed = checksum(self.chain_before, &self.salt.to_le_bytes());
        checksum(seed, &self.sequence.to_le_bytes())
    }

    /// Place of the first group.
    pub(crate) fn start(&self) -> Place {
        Place {
            sequence: self.sequence,
            offset: HEADER_BYTES,
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        let version = match self.length {
            Some(_) => FORMAT_VERSION,
            None => VERSION_WITH_LENGTH - 1,
        };
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, VERSION, &version.to_le_bytes());
        put(&mut bytes, FLAGS, &self.flags().to_le_bytes());
        put(&mut bytes, CHAIN, &self.chain_before.to_le_bytes());
        for (at, number) in [
            (CLUSTER, self.identity.cluster),
            (MEMBER, self.identity.member),
            (SEQUENCE, self.sequence),
            (SALT, self.salt),
            (PREVIOUS_SEQUENCE, self.previous.sequence),
            (PREVIOUS_END, self.previous.offset),
            (BASE_TERM, self.base.term),
            (BASE_INDEX, self.base.index),
            (HARD_TERM, self.hard_state.term),
            (HARD_VOTE, self.hard_state.vote),
            (HARD_COMMIT, self.hard_state.commit),
            (LENGTH, self.length.unwrap_or(0)),
        ] {
            put(&mut bytes, at, &number.to_le_bytes());
        }
        let sum = header_checksum(&bytes);
        put(&mut bytes, CHECKSUM, &sum.to_le_bytes());
        bytes
    }

    fn flags(&self) -> u32 {
        [
            (self.starts_log, FLAG_START),
            (self.reused, FLAG_REUSED),
            (self.rewritten, FLAG_REWRITTEN),
            (self.replaces, FLAG_REPLACES),
        ]
        .into_iter()
        .filter_map(|(set, flag)| set.then_some(flag))
        .sum()
    }

    /// Whether the first bytes of a header that was cut short are those of a format that says how long
    /// its files are.
    pub(crate) fn begins_with_length_format(bytes: &[u8]) -> bool {
        bytes.len() >= CHECKSUM
            && bytes[..8] == MAGIC
            && u32_at(bytes, VERSION) >= VERSION_WITH_LENGTH
    }

    /// Decodes the first sector of a file; `bytes` may be shorter when the file is.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        if bytes.len() < HEADER_BYTES as usize {
            return Err(HeaderFault::Damaged);
        }
        let bytes = &bytes[..HEADER_BYTES as usize];
        if header_checksum(bytes) != u32_at(bytes, CHECKSUM) {
            return Err(HeaderFault::Damaged);
        }
        // A file with a segment's name in the log's directory: whatever its first bytes are, it stands where a segment
        // stood, or should not be there. Either is for the owner to decide with what the rest of the log says.
        if bytes[..8] != MAGIC {
            return Err(HeaderFault::Damaged);
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(HeaderFault::NewerVersion(version));
        }
        let flags = u32_at(bytes, FLAGS);
        if version == 0 || flags & !flags_known(version) != 0 {
            return Err(HeaderFault::Damaged);
        }
        let header = Self::fields(bytes, version, flags);
        match header.is_sane() {
            true => Ok(header),
            false => Err(HeaderFault::Damaged),
        }
    }

    /// No log gets to other values, and sums over these do not overflow.
    fn is_sane(&self) -> bool {
        let most = u64::MAX / 2;
        self.base.index < u64::MAX
            && self.sequence < u64::MAX
            && self.previous.offset <= most
            && self
                .length
                .is_none_or(|length| (HEADER_BYTES..=most).contains(&length))
    }

    fn fields(bytes: &[u8], version: u32, flags: u32) -> Self {
        Self {
            identity: Identity {
                cluster: u64_at(bytes, CLUSTER),
                member: u64_at(bytes, MEMBER),
            },
            sequence: u64_at(bytes, SEQUENCE),
            salt: u64_at(bytes, SALT),
            starts_log: flags & FLAG_START != 0,
            reused: flags & FLAG_REUSED != 0,
            rewritten: flags & FLAG_REWRITTEN != 0,
            replaces: flags & FLAG_REPLACES != 0,
            length: (version >= VERSION_WITH_LENGTH).then(|| u64_at(bytes, LENGTH)),
            chain_before: u32_at(bytes, CHAIN),
            previous: Place {
                sequence: u64_at(bytes, PREVIOUS_SEQUENCE),
                offset: u64_at(bytes, PREVIOUS_END),
            },
            base: Position {
                term: u64_at(bytes, BASE_TERM),
                index: u64_at(bytes, BASE_INDEX),
            },
            hard_state: HardState {
                term: u64_at(bytes, HARD_TERM),
                vote: u64_at(bytes, HARD_VOTE),
                commit: u64_at(bytes, HARD_COMMIT),
            },
        }
    }
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let seed = checksum(0, &bytes[..CHECKSUM]);
    checksum(seed, &bytes[CHECKSUM + 4..])
}
