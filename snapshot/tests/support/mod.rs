//! What the tests of this crate share: a small file that holds every shape of content, and how to
//! read one whole.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed
#![allow(dead_code)] // each test program uses its own part

use snapshot::{Error, FileReader, FileWriter, Hash, Meta, Section, Summary};
use wal::fs::sim::SplitMix64;

/// The content of one section.
pub(crate) type Content = (Section, Vec<(Vec<u8>, Vec<u8>)>);

/// The header of the sample.
pub(crate) fn meta() -> Meta {
    Meta {
        id: 0x0102_0304_0506_0708,
        cluster: 0x1112_1314_1516_1718,
        member: 0x2122_2324_2526_2728,
        revision: 1_000,
        term: 3,
        index: 1_234,
        hash: Hash::new(b"sixteen bytes...").unwrap(),
    }
}

/// Empty keys, empty values, an empty section, several blocks in one section, a pair larger than a
/// block.
pub(crate) fn sample() -> Vec<Content> {
    let pair = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    let tree = (0..9)
        .map(|n| pair(&format!("/dir/key-{n}"), &"v".repeat(n * 3)))
        .collect();
    vec![
        (Section::Meta, vec![pair("floor", "17"), pair("", "")]),
        (Section::Tree, tree),
        (Section::Auth, vec![]),
        (
            Section::History,
            vec![pair("a", &"long ".repeat(40)), pair("b", "\0\u{ff}")],
        ),
    ]
}

/// Blocks of this many bytes make the sample small and still give it several blocks for a section.
pub(crate) const SAMPLE_BLOCK: usize = 64;

/// A file with this content.
pub(crate) fn write(meta: Meta, content: &[Content], block_bytes: usize) -> (Vec<u8>, Summary) {
    let mut writer = FileWriter::new(Vec::new(), "sample", meta)
        .unwrap()
        .with_block_bytes(block_bytes);
    for (section, pairs) in content {
        writer.begin(*section).unwrap();
        for (key, value) in pairs {
            writer.put(key, value).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// The sample as a file.
pub(crate) fn sample_file() -> Vec<u8> {
    write(meta(), &sample(), SAMPLE_BLOCK).0
}

/// What a reader handed out, and how it ended.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Content>, Result<Meta, Error>) {
    let mut content: Vec<Content> = Vec::new();
    let ended = (|| {
        let mut reader = FileReader::new(bytes, "sample")?;
        let meta = *reader.meta();
        while let Some(block) = reader.next_block()? {
            if content
                .last()
                .is_none_or(|(section, _)| *section != block.section())
            {
                content.push((block.section(), Vec::new()));
            }
            let (_, pairs) = content.last_mut().unwrap();
            pairs.extend(
                block
                    .pairs()
                    .map(|(key, value)| (key.to_vec(), value.to_vec())),
            );
        }
        assert!(reader.next_block()?.is_none(), "the end is the end");
        Ok(meta)
    })();
    (content, ended)
}

/// Whether `part` is what a reader of `whole` had handed out at some block boundary.
pub(crate) fn is_prefix(part: &[Content], whole: &[Content]) -> bool {
    let flat = |content: &[Content]| -> Vec<_> {
        content
            .iter()
            .flat_map(|(section, pairs)| {
                std::iter::once((*section, None))
                    .chain(pairs.iter().cloned().map(|pair| (*section, Some(pair))))
            })
            .collect()
    };
    flat(whole).starts_with(&flat(part))
}

/// The seeds of a randomised test: one when `SNAPSHOT_SEED` names it, else as many as
/// `SNAPSHOT_CASES` or `default` says.
pub(crate) fn seeds(default: u64) -> Vec<u64> {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    match number("SNAPSHOT_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SNAPSHOT_CASES").unwrap_or(default)).collect(),
    }
}

/// Runs `test` for every seed; a failure says how to repeat it.
pub(crate) fn for_seeds(default: u64, test: impl Fn(u64, &mut SplitMix64)) {
    for seed in seeds(default) {
        let replay = Replay(seed);
        test(seed, &mut SplitMix64::new(seed));
        drop(replay);
    }
}

struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            eprintln!("replay: SNAPSHOT_SEED={seed} cargo test -p snapshot");
        }
    }
}
