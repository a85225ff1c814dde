//! Live tables that are missing, cut, damaged, or another table under their name.

use storage::judge::{Fault, Inventory, Reason, Table};

use crate::support::{Home, Random, wide, widen, write};

/// Many tables, of several sessions.
fn store() -> (Home, Inventory) {
    let home = Home::new();
    write(home.path(), 3, 20, false);
    widen(home.path(), 45, 20);
    widen(home.path(), 5, 20);
    let inventory = home.inventory();
    assert!(inventory.tables.len() > 50 && inventory.faults.is_empty());
    (home, inventory)
}

/// The only fault is in this table, and everything else is as it was.
fn fault(home: &Home, inventory: &Inventory, table: &Table) -> Fault {
    let before = home.fingerprint();
    let mut found = home.inventory();
    assert!(before == home.fingerprint(), "the judgement left a trace");
    let faults = std::mem::take(&mut found.faults);
    assert_eq!(found, *inventory);
    let [fault] = &faults[..] else {
        panic!("{faults:?}");
    };
    assert_eq!(fault.path, home.file(&table.file_name()));
    assert_eq!(fault.table.as_deref(), Some(table));
    let message = fault.to_string();
    let level = format!("column family {}, level {}", table.family, table.level);
    assert!(message.contains(&level), "{message}");
    fault.clone()
}

#[test]
fn every_table_missing_emptied_or_cut_or_longer() {
    let (home, inventory) = store();
    for table in &inventory.tables {
        let name = table.file_name();
        let content = home.read(&name);
        home.remove(&name);
        assert_eq!(fault(&home, &inventory, table).reason, Reason::Missing);
        let longer = [&content[..], b"x"].concat();
        for other in [&content[..0], &content[..content.len() - 1], &longer] {
            home.write(&name, other);
            let size = Reason::Size {
                expected: table.bytes,
                found: other.len() as u64,
            };
            assert_eq!(fault(&home, &inventory, table).reason, size);
        }
        home.write(&name, &content);
    }
    assert_eq!(home.inventory(), inventory);
}

#[test]
fn every_table_replaced_by_another_of_the_same_store() {
    let (home, inventory) = store();
    let mut by_number = 0;
    for table in &inventory.tables {
        let content = home.read(&table.file_name());
        let twin = |other: &&Table| other.bytes == table.bytes && other.number != table.number;
        let mut others: Vec<_> = inventory.tables.iter().filter(twin).take(2).collect();
        others.extend(
            inventory
                .tables
                .iter()
                .find(|other| other.bytes != table.bytes),
        );
        for other in others {
            home.write(&table.file_name(), &home.read(&other.file_name()));
            let reason = fault(&home, &inventory, table).reason;
            if other.bytes == table.bytes {
                by_number += 1;
                let found = other.number;
                assert_eq!(reason, Reason::Number { found });
            } else {
                assert!(matches!(reason, Reason::Size { .. }), "{reason}");
            }
        }
        home.write(&table.file_name(), &content);
    }
    assert!(by_number > 50, "{by_number}");
}

#[test]
fn every_table_replaced_by_that_of_a_diverged_copy() {
    let home = wide(2, 20);
    let copy = home.copy();
    widen(home.path(), 45, 20);
    widen(copy.path(), 45, 20);
    let inventory = home.inventory();
    let others = copy.inventory();
    let mut by_session = 0;
    for table in &inventory.tables {
        let name = table.file_name();
        let content = home.read(&name);
        home.write(&name, &copy.read(&name));
        let common = others.tables.contains(table);
        if common {
            assert_eq!(home.inventory(), inventory, "written before the copy");
        } else {
            by_session += 1;
            assert_eq!(fault(&home, &inventory, table).reason, Reason::Session);
        }
        home.write(&name, &content);
    }
    assert_eq!(by_session, 45);
}

#[test]
fn every_bit_of_a_footer_and_of_what_it_leads_to() {
    let mut random = Random::new();
    let home = wide(1, 20);
    let inventory = home.inventory();
    assert_eq!(inventory.tables.len(), 2);
    for table in &inventory.tables {
        let name = table.file_name();
        let content = home.read(&name);
        let described = content
            .windows(8)
            .position(|window| window == b"rocksdb.")
            .expect("properties have names");
        let footer = content.len() - 53;
        let bits = footer * 8..content.len() * 8;
        let sampled = (described..footer).map(|byte| byte * 8 + random.below(8) as usize);
        for bit in bits.chain(sampled) {
            let mut flipped = content.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            home.write(&name, &flipped);
            let faults = home.inventory().faults;
            let [fault] = &faults[..] else {
                panic!("bit {bit}: {faults:?}");
            };
            assert!(matches!(fault.reason, Reason::Content(_)), "{fault}");
            assert!(fault.offset.is_some(), "{fault}");
        }
        home.write(&name, &content);
    }
    assert_eq!(home.inventory(), inventory);
}

/// Whatever a table holds, the judgement ends and does not panic.
#[test]
fn random_bytes_under_the_name_of_a_table() {
    let mut random = Random::new();
    let home = wide(1, 20);
    let inventory = home.inventory();
    let table = inventory.tables.last().expect("there");
    let content = home.read(&table.file_name());
    for _ in 0..500 {
        let mut garbled = content.clone();
        let start = random.below(garbled.len() as u64) as usize;
        let kept = random.below(60) as usize;
        let end = garbled.len().saturating_sub(kept).max(start);
        garbled[start..end].fill_with(|| random.below(256) as u8);
        home.write(&table.file_name(), &garbled);
        let found = home.inventory();
        assert_eq!(found.tables, inventory.tables);
    }
}
