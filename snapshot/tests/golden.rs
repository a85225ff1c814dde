//! Format version 1, byte for byte: what an old release wrote is read, and what is written is what
//! it wrote.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use snapshot::FileReader;
use support::{SAMPLE_BLOCK, meta, read, sample, sample_file, write};

const VERSION_1: &str = include_str!("golden/version-1.hex");

fn golden() -> Vec<u8> {
    let digits: Vec<u8> = VERSION_1
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| {
        line.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    bytes.chunks(32).map(|chunk| line(chunk) + "\n").collect()
}

#[test]
fn version_1_is_written_as_ever() {
    assert_eq!(
        hex(&sample_file()),
        VERSION_1,
        "a changed byte needs a new format version"
    );
}

#[test]
fn version_1_is_read() {
    let (content, ended) = read(&golden());
    assert_eq!(ended.unwrap(), meta());
    assert_eq!(content, sample());
}

#[test]
fn the_summary_tells_what_is_inside() {
    let summary = FileReader::new(golden().as_slice(), "golden")
        .unwrap()
        .verify()
        .unwrap();
    assert_eq!(summary, write(meta(), &sample(), SAMPLE_BLOCK).1);
    assert_eq!(summary.meta.hash.as_bytes(), b"sixteen bytes...");
    assert_eq!(summary.file_len, golden().len() as u64);
    let counted: Vec<_> = summary
        .sections
        .iter()
        .map(|s| (s.id, s.required, s.pairs))
        .collect();
    assert_eq!(
        counted,
        [(5, true, 2), (1, true, 9), (4, true, 0), (2, false, 2)]
    );
    assert_eq!(summary.pairs(), 13);
    let auth = summary.sections[2];
    assert_eq!(
        (auth.blocks, auth.bytes),
        (1, 0),
        "an empty section is in the file"
    );
}
