//! Stores with nothing wrong, and what a kill leaves in them.

use std::collections::BTreeMap;
use std::time::Instant;

use storage::judge::{Inventory, Leftover, StoreJudgement};

use crate::agreement::rocksdb_agrees;
use crate::support::{FAMILIES, Home, wide, widen, write};

fn sound(home: &Home) {
    let before = home.fingerprint();
    let inventory = home.inventory();
    assert_eq!(inventory.faults, []);
    assert_eq!(inventory.torn, None);
    // To close a store interrupts its compactions.
    let table = |left: &Leftover| left.name.ends_with(".sst");
    assert!(inventory.leftovers.iter().all(table), "{inventory:?}");
    assert_eq!(inventory.manifest, home.manifest());
    let logs = home
        .names()
        .into_iter()
        .filter(|name| name.ends_with(".log"));
    logs.for_each(|name| assert_eq!(home.read(&name), b"", "{name}"));
    let mut families = FAMILIES.map(str::to_owned);
    families.sort();
    assert_eq!(inventory.families, families);
    rocksdb_agrees(&home.copy(), &inventory);
    assert!(before == home.fingerprint(), "the judgement left a trace");
}

#[test]
fn a_new_store_and_one_after_flushes_and_compactions() {
    let home = Home::new();
    write(home.path(), 0, 0, false);
    sound(&home);
    assert_eq!(home.inventory().tables.len(), 1, "the format row");
    write(home.path(), 12, 40, false);
    sound(&home);
    write(home.path(), 3, 40, true);
    sound(&home);
    // A snapshot of the live tables begins the next MANIFEST.
    write(home.path(), 0, 0, false);
    sound(&home);
}

#[test]
fn a_store_with_many_tables_and_records_that_cross_blocks() {
    let home = wide(60, 1500);
    sound(&home);
    assert!(home.inventory().tables.len() > 40);
    widen(home.path(), 10, 100);
    sound(&home);
}

#[test]
fn a_store_of_two_hundred_tables_takes_three_reads_for_each() {
    let home = wide(200, 100);
    let begun = Instant::now();
    let (judgement, effort) = home.judge_with_effort();
    let took = begun.elapsed();
    let StoreJudgement::Store(inventory) = judgement else {
        panic!("{judgement:?}")
    };
    let tables = inventory.tables.len() as u64;
    println!("{tables} tables judged in {took:?}: {effort:?}");
    assert_eq!(inventory.faults, []);
    let manifest = home.read(&home.manifest()).len() as u64;
    assert!(
        effort.reads <= 3 * tables + 2 * (manifest / (32 << 10) + 3),
        "{effort:?}"
    );
    assert!(
        effort.bytes_read <= 4096 * tables + manifest + 64,
        "{effort:?}"
    );
}

#[test]
fn the_unique_id_holds_session_and_number() {
    let home = wide(5, 10);
    widen(home.path(), 5, 10);
    // That no table is at fault says that the first word is the session's lower half.
    let inventory = home.inventory();
    assert_eq!(inventory.faults, []);
    let mut hashes: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for table in &inventory.tables {
        let [session, hash] = table.unique_id.expect("every table has one");
        hashes.entry(session).or_default().push(hash ^ table.number);
    }
    assert_eq!(hashes.len(), 3, "one for each opening");
    for (_, hashes) in hashes {
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    }
}

#[test]
fn what_a_kill_leaves_is_listed_and_no_fault() {
    let home = Home::new();
    write(home.path(), 2, 20, false);
    let inventory = home.inventory();
    let table = &inventory.tables[0];
    let content = home.read(&table.file_name());
    let size = content.len() as u64;
    home.write("000900.sst", &content);
    home.write("000901.sst", &content[..content.len() / 2]);
    home.write("000902.sst", b"");
    home.write("000903.dbtmp", b"MANIFEST-000903\n");
    home.write("MANIFEST-000904", &home.read(&inventory.manifest)[..100]);
    let left = home.inventory();
    let nothing_known = |name: &str, bytes| Leftover {
        name: name.to_owned(),
        bytes,
        last_sequence: None,
    };
    // They sort behind what an interrupted compaction may have left.
    let others = left.leftovers.split_at(inventory.leftovers.len()).1;
    let complete = &others[0];
    assert_eq!((&complete.name[..], complete.bytes), ("000900.sst", size));
    let last = complete.last_sequence.expect("a complete table says so");
    assert!((1..=inventory.last_sequence).contains(&last), "{last}");
    let wanted = [
        nothing_known("000901.sst", size / 2),
        nothing_known("000902.sst", 0),
        nothing_known("000903.dbtmp", 16),
        nothing_known("MANIFEST-000904", 100),
    ];
    assert_eq!(others[1..], wanted);
    rocksdb_agrees(&home.copy(), &left);
    let without = Inventory {
        leftovers: inventory.leftovers.clone(),
        ..left
    };
    assert_eq!(without, inventory);
}
