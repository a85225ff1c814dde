//! What goes in comes out: any content, any size of blocks, read in pieces of any size, from the
//! beginning or from any block on.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::io::{self, Read};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use snapshot::{FileReader, Hash, Meta, Section};
use support::{Content, write};

/// Delivers a few bytes at a time, as a socket does, and is interrupted now and then.
struct Trickle<'a> {
    bytes: &'a [u8],
    step: usize,
    calls: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = buffer.len().min(self.step);
        self.bytes.read(&mut buffer[..count])
    }
}

fn cases() -> u32 {
    std::env::var("SNAPSHOT_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(200)
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max)
}

fn content() -> impl Strategy<Value = Vec<Content>> {
    let pairs = || prop::collection::vec((bytes(40), bytes(200)), 0..30);
    (
        Just(Section::ALL.to_vec()).prop_shuffle(),
        prop::collection::vec(pairs(), 0..=5),
    )
        .prop_map(|(sections, pairs)| sections.into_iter().zip(pairs).collect())
}

fn meta() -> impl Strategy<Value = Meta> {
    (any::<[u64; 6]>(), bytes(33)).prop_map(|(n, hash)| Meta {
        id: n[0],
        cluster: n[1],
        member: n[2],
        revision: n[3],
        term: n[4],
        index: n[5],
        hash: Hash::new(&hash).unwrap(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_content_comes_back(
        meta in meta(),
        content in content(),
        block_bytes in 0_usize..2_000,
        step in 1_usize..300,
    ) {
        let (file, written) = write(meta, &content, block_bytes);
        let (back, ended) = support::read(&file);
        prop_assert_eq!(ended.unwrap(), meta);
        prop_assert_eq!(&back, &content);

        let trickle = Trickle { bytes: &file, step, calls: 0 };
        let summary = FileReader::new(trickle, "trickle").unwrap().verify().unwrap();
        prop_assert_eq!(&summary, &written);
        prop_assert_eq!(summary.file_len, file.len() as u64);
    }

    #[test]
    fn a_reader_goes_on_where_another_stood(content in content(), block_bytes in 0_usize..500) {
        let meta = Meta { id: 5, ..Meta::default() };
        let (file, written) = write(meta, &content, block_bytes);
        let mut first = FileReader::new(file.as_slice(), "first").unwrap();
        loop {
            let position = first.position().clone();
            let rest = &file[position.offset() as usize..];
            let second = FileReader::resume(rest, "second", meta, position);
            prop_assert_eq!(&second.verify().unwrap(), &written);
            if first.next_block().unwrap().is_none() {
                break;
            }
        }
    }
}

#[test]
fn a_resumed_reader_notices_another_file() {
    let content = support::sample();
    let other = write(
        Meta {
            id: 1,
            ..support::meta()
        },
        &content,
        64,
    )
    .0;
    let whole = support::sample_file();
    let mut first = FileReader::new(whole.as_slice(), "first").unwrap();
    first.next_block().unwrap();
    let position = first.position().clone();
    let rest = &other[position.offset() as usize..];
    assert!(
        FileReader::resume(rest, "second", support::meta(), position)
            .verify()
            .is_err()
    );
}

#[test]
fn the_largest_pair_fits() {
    let key = vec![7; snapshot::format::KEY_MAX];
    let value = vec![9; snapshot::format::VALUE_MAX];
    let content = vec![(
        Section::Tree,
        vec![(b"a".to_vec(), vec![1]), (key, value), (vec![], vec![])],
    )];
    let (file, summary) = write(Meta::default(), &content, snapshot::BLOCK_BYTES);
    assert_eq!(summary.blocks(), 3);
    assert!(support::read(&file).0 == content);
}
