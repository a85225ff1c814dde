use proptest::prelude::*;

use super::group::{GROUP_HEADER_BYTES, GroupHeader, is_broken_group};
use super::name::Name;
use super::record::{self, Record};
use super::segment::{HeaderFault, SegmentHeader};
use super::*;
use crate::entry::{Entry, HardState, Identity, Place, Position};

fn header() -> SegmentHeader {
    SegmentHeader {
        identity: Identity {
            cluster: 1,
            member: 2,
        },
        sequence: 7,
        salt: 0x0123_4567_89ab_cdef,
        starts_log: true,
        reused: false,
        rewritten: true,
        replaces: true,
        length: Some(1 << 20),
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

fn group() -> GroupHeader {
    GroupHeader {
        salt: 5,
        place: Place {
            sequence: 7,
            offset: 1536,
        },
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

#[test]
fn a_segment_header_comes_back_and_every_flipped_bit_is_refused() {
    let bytes = header().encode();
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header()));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(SegmentHeader::decode(&flipped).is_err(), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert_eq!(
            SegmentHeader::decode(&bytes[..len]),
            Err(HeaderFault::Damaged)
        );
    }
}

/// A header with a field of another value under a checksum that fits.
fn header_with(at: usize, field: &[u8]) -> [u8; 512] {
    let mut bytes = header().encode();
    put(&mut bytes, at, field);
    let sum = checksum(checksum(0, &bytes[..12]), &bytes[16..]);
    put(&mut bytes, 12, &sum.to_le_bytes());
    bytes
}

#[test]
fn a_header_of_a_later_format_is_told_from_damage() {
    let mut bytes = header().encode();
    put(&mut bytes, 8, &3u32.to_le_bytes());
    assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderFault::Damaged));
    assert_eq!(
        SegmentHeader::decode(&header_with(8, &3u32.to_le_bytes())),
        Err(HeaderFault::NewerVersion(3))
    );
}

#[test]
fn a_header_of_the_first_format_has_no_length_and_no_later_flag() {
    let old = SegmentHeader {
        replaces: false,
        length: None,
        ..header()
    };
    let bytes = old.encode();
    assert_eq!(u32_at(&bytes, 8), 1);
    assert!(bytes[112..].iter().all(|byte| *byte == 0));
    assert_eq!(SegmentHeader::decode(&bytes), Ok(old));
    assert!(!SegmentHeader::begins_with_length_format(&bytes[..40]));
    assert!(SegmentHeader::begins_with_length_format(
        &header().encode()[..12]
    ));
    assert!(!SegmentHeader::begins_with_length_format(
        &header().encode()[..11]
    ));
    let flagged = SegmentHeader {
        length: None,
        ..header()
    };
    assert_eq!(
        SegmentHeader::decode(&flagged.encode()),
        Err(HeaderFault::Damaged)
    );
}

#[test]
fn a_length_that_no_file_can_have_is_damage() {
    for (length, sane) in [
        (0, false),
        (511, false),
        (512, true),
        (u64::MAX / 2, true),
        (u64::MAX / 2 + 1, false),
    ] {
        let decoded = SegmentHeader::decode(&header_with(112, &u64::to_le_bytes(length)));
        assert_eq!(decoded.is_ok(), sane, "{length}");
    }
}

#[test]
fn a_group_header_passes_at_its_own_place_and_salt_only() {
    let mut bytes = [0; GROUP_HEADER_BYTES];
    let sum = group().encode_into(&mut bytes);
    let place = group().place;
    assert_eq!(GroupHeader::decode(&bytes, place, 5), Some((group(), sum)));
    assert_eq!(GroupHeader::decode(&bytes, place, 6), None);
    let elsewhere = Place {
        offset: 2048,
        ..place
    };
    assert_eq!(GroupHeader::decode(&bytes, elsewhere, 5), None);
    let earlier_use = Place {
        sequence: 8,
        ..place
    };
    assert_eq!(GroupHeader::decode(&bytes, earlier_use, 5), None);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(GroupHeader::decode(&flipped, place, 5), None, "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_leaves_a_broken_group_and_an_earlier_use_of_the_file_leaves_none() {
    let mut bytes = [0; GROUP_HEADER_BYTES];
    group().encode_into(&mut bytes);
    let (place, salt) = (group().place, group().salt);
    assert!(!is_broken_group(&bytes, place, salt), "it is whole");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(is_broken_group(&flipped, place, salt), "bit {bit}");
    }
    for theirs in [
        Place {
            sequence: 6,
            ..place
        },
        // A segment of this sequence that was lost before its header was synced.
        place,
        Place {
            offset: 2048,
            ..place
        },
    ] {
        let header = GroupHeader {
            place: theirs,
            salt: salt + 1,
            ..group()
        };
        header.encode_into(&mut bytes);
        assert!(!is_broken_group(&bytes, place, group().salt), "{header:?}");
    }
}

