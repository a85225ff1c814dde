//! Every decoder of the format under mutated bytes, with checksums put right so that the fields behind
//! them are reached. What decodes is what an encoder writes: it encodes to the same bytes.

use fuzz::Campaign;

use super::group::{GROUP_HEADER_BYTES, GroupHeader};
use super::name::Name;
use super::record::{self, RECORD_HEADER_BYTES, Record};
use super::segment::SegmentHeader;
use super::{SECTOR, checksum, put, u32_at};
use crate::entry::{Entry, HardState, Identity, Place, Position};

fn segment(length: Option<u64>) -> SegmentHeader {
    SegmentHeader {
        identity: Identity {
            cluster: 1,
            member: 2,
        },
        sequence: 7,
        salt: 0x0123_4567_89ab_cdef,
        starts_log: false,
        reused: true,
        rewritten: false,
        replaces: false,
        length,
        chain_before: 99,
        previous: Place {
            sequence: 6,
            offset: 1024,
        },
        base: Position { term: 3, index: 40 },
        hard_state: HardState {
            term: 3,
            vote: 2,
            commit: 39,
        },
    }
}

#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend_segment(bytes: &mut Vec<u8>) {
    if bytes.len() >= SECTOR as usize {
        let sum = checksum(checksum(0, &bytes[..12]), &bytes[16..SECTOR as usize]);
        put(bytes, 12, &sum.to_le_bytes());
    }
}

#[test]
fn segment_headers() {
    Campaign::new("wal segment header")
        .corpus([
            segment(Some(1 << 20)).encode().to_vec(),
            segment(None).encode().to_vec(),
        ])
        .words(&[b"etcd2wal", &[0; 8], &u64::MAX.to_le_bytes()])
        .mend(mend_segment)
        .memory(4 << 10, 0)
        .run(|bytes| {
            SegmentHeader::begins_with_length_format(bytes);
            let Ok(header) = SegmentHeader::decode(bytes) else {
                return false;
            };
            let again = header.encode();
            assert_eq!(SegmentHeader::decode(&again), Ok(header));
            // Bytes that the format leaves to later versions may hold anything; all others come back.
            header.chain_start();
            header.start();
            true
        });
}

fn group() -> GroupHeader {
    GroupHeader {
        salt: 5,
        place: PLACE,
        durable: Place {
            sequence: 7,
            offset: 1024,
        },
        durable_index: 41,
        first_index: 42,
        entries: 2,
        records: 3,
        body_bytes: 700,
        chain_before: 17,
    }
}

const PLACE: Place = Place {
    sequence: 7,
    offset: 1536,
};

#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend_group(bytes: &mut Vec<u8>) {
    if bytes.len() >= GROUP_HEADER_BYTES {
        let seed = checksum(0, &bytes[8..16]);
        let sum = checksum(seed, &bytes[8..GROUP_HEADER_BYTES]);
        put(bytes, 4, &sum.to_le_bytes());
    }
}

#[test]
fn group_headers() {
    let mut valid = vec![0; GROUP_HEADER_BYTES];
    group().encode_into(&mut valid);
    Campaign::new("wal group header")
        .corpus([valid])
        .words(&[b"WGRP"])
        .mend(mend_group)
        .memory(4 << 10, 0)
        .run(|bytes| {
            super::group::is_broken_group(bytes, PLACE, 5);
            let Some((header, sum)) = GroupHeader::decode_any_salt(bytes, PLACE) else {
                return false;
            };
            assert!(header.durable <= header.place && header.end() > header.place.offset);
            assert!(header.last_index() <= header.first_index + u64::from(header.entries));
            let mut again = vec![0; GROUP_HEADER_BYTES];
            assert_eq!(header.encode_into(&mut again), sum);
            assert_eq!(again, bytes[..GROUP_HEADER_BYTES]);
            true
        });
}

/// The chain value before the records.
const SEED: u32 = 17;

#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend_records(bytes: &mut Vec<u8>) {
    let (mut at, mut chain) = (0, SEED);
    while bytes.len() - at >= RECORD_HEADER_BYTES {
        let length = u32_at(bytes, at + 4) as usize;
        let end = at + RECORD_HEADER_BYTES + length;
        if end > bytes.len() {
            return;
        }
        chain = checksum(chain, &bytes[at + 4..end]);
        put(bytes, at, &chain.to_le_bytes());
        at = end;
    }
}

fn records() -> Vec<u8> {
    let mut body = Vec::new();
    for (index, payload) in [&b""[..], b"first", &[0xff; 40]].into_iter().enumerate() {
        let entry = Entry {
            term: 3,
            index: index as u64 + 40,
            kind: index as u8,
            payload: payload.to_vec().into(),
        };
        record::push_entry(&mut body, &entry);
    }
    let state = HardState {
        term: 3,
        vote: 2,
        commit: 41,
    };
    record::push_hard_state(&mut body, &state, 42);
    record::seal(&mut body, SEED);
    body
}

/// Encodes what was decoded.
fn push(again: &mut Vec<u8>, record: Record, payload: &[u8], header: &[u8]) {
    match record {
        Record::Entry { term, index, kind } => {
            let entry = Entry {
                term,
                index,
                kind,
                payload: payload.to_vec().into(),
            };
            record::push_entry(again, &entry);
        }
        Record::HardState(state) => {
            record::push_hard_state(again, &state, super::u64_at(header, 24));
        }
    }
}

#[test]
fn records_of_a_group() {
    Campaign::new("wal records")
        .corpus([records()])
        .mend(mend_records)
        .memory(16 << 10, 8)
        .run(|bytes| {
            let (mut at, mut chain, mut again) = (0, SEED, Vec::new());
            while at < bytes.len() {
                let Ok(decoded) = record::decode(bytes, at, chain) else {
                    return false;
                };
                let payload = &bytes[decoded.payload.clone()];
                push(&mut again, decoded.record, payload, &bytes[at..]);
                (at, chain) = (decoded.payload.end, decoded.chain);
            }
            assert_eq!(record::seal(&mut again, SEED), chain);
            assert_eq!(again, bytes, "what decodes encodes to the same bytes");
            true
        });
}

#[test]
fn file_names() {
    let names = [
        Name::Segment {
            sequence: 7,
            first_index: 42,
        },
        Name::Spare(7),
        Name::Unfinished(8),
        Name::Torn {
            sequence: 7,
            offset: 512,
        },
        Name::Damaged {
            sequence: 6,
            first_index: 1,
        },
    ];
    Campaign::new("wal file name")
        .corpus(names.map(|name| name.to_string().into_bytes()))
        .words(&[
            b".wal",
            b".spare",
            b".tmp",
            b".damaged",
            b"torn-",
            b"-",
            b"0000",
            b"+",
        ])
        .memory(4 << 10, 8)
        .run(|bytes| {
            let parsed = str::from_utf8(bytes).ok().and_then(Name::parse);
            if let Some(name) = parsed {
                assert_eq!(name.to_string().as_bytes(), bytes, "each file has one name");
                name.sequence();
            }
            parsed.is_some()
        });
}
