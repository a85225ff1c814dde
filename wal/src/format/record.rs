//! Records: the entries and hard states inside a group. Guarantees that a decoded record passed its
//! checksum, seeded by the record before it, and that its length was checked before it was used.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 4 | checksum of bytes 4 to the end of the payload, seeded by the chain value before it |
//! | 4 | 4 | payload length, at most 16 MiB |
//! | 8 | 1 | type: 1 = entry, 2 = hard state |
//! | 9 | 1 | the caller's kind of an entry, 0 for a hard state |
//! | 10 | 6 | zero |
//! | 16 | 8 | term |
//! | 24 | 8 | index; of a hard state: the last index of the log before it |
//! | 32 | n | payload; of a hard state: vote (8), commit (8) |

use super::{PAYLOAD_BYTES_MAX, checksum, put, u32_at, u64_at};
use crate::damage::Defect;
use crate::entry::{Entry, HardState};

/// Bytes of a record before its payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 32;

const LENGTH: usize = 4;
const TYPE: usize = 8;
const KIND: usize = 9;
pub(crate) const RESERVED: std::ops::Range<usize> = 10..16;
const TERM: usize = 16;
const INDEX: usize = 24;

const TYPE_ENTRY: u8 = 1;
const TYPE_HARD_STATE: u8 = 2;
const HARD_STATE_BYTES: usize = 16;

/// Bytes of a hard state record.
pub(crate) const HARD_STATE_RECORD_BYTES: usize = encoded_len(HARD_STATE_BYTES);

/// What a record says, its payload left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Entry { term: u64, index: u64, kind: u8 },
    HardState(HardState),
}

/// One decoded record and where its payload lies in the bytes given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) record: Record,
    pub(crate) payload: std::ops::Range<usize>,
    pub(crate) chain: u32,
}

/// Appends an entry, its checksum left for [`seal`].
pub(crate) fn push_entry(buffer: &mut Vec<u8>, entry: &Entry) {
    let mut header = [0; RECORD_HEADER_BYTES];
    // The length was checked against PAYLOAD_BYTES_MAX, which fits.
    put(
        &mut header,
        LENGTH,
        &(entry.payload.len() as u32).to_le_bytes(),
    );
    header[TYPE] = TYPE_ENTRY;
    header[KIND] = entry.kind;
    put(&mut header, TERM, &entry.term.to_le_bytes());
    put(&mut header, INDEX, &entry.index.to_le_bytes());
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(&entry.payload);
}

/// Appends a hard state that follows the entry `last_index`, its checksum left for [`seal`].
pub(crate) fn push_hard_state(buffer: &mut Vec<u8>, state: &HardState, last_index: u64) {
    let mut bytes = [0; RECORD_HEADER_BYTES + HARD_STATE_BYTES];
    put(&mut bytes, LENGTH, &(HARD_STATE_BYTES as u32).to_le_bytes());
    bytes[TYPE] = TYPE_HARD_STATE;
    put(&mut bytes, TERM, &state.term.to_le_bytes());
    put(&mut bytes, INDEX, &last_index.to_le_bytes());
    put(&mut bytes, RECORD_HEADER_BYTES, &state.vote.to_le_bytes());
    put(
        &mut bytes,
        RECORD_HEADER_BYTES + 8,
        &state.commit.to_le_bytes(),
    );
    buffer.extend_from_slice(&bytes);
}

/// Bytes a record of this payload takes.
pub(crate) const fn encoded_len(payload: usize) -> usize {
    RECORD_HEADER_BYTES + payload
}

/// Writes the checksums of a run of records that the two functions above made; returns the chain after it.
pub(crate) fn seal(body: &mut [u8], mut chain: u32) -> u32 {
    let mut at = 0;
    while at < body.len() {
        let end = at + encoded_len(u32_at(body, at + LENGTH) as usize);
        chain = checksum(chain, &body[at + 4..end]);
        put(body, at, &chain.to_le_bytes());
        at = end;
    }
    chain
}

/// Decodes the record at `at` of a group's body.
pub(crate) fn decode(body: &[u8], at: usize, chain: u32) -> Result<Decoded, Defect> {
    let rest = body.get(at..).unwrap_or_default();
    if rest.len() < RECORD_HEADER_BYTES {
        return Err(Defect::RecordFields);
    }
    let length = u32_at(rest, LENGTH) as usize;
    if length > PAYLOAD_BYTES_MAX || rest.len() - RECORD_HEADER_BYTES < length {
        return Err(Defect::RecordChecksum);
    }
    let chain = checksum(chain, &rest[4..encoded_len(length)]);
    if chain != u32_at(rest, 0) {
        return Err(Defect::RecordChecksum);
    }
    let payload = at + RECORD_HEADER_BYTES..at + encoded_len(length);
    let record = fields(rest, length).ok_or(Defect::RecordFields)?;
    Ok(Decoded {
        record,
        payload,
        chain,
    })
}

fn fields(bytes: &[u8], length: usize) -> Option<Record> {
    if bytes[RESERVED].iter().any(|byte| *byte != 0) {
        return None;
    }
    let (term, index, kind) = (u64_at(bytes, TERM), u64_at(bytes, INDEX), bytes[KIND]);
    match bytes[TYPE] {
        TYPE_ENTRY => Some(Record::Entry { term, index, kind }),
        TYPE_HARD_STATE if length == HARD_STATE_BYTES && kind == 0 => {
            Some(Record::HardState(HardState {
                term,
                vote: u64_at(bytes, RECORD_HEADER_BYTES),
                commit: u64_at(bytes, RECORD_HEADER_BYTES + 8),
            }))
        }
        _ => None,
    }
}