#[test]
fn a_claim_beyond_its_own_place_is_no_group() {
    let mut bytes = [0; GROUP_HEADER_BYTES];
    let durable = Place {
        sequence: 7,
        offset: 2048,
    };
    GroupHeader { durable, ..group() }.encode_into(&mut bytes);
    assert_eq!(GroupHeader::decode(&bytes, group().place, 5), None);
}

proptest! {
    #[test]
    fn records_come_back_in_order(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
        term in any::<u64>(), seed in any::<u32>(), vote in any::<u64>(),
    ) {
        let mut body = Vec::new();
        let mut expected = Vec::new();
        for (index, payload) in (1u64..).zip(&payloads) {
            let kind = index as u8;
            let entry = Entry { term, index, kind, payload: payload.clone().into() };
            record::push_entry(&mut body, &entry);
            expected.push(Record::Entry { term, index, kind });
        }
        let state = HardState { term, vote, commit: 3 };
        record::push_hard_state(&mut body, &state, payloads.len() as u64);
        expected.push(Record::HardState(state));
        let end = record::seal(&mut body, seed);
        let (mut at, mut chain, mut found) = (0, seed, Vec::new());
        while at < body.len() {
            let decoded = record::decode(&body, at, chain).unwrap();
            if let Some(payload) = payloads.get(found.len()) {
                prop_assert_eq!(&body[decoded.payload.clone()], &payload[..]);
            }
            found.push(decoded.record);
            (at, chain) = (decoded.payload.end, decoded.chain);
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(chain, end);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0usize..700) {
        let place = Place { sequence: 1, offset: 512 };
        prop_assert!(SegmentHeader::decode(&bytes).is_err());
        prop_assert_eq!(GroupHeader::decode_any_salt(&bytes, place), None);
        prop_assert!(record::decode(&bytes, at, 1).is_err());
    }

    #[test]
    fn names_come_back_and_sort_by_number(first in (0..u64::MAX, 0..u64::MAX), second in (0..u64::MAX, 0..u64::MAX)) {
        let segment = |pair: (u64, u64)| Name::Segment { sequence: pair.0, first_index: pair.1 };
        prop_assert_eq!(Name::parse(&segment(first).to_string()), Some(segment(first)));
        let order = segment(first).to_string().cmp(&segment(second).to_string());
        prop_assert_eq!(order, first.cmp(&second));
        for name in [
            Name::Spare(first.0),
            Name::Unfinished(first.1),
            Name::Torn { sequence: first.0, offset: first.1 },
            Name::Damaged { sequence: first.0, first_index: first.1 },
        ] {
            prop_assert_eq!(Name::parse(&name.to_string()), Some(name));
        }
    }
}

#[test]
fn foreign_names_are_left_alone() {
    let number = "00000000000000ff";
    for name in [
        String::new(),
        "lost+found".to_owned(),
        format!("{number}.wal"),
        format!("{number}-{number}"),
        format!("{}-{number}.wal", number.to_uppercase()),
        format!("+{}-{number}.wal", &number[1..]),
        format!("{number}0.spare"),
        format!("torn-{number}"),
        format!("ffffffffffffffff-{number}.wal"),
        "ffffffffffffffff.spare".to_owned(),
    ] {
        assert_eq!(Name::parse(&name), None, "{name}");
    }
}
