//! Every part of a table of every family, hurt once: what opens, what can be read, what is told.

use std::path::Path;

use storage::{Damage, KeyPath, Mode};

use crate::support::{
    FILES, Part, Reads, Table, command, damage, history_rests, home, open, options, run,
};

const PARTS: [Part; 8] = [
    Part::Data,
    Part::Index,
    Part::Properties,
    Part::Footer,
    Part::Gone,
    Part::Half,
    Part::Empty,
    Part::Swapped,
];

fn check(told: &Damage, table: &Table, family: &str) {
    assert_eq!(told.file.as_deref(), Some(&*table.name()), "{told:?}");
    assert_eq!((told.column, told.level), (family, Some(0)), "{told:?}");
    assert_eq!(
        told.is_history(),
        ["versions", "events"].contains(&family),
        "{told:?}"
    );
    let range = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
    let last = format!("{:05}", FILES - 1);
    let expected = match family {
        "nodes" => range("/d", &format!("/d/{last}")),
        "versions" => range(
            "/d at revision 1",
            &format!("/d/{last} at revision {FILES}"),
        ),
        "events" => range("revision 1", &format!("revision {FILES}")),
        "expiry" => range(
            "/d/00000 due at 1000000 ns",
            &format!("/d/{last} due at {} ns", 1_000_000 + FILES - 1),
        ),
        _ => range("\"format\"", "\"state\""),
    };
    assert_eq!(told.range, expected);
    assert!(told.to_string().contains(&table.name()), "{told}");
}

/// The families in whose tables each kind of read finds the damage of `family`.
fn check_reads(home: &Path, mode: &Mode, table: &Table, family: &str) {
    let (store, _writer) = open(home, mode);
    let Reads {
        get,
        walk,
        past,
        events,
        history,
    } = Reads::of(&store.lease().expect("open"));
    // The present is in nodes, the past in versions and in what has not changed since.
    let touched = match family {
        "nodes" => [true, true, false, false, false],
        "versions" => [false, false, true, true, true],
        "events" => [false, false, false, true, false],
        _ => [false; 5],
    };
    let met = [get, walk, past, events, history];
    for (met, touched) in met.iter().zip(touched) {
        // A view of the past looks at the present node first.
        if family != "nodes" {
            assert_eq!(met.is_some(), touched, "{family}: {met:?}");
        } else if touched {
            assert!(met.is_some(), "{family} was read past its damage");
        }
        if let Some(told) = met {
            check(told, table, family);
        }
    }
    assert_eq!(store.revision(), FILES);
    assert!(store.get(&KeyPath::root()).expect("readable").0.is_ok());
}

#[test]
fn reads_that_touch_the_damage_say_where_and_all_others_go_on() {
    for family in ["nodes", "versions", "events", "expiry"] {
        for part in PARTS {
            let home = home();
            let table = Table::of(home.path(), family);
            table.hurt(part);
            // Data blocks are read when they are wanted, all else when a table is opened; the
            // earliest deadline is looked up at opening.
            let strict = part == Part::Data && family != "expiry";
            let rests = strict || ["versions", "events"].contains(&family);
            for (mode, opens) in [
                (Mode::Normal, strict),
                (history_rests(), rests),
                (Mode::ReadOnly, true),
            ] {
                println!("{family}, {part:?}, {mode:?}");
                if opens {
                    check_reads(home.path(), &mode, &table, family);
                } else {
                    let error = storage::open_with(home.path(), options(), &mode)
                        .expect_err("a table that cannot be opened");
                    check(&damage(error), &table, family);
                }
            }
        }
    }
}

/// RocksDB says of some of these only which MANIFEST names the table.
#[test]
fn zeros_in_the_properties_are_damage_of_the_table() {
    for family in ["nodes", "versions", "events"] {
        for (from, count) in [
            (0, 1),
            (0, 64),
            (0, 512),
            (1, 18),
            (30, 200),
            (100, 8),
            (300, 512),
        ] {
            println!("{family}, {count} zeros from {from}");
            let home = home();
            let table = Table::of(home.path(), family);
            table.hurt(Part::Zeroed(from, count));
            let error = storage::open_with(home.path(), options(), &Mode::Normal)
                .expect_err("a table that cannot be opened");
            check(&damage(error), &table, family);
            let (store, _writer) = open(home.path(), &Mode::ReadOnly);
            let reads = Reads::of(&store.lease().expect("open"));
            let met = reads.get.or(reads.history).or(reads.events);
            // A read may be told no more than that, at the key that it looked for.
            assert_eq!(met.expect("it is met").column, family);
            drop((store, _writer));
            match storage::open_with(home.path(), options(), &history_rests()) {
                Err(error) => check(&damage(error), &table, "nodes"),
                Ok((_, mut writer)) => {
                    assert_ne!(family, "nodes", "it was passed over");
                    run(&mut writer, &command(1)).expect("applies");
                }
            }
        }
    }
}

/// A lenient opening passes over every table that cannot be opened, so none may be hurt beside those that rest.
#[test]
fn damage_elsewhere_is_not_passed_over_for_a_family_that_rests() {
    for part in PARTS.into_iter().filter(|part| *part != Part::Data) {
        let home = home();
        let [events, table] = ["events", "nodes"].map(|family| Table::of(home.path(), family));
        events.hurt(Part::Zeroed(0, 64));
        table.hurt(part);
        let error = storage::open_with(home.path(), options(), &history_rests())
            .expect_err("the tree is hurt");
        check(&damage(error), &table, "nodes");
    }
}

#[test]
fn without_the_state_row_nothing_opens() {
    for part in PARTS {
        let home = home();
        let table = Table::of(home.path(), "default");
        table.hurt(part);
        for mode in [Mode::Normal, history_rests(), Mode::ReadOnly] {
            let error = storage::open_with(home.path(), options(), &mode).expect_err("no state");
            check(&damage(error), &table, "default");
        }
    }
}

#[test]
fn a_damaged_filter_hides_nothing() {
    let home = home();
    let table = Table::of(home.path(), "nodes");
    table.hurt(Part::Filter);
    let (store, _writer) = open(home.path(), &Mode::Normal);
    let reads = Reads::of(&store.lease().expect("open"));
    let nothing = Reads {
        get: None,
        walk: None,
        past: None,
        events: None,
        history: None,
    };
    assert_eq!(reads, nothing, "RocksDB reads on without the filter");
    let missing = KeyPath::new("/d/none").expect("canonical");
    assert!(store.get(&missing).expect("readable").0.is_err());
}

#[test]
fn a_manifest_that_is_gone_is_damage_of_everything() {
    let home = home();
    for entry in std::fs::read_dir(home.path()).expect("listed") {
        let file = entry.expect("listed").path();
        let name = file
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("MANIFEST-") {
            std::fs::remove_file(file).expect("removed");
        }
    }
    for mode in [Mode::Normal, history_rests(), Mode::ReadOnly] {
        let error = storage::open_with(home.path(), options(), &mode).expect_err("no list");
        let told = damage(error);
        assert_eq!((told.column, told.is_history()), ("all", false), "{told:?}");
        let file = told.file.expect("named");
        assert!(file.starts_with("MANIFEST-"), "{file}");
    }
}
