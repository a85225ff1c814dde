//! What reads RocksDB's files before RocksDB does, under mutated bytes: records of a MANIFEST, blocks and
//! footers of tables, and whole directories. No bytes in any file may make it panic or take memory without bound.

use std::fs;
use std::path::Path;

use fuzz::Campaign;

use super::block;
use super::counted_file::{CountedFile, Effort};
use super::edit::Edit;
use super::footer::{FOOTER, Footer};
use super::framing::{BLOCK, HEADER, masked};
use super::records::{ManifestItem, Records};
use super::{StoreJudgement, judge};
use crate::{KeyPath, Operation, StoreOptions};

/// A store with a few tables in this directory; the names of its MANIFEST and of one table.
fn store(path: &Path) -> (String, String) {
    let options = StoreOptions {
        memtable_bytes: 1 << 20,
        ..StoreOptions::default()
    };
    let (store, mut writer) = crate::open(path, options).expect("opens");
    for index in 1..=3 {
        let operation = Operation::Delete {
            path: KeyPath::new(format!("/{index}")).expect("a path"),
            dir: false,
            recursive: false,
        };
        let mut batch = writer.batch();
        batch.apply_one(index, 0, &operation).expect("applies");
        batch.commit().expect("commits");
        store.flush().expect("flushes");
    }
    drop((writer, store));
    let current = fs::read_to_string(path.join("CURRENT")).expect("readable");
    let names = fs::read_dir(path).expect("listed");
    let mut names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let table = names.find(|name| name.ends_with(".sst"));
    (current.trim_end().to_owned(), table.expect("a table"))
}

/// The content of every record of a MANIFEST.
fn edits(path: &Path) -> Vec<Vec<u8>> {
    let size = fs::metadata(path).expect("there").len();
    let mut effort = Effort::default();
    let source = CountedFile::open(path, &mut effort).expect("opens");
    let Ok(mut records) = Records::new(path, size, source) else {
        panic!("not readable");
    };
    let mut found = Vec::new();
    while let Ok(ManifestItem::Record { content, .. }) = records.advance() {
        found.push(content.to_vec());
    }
    found
}

/// Puts the checksums of a MANIFEST right, as far as the lengths lead.
#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend(bytes: &mut Vec<u8>) {
    let mut at = 0;
    loop {
        if BLOCK - at % BLOCK < HEADER {
            at = at.next_multiple_of(BLOCK);
        }
        let Some(header) = bytes.get(at..at + HEADER) else {
            return;
        };
        let end = at + HEADER + usize::from(u16::from_le_bytes([header[4], header[5]]));
        let Some(summed) = bytes.get(at + 6..end) else {
            return;
        };
        let sum = masked(crc32c::crc32c(summed));
        bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}

#[test]
fn records_of_a_manifest() {
    let home = tempfile::tempdir().expect("a directory");
    let (manifest, _) = store(home.path());
    let edits = edits(&home.path().join(manifest));
    assert!(edits.len() > 5, "{} records", edits.len());
    Campaign::new("manifest edit")
        .corpus(edits)
        .words(&[
            b"\xff\xff\xff\xff\x0f",
            b"\x80\x80\x01",
            b"\x67",
            b"\xac\x02",
        ])
        // A table is some hundred bytes in memory.
        .memory(64 << 10, 128)
        .run(|bytes| Edit::decode(bytes).is_ok());
}

#[test]
fn blocks_and_footers_of_a_table() {
    let home = tempfile::tempdir().expect("a directory");
    let (_, table) = store(home.path());
    let content = fs::read(home.path().join(table)).expect("readable");
    let footer = content[content.len() - FOOTER..].to_vec();
    Campaign::new("table footer")
        .corpus([footer])
        .memory(16 << 10, 16)
        .run(|bytes| {
            let Some(footer) = bytes.first_chunk::<FOOTER>() else {
                return false;
            };
            let offset = (content.len() - FOOTER) as u64;
            Footer::decode(footer, offset, &mut Effort::default()).is_ok()
        });
    // Rows that share the beginning of their keys.
    let block = b"\x00\x03\x02keyv1\x02\x01\x02zv2".to_vec();
    Campaign::new("table block")
        .corpus([block])
        .memory(16 << 10, 64)
        .run(|bytes| {
            let mut rows = 0;
            let read = block::each(bytes, |_, _| rows += 1);
            assert!(rows <= bytes.len());
            read.is_some()
        });
}

/// A directory of a store whose file `name` holds other bytes each time.
fn judged(name: &str, home: &Path, mend: Option<fn(&mut Vec<u8>)>, campaign: &'static str) {
    let path = home.join(name);
    let content = fs::read(&path).expect("readable");
    let mut campaign = Campaign::new(campaign)
        .corpus([content.clone()])
        .share(10)
        .memory(4 << 20, 128);
    if let Some(mend) = mend {
        campaign = campaign.mend(mend);
    }
    campaign.run(|bytes| {
        fs::write(&path, bytes).expect("written");
        matches!(judge(home), Ok(StoreJudgement::Store(_)))
    });
    fs::write(&path, content).expect("written");
}

#[test]
fn whole_directories() {
    let home = tempfile::tempdir().expect("a directory");
    let (manifest, table) = store(home.path());
    judged("CURRENT", home.path(), None, "store current");
    judged(&table, home.path(), None, "store table");
    judged(&manifest, home.path(), Some(mend), "store manifest");
}
