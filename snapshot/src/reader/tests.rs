//! Files that a later version would write, and files that no version writes but whose checksums
//! hold.

use super::*;
use crate::format::{BlockHeader, FLAG_REQUIRED, encode_block_header, encode_header};
use crate::writer::FileWriter;

/// A file with a section of a later version between two of ours.
fn later(required: bool) -> Vec<u8> {
    let mut writer = FileWriter::new(Vec::new(), "later", Meta::default()).unwrap();
    writer.begin(Section::Tree).unwrap();
    writer.put(b"a", b"1").unwrap();
    writer.begin_id(77, required).unwrap();
    writer.put(b"later", b"meaning").unwrap();
    writer.begin(Section::Meta).unwrap();
    writer.put(b"z", b"2").unwrap();
    writer.finish().unwrap().0
}

#[test]
fn an_optional_section_of_a_later_version_is_passed_over() {
    let bytes = later(false);
    let mut reader = FileReader::new(bytes.as_slice(), "later").unwrap();
    let mut seen = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        seen.extend(
            block
                .pairs()
                .map(|(key, _)| (block.section(), key.to_vec())),
        );
    }
    assert_eq!(
        seen,
        [
            (Section::Tree, b"a".to_vec()),
            (Section::Meta, b"z".to_vec())
        ]
    );
    let summary = reader.verify().unwrap();
    let skipped = summary.sections[1];
    assert_eq!(
        (skipped.id, skipped.section, skipped.required),
        (77, None, false)
    );
    assert_eq!(
        (skipped.pairs, skipped.bytes),
        (1, 12),
        "it is counted all the same"
    );
}

#[test]
fn damage_in_a_section_passed_over_is_still_found() {
    let mut bytes = later(false);
    let at = bytes
        .windows(7)
        .position(|window| window == b"meaning")
        .unwrap();
    bytes[at] ^= 1;
    let error = FileReader::new(bytes.as_slice(), "later")
        .unwrap()
        .verify()
        .unwrap_err();
    assert!(matches!(error, Error::Damaged { block: 1, .. }), "{error}");
}

#[test]
fn a_required_section_of_a_later_version_is_refused_with_its_place() {
    let bytes = later(true);
    let mut reader = FileReader::new(bytes.as_slice(), "later").unwrap();
    assert!(reader.next_block().unwrap().is_some());
    let place = reader.position().offset();
    match reader.next_block().unwrap_err() {
        Error::UnknownSection { id: 77, offset, .. } => assert_eq!(offset, place),
        other => panic!("{other}"),
    }
}

/// A file of one header and these blocks, each with checksums that hold.
fn forged(blocks: &[(u16, u16, u32, u64, &[u8])]) -> Vec<u8> {
    let (header, mut chain) = encode_header(&Meta::default());
    let mut bytes = header.to_vec();
    for &(section, flags, pairs, number, payload) in blocks {
        let header = BlockHeader {
            section,
            flags,
            payload_len: payload.len() as u32,
            pairs,
            number,
            payload_crc: format::checksum(chain, payload),
        };
        let (head, after) = encode_block_header(chain, &header);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(payload);
        chain = after;
    }
    bytes
}

#[test]
fn bytes_that_no_writer_writes_are_refused_in_spite_of_their_checksums() {
    let pair = [1, 0, 0, 0, 1, 0, 0, 0, b'k', b'v'];
    let beyond = [9, 0, 0, 0, 1, 0, 0, 0, b'k', b'v'];
    let huge = [0xff; 10];
    let required = FLAG_REQUIRED;
    for (blocks, reason) in [
        (vec![(1, required, 1, 1, &pair[..])], "not the next one"),
        (
            vec![(1, required, 2, 0, &pair[..])],
            "more pairs than it can hold",
        ),
        (
            vec![(1, required, 0, 0, &pair[..])],
            "do not fill the block",
        ),
        (
            vec![(1, required, 1, 0, &beyond[..])],
            "do not fill the block",
        ),
        (
            vec![(1, required, 1, 0, &huge[..])],
            "do not fill the block",
        ),
        (
            vec![(1, required, u32::MAX, 0, &pair[..])],
            "more pairs than it can hold",
        ),
        (vec![(1, 2, 1, 0, &pair[..])], "does not know"),
        (
            vec![(1, required, 1, 0, &pair[..]), (1, 0, 1, 1, &pair[..])],
            "flags change within a section",
        ),
        (
            vec![
                (1, required, 1, 0, &pair[..]),
                (5, required, 1, 1, &pair[..]),
                (1, required, 1, 2, &pair[..]),
            ],
            "begins a second time",
        ),
        (
            (0..65)
                .map(|n| (100 + n, 0, 1, u64::from(n), &pair[..]))
                .collect(),
            "too many sections",
        ),
    ] {
        let bytes = forged(&blocks);
        let error = FileReader::new(bytes.as_slice(), "forged")
            .unwrap()
            .verify()
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_trailer_that_counts_wrong_is_refused() {
    let mut bytes = forged(&[(1, FLAG_REQUIRED, 0, 0, &[])]);
    let (_, first) = encode_header(&Meta::default());
    let mut position = FilePosition::start(first);
    let header = BlockHeader {
        section: 1,
        flags: FLAG_REQUIRED,
        payload_len: 0,
        pairs: 0,
        number: 0,
        payload_crc: first,
    };
    position.advance(&header, encode_block_header(first, &header).1);
    let right = position.trailer();
    for wrong in [
        format::Trailer {
            sections: 2,
            ..right
        },
        format::Trailer { blocks: 2, ..right },
        format::Trailer { pairs: 1, ..right },
        format::Trailer { bytes: 1, ..right },
        format::Trailer {
            file_len: right.file_len + 1,
            ..right
        },
    ] {
        let file = [&bytes[..], &format::encode_trailer(&wrong)].concat();
        let error = FileReader::new(file.as_slice(), "forged")
            .unwrap()
            .verify()
            .unwrap_err();
        assert!(error.to_string().contains("counts other blocks"), "{error}");
    }
    bytes.extend_from_slice(&format::encode_trailer(&right));
    FileReader::new(bytes.as_slice(), "forged")
        .unwrap()
        .verify()
        .unwrap();
}

#[test]
fn a_later_format_is_told_apart_from_damage() {
    let (mut header, _) = encode_header(&Meta::default());
    header[8] = 2;
    let error = FileReader::new(header.as_slice(), "later").unwrap_err();
    assert!(
        matches!(
            error,
            Error::UnknownVersion {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("use a later release"), "{error}");
}
