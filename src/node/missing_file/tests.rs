//! The list: what it names, what damage leaves of it, and what a power loss does.

use storage::judge::Fault;
use wal::fs::sim::SimFs;

use super::*;

fn table(number: u64, unique_id: Option<[u64; 2]>) -> Table {
    Table {
        family: "events".to_owned(),
        number,
        level: 0,
        bytes: 1,
        smallest: Vec::new(),
        largest: Vec::new(),
        unique_id,
    }
}

/// A store in which these tables have these faults.
fn hurt(tables: Vec<(Table, Reason)>) -> Inventory {
    let fault = |(table, reason): (Table, Reason)| Fault {
        path: PathBuf::new(),
        offset: None,
        table: Some(Box::new(table)),
        reason,
    };
    Inventory {
        manifest: String::new(),
        families: Vec::new(),
        tables: Vec::new(),
        last_sequence: 0,
        torn: None,
        leftovers: Vec::new(),
        strays: Vec::new(),
        faults: tables.into_iter().map(fault).collect(),
    }
}

#[test]
fn it_names_the_tables_that_are_missing_and_no_other_of_their_number() {
    let (fs, data_dir) = (SimFs::new(1), Path::new("/data"));
    fs.create_dir_all(data_dir).expect("made");
    let keep = |inventory: &Inventory| {
        let known = read(&fs, data_dir).expect("readable");
        super::keep(&fs, data_dir, &known, inventory).expect("written");
        read(&fs, data_dir).expect("readable")
    };
    let own = table(12, Some([1, 2]));
    let known = keep(&hurt(vec![
        (own.clone(), Reason::Missing),
        (table(13, Some([1, 3])), Reason::Session),
        (table(14, None), Reason::Missing),
    ]));
    assert!(known.names(&own));
    for other in [
        table(12, Some([1, 3])),
        table(12, None),
        table(13, Some([1, 3])),
        table(14, None),
        table(15, Some([1, 2])),
    ] {
        assert!(!known.names(&other), "{other:?}");
    }
    let known = keep(&hurt(vec![(table(20, Some([9, 9])), Reason::Missing)]));
    assert!(!known.names(&own) && known.names(&table(20, Some([9, 9]))));
    assert_eq!(keep(&hurt(Vec::new())), MissingTables::default());
    assert!(!fs.exists(&path(data_dir)).expect("known"));
}

#[test]
fn what_is_written_is_read_and_every_flipped_bit_and_every_cut_is_nothing() {
    let tables = BTreeSet::from([(12, [1, u64::MAX]), (7, [3, 4])]);
    let bytes = encode(&tables).into_bytes();
    assert_eq!(decode(&bytes), Some(tables));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&flipped), None, "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert_eq!(decode(&bytes[..length]), None, "length {length}");
    }
}

/// At every operation the machine stops: what is read afterwards is one of the two lists.
#[test]
fn a_power_loss_leaves_the_old_list_or_the_new_one() {
    let data_dir = Path::new("/data");
    let (old, new) = (table(12, Some([1, 2])), table(20, Some([9, 9])));
    let missing = |table: &Table| hurt(vec![(table.clone(), Reason::Missing)]);
    for seed in 0..10 {
        for step in 1..20 {
            let disk = SimFs::new(seed);
            disk.create_dir_all(data_dir).expect("made");
            disk.sync_dir(Path::new("/")).expect("synced");
            keep(&disk, data_dir, &MissingTables::default(), &missing(&old)).expect("written");
            let known = read(&disk, data_dir).expect("readable");
            disk.stop_at(step);
            let done = keep(&disk, data_dir, &known, &missing(&new)).is_ok();
            disk.heal();
            disk.power_loss(seed * 100 + step);
            let known = read(&disk, data_dir).expect("readable");
            let (had, has) = (known.names(&old), known.names(&new));
            assert!(
                has != had && (has || !done),
                "seed {seed} step {step}: {known:?}"
            );
        }
    }
}

#[test]
fn mutated_lists_are_read_as_written_or_not_at_all() {
    let tables = BTreeSet::from([(12, [1, 2]), (u64::MAX, [u64::MAX, 0])]);
    let mend = |bytes: &mut Vec<u8>| {
        let last = bytes.windows(7).rposition(|line| line == b"\ncheck ");
        if let Some(at) = last {
            bytes.truncate(at + 1);
            let check = crc32fast::hash(bytes);
            bytes.extend_from_slice(format!("check {check:08x}\n").as_bytes());
        }
    };
    fuzz::Campaign::new("missing tables")
        .corpus([
            encode(&tables).into_bytes(),
            encode(&BTreeSet::new()).into_bytes(),
        ])
        .words(&[b"table ", b"\n", b"18446744073709551616", b"+1", b" "])
        .mend(mend)
        .memory(64 << 10, 64)
        .run(|bytes| {
            let Some(tables) = decode(bytes) else {
                return false;
            };
            assert_eq!(encode(&tables).as_bytes(), bytes);
            true
        });
}
