//! No damaged file passes for a whole one, and nothing wrong is handed out on the way to the
//! damage.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use snapshot::{Error, FileReader, Meta, Section};
use support::{is_prefix, meta, read, sample, sample_file, write};

/// Reads damaged bytes: some error, and only right pairs before it.
fn expect_refusal(bytes: &[u8], what: &str) -> Error {
    let (content, ended) = read(bytes);
    assert!(
        is_prefix(&content, &sample()),
        "{what}: wrong pairs were handed out: {content:?}"
    );
    match ended {
        Ok(_) => panic!("{what}: passed for a whole file"),
        Err(error) => error,
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let whole = sample_file();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            let error = expect_refusal(&bytes, &format!("bit {bit} of byte {at}"));
            match error {
                Error::NotASnapshot { .. } => assert!(at < 8),
                Error::UnknownVersion { .. } => assert!((8..10).contains(&at)),
                Error::Damaged { offset, .. } => assert!(offset <= at as u64),
                // Only a damaged magic of the trailer can look like a file that stops short.
                Error::Truncated { .. } => assert!(at >= whole.len() - 48),
                other => panic!("bit {bit} of byte {at}: {other}"),
            }
        }
    }
}

#[test]
fn every_replaced_byte_is_found() {
    let whole = sample_file();
    for at in 0..whole.len() {
        for value in [0, 0x20, 0x7f, 0xff] {
            if whole[at] != value {
                let mut bytes = whole.clone();
                bytes[at] = value;
                expect_refusal(&bytes, &format!("byte {at} as {value:#x}"));
            }
        }
    }
}

#[test]
fn every_cut_is_told_from_damage() {
    let whole = sample_file();
    for len in 0..whole.len() {
        match expect_refusal(&whole[..len], &format!("cut at {len}")) {
            Error::Truncated { offset, found, .. } => {
                assert_eq!(found, len as u64);
                assert!(offset <= found);
            }
            other => panic!("cut at {len}: {other}"),
        }
    }
}

#[test]
fn bytes_behind_the_trailer_are_refused() {
    for extra in [&b"\0"[..], b"more", &[0; 4096]] {
        let bytes = [&sample_file(), extra].concat();
        let error = expect_refusal(&bytes, "appended");
        assert!(error.to_string().contains("follow the trailer"), "{error}");
    }
}

/// Start and end of every block of the sample.
fn blocks(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut reader = FileReader::new(bytes, "sample").unwrap();
    let mut found = Vec::new();
    let mut start = reader.position().offset() as usize;
    while reader.next_block().unwrap().is_some() {
        let end = reader.position().offset() as usize;
        found.push(start..end);
        start = end;
    }
    found
}

#[test]
fn a_block_missing_repeated_or_moved_is_found() {
    let whole = sample_file();
    let blocks = blocks(&whole);
    assert!(
        blocks.len() > 6,
        "the sample has several blocks: {blocks:?}"
    );
    for (n, block) in blocks.iter().enumerate() {
        let missing = [&whole[..block.start], &whole[block.end..]].concat();
        expect_refusal(&missing, &format!("without block {n}"));
        let repeated = [&whole[..block.end], &whole[block.start..]].concat();
        expect_refusal(&repeated, &format!("with block {n} twice"));
        if let Some(next) = blocks.get(n + 1) {
            let swapped = [
                &whole[..block.start],
                &whole[next.clone()],
                &whole[block.clone()],
                &whole[next.end..],
            ]
            .concat();
            expect_refusal(&swapped, &format!("with block {n} behind the next"));
        }
    }
}

#[test]
fn a_block_of_another_file_is_found() {
    let whole = sample_file();
    let other = write(Meta { id: 99, ..meta() }, &sample(), support::SAMPLE_BLOCK).0;
    for (n, block) in blocks(&whole).iter().enumerate() {
        let mut mixed = whole.clone();
        mixed[block.clone()].copy_from_slice(&other[block.clone()]);
        expect_refusal(&mixed, &format!("with block {n} of another file"));
    }
}

#[test]
fn other_files_are_named_as_such() {
    for bytes in [&b"#!/bin/sh\n"[..], &[0; 200], b"x", b"SQLite format 3\0"] {
        let error = read(bytes).1.unwrap_err();
        assert!(matches!(error, Error::NotASnapshot { .. }), "{error}");
    }
    let error = read(b"").1.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Truncated {
                offset: 0,
                found: 0,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_reader_that_failed_stays_failed() {
    let mut bytes = sample_file();
    bytes[140] ^= 1;
    let mut reader = FileReader::new(bytes.as_slice(), "sample").unwrap();
    assert!(matches!(reader.next_block(), Err(Error::Damaged { .. })));
    assert!(matches!(reader.next_block(), Err(Error::Failed { .. })));
}

#[test]
fn an_error_names_file_offset_and_block() {
    let whole = sample_file();
    let third = blocks(&whole)[2].clone();
    let mut bytes = whole;
    bytes[third.end - 1] ^= 0x10;
    let error = expect_refusal(&bytes, "third block");
    let text = error.to_string();
    assert!(text.contains("sample"), "{text}");
    assert!(text.contains(&format!("offset {}", third.start)), "{text}");
    assert!(text.contains("block 2"), "{text}");
}

#[test]
fn misuse_of_the_writer_leaves_it_usable() {
    let mut writer = snapshot::FileWriter::new(Vec::new(), "sample", meta()).unwrap();
    assert!(matches!(
        writer.put(b"k", b"v"),
        Err(Error::NoSection { .. })
    ));
    writer.begin(Section::Tree).unwrap();
    assert!(matches!(
        writer.begin(Section::Tree),
        Err(Error::SectionTwice { .. })
    ));
    let long = vec![0; snapshot::format::KEY_MAX + 1];
    assert!(matches!(
        writer.put(&long, b""),
        Err(Error::TooLarge { what: "key", .. })
    ));
    let long = vec![0; snapshot::format::VALUE_MAX + 1];
    assert!(matches!(
        writer.put(b"", &long),
        Err(Error::TooLarge { what: "value", .. })
    ));
    writer.put(b"k", b"v").unwrap();
    writer.begin(Section::Meta).unwrap();
    assert!(matches!(
        writer.begin(Section::Tree),
        Err(Error::SectionTwice { .. })
    ));
    let (bytes, summary) = writer.finish().unwrap();
    assert_eq!(summary.pairs(), 1);
    assert_eq!(
        FileReader::new(bytes.as_slice(), "sample")
            .unwrap()
            .verify()
            .unwrap(),
        summary
    );
}
