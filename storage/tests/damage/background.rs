//! Damage that a compaction meets, and the way around it.

use std::fs;
use std::path::{Path, PathBuf};

use storage::{Error, Mode, Store, Writer};

use crate::support::{
    FILES, PATIENCE, Part, Reads, Table, apply, command, damage, history_rests, home, open, run,
};

/// A store whose compaction of `versions` has met a damaged table.
fn met(home: &Path, part: Part) -> (Store, Writer, Table) {
    let table = Table::of(home, "versions");
    let (store, mut writer) = open(home, &Mode::Normal);
    table.hurt(part);
    assert_eq!(store.background_damage(), None);
    apply(&mut writer, FILES + 200).expect("applies");
    let told = damage(store.compact_tables().expect_err("damaged"));
    assert_eq!((told.file, told.column), (Some(table.name()), "versions"));
    (store, writer, table)
}

#[test]
fn a_compaction_that_meets_damage_ends_writing_and_a_reopening_brings_it_back() {
    let home = home();
    let (store, mut writer, table) = met(home.path(), Part::Data);
    // Everything that writes is refused, and says why.
    for error in [
        run(&mut writer, &command(1)).expect_err("read-only after a background error"),
        store
            .flush()
            .expect_err("read-only after a background error"),
    ] {
        assert_eq!(damage(error).file, Some(table.name()));
    }
    let error = run(&mut writer, &command(1)).expect_err("broken");
    assert!(matches!(error, Error::Aborted { .. }), "{error}");
    let told = store.background_damage().expect("heard");
    assert_eq!(
        (told.file.clone(), told.level),
        (Some(table.name()), Some(0))
    );
    assert!(told.is_history() && told.range.is_some(), "{told:?}");
    let shown = store.applied();
    assert_eq!(
        store.get(&crate::support::path(0)).expect("readable").1,
        shown.revision
    );

    let rest = Mode::WithoutCompaction(vec![told.column]);
    let applied = writer.reopen(&rest, PATIENCE).expect("reopens");
    assert_eq!(
        applied.index,
        FILES + 200,
        "the compaction flushed before it began"
    );
    writer.show().expect("has caught up");
    assert_eq!(store.applied(), shown);
    assert_eq!(store.background_damage(), None, "a new opening");

    // Far more flushes than would start a compaction, or slow writes down, or stop them.
    let flushes = 60;
    for round in 0..flushes {
        let last = writer.applied().index + 50;
        apply(&mut writer, last).expect("writes go on");
        store
            .flush()
            .unwrap_or_else(|error| panic!("flush {round}: {error}"));
    }
    assert_eq!(store.level0_files("versions"), Some(2 + flushes));
    let others = ["default", "nodes", "events", "expiry"];
    for family in others {
        let files = store.level0_files(family).expect("a family");
        assert!(
            files < 2 + flushes,
            "{family} is compacted as usual, {files} files"
        );
    }
    store
        .compact_tables()
        .expect("leaves the resting family alone");
    assert_eq!(store.level0_files("versions"), Some(2 + flushes));
    assert_eq!(store.background_damage(), None);
    let reads = Reads::of(&store.lease().expect("open"));
    assert_eq!((reads.get, reads.walk), (None, None));
    for met in [reads.past, reads.history, reads.events] {
        assert_eq!(met.expect("history is hurt").file, Some(table.name()));
    }
    drop((store, writer));
    // The next start opens around it as well.
    let (store, _writer) = open(home.path(), &history_rests());
    assert_eq!(store.level0_files("versions"), Some(2 + flushes));
}

#[test]
fn a_missing_table_of_history_is_opened_around_again_and_again() {
    let home = home();
    Table::of(home.path(), "versions").hurt(Part::Gone);
    let rest = Mode::WithoutCompaction(vec!["versions"]);
    let (store, mut writer) = open(home.path(), &rest);
    apply(&mut writer, FILES + 200).expect("applies");
    store.compact_tables().expect("versions rest");
    // The MANIFEST written meanwhile still names it.
    let told = damage(writer.reopen(&Mode::Normal, PATIENCE).expect_err("strict"));
    assert_eq!((told.column, told.level), ("versions", Some(0)));
    writer.reopen(&rest, PATIENCE).expect("around it");
    writer.show().expect("all was flushed");
    assert_eq!(store.revision(), FILES + 200);
    assert_eq!(store.background_damage(), None);
}

/// Directories with the names of the tables that come next.
fn take_names(home: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(home).expect("listed");
    let names = names.map(|entry| entry.expect("listed").file_name());
    let number = |name: std::ffi::OsString| {
        let digits: String = name
            .to_string_lossy()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        digits.parse::<u64>().unwrap_or(0)
    };
    let last = names.map(number).max().expect("there are files");
    let taken: Vec<PathBuf> = (last + 1..last + 100)
        .map(|number| home.join(format!("{number:06}.sst")))
        .collect();
    taken
        .iter()
        .try_for_each(fs::create_dir)
        .expect("nothing has these names");
    taken
}

#[test]
fn a_flush_that_fails_is_an_error_in_every_mode() {
    for (part, mode) in [
        (Part::Filter, Mode::Normal),
        (Part::Data, history_rests()),
        // Opened leniently: RocksDB itself would say nothing.
        (Part::Gone, history_rests()),
    ] {
        let here = tempfile::tempdir().expect("a directory");
        let here = here.path();
        {
            let (store, mut writer) = open(here, &Mode::Normal);
            apply(&mut writer, FILES).expect("applies");
            store.flush().expect("flushes");
        }
        let family = if part == Part::Filter {
            "nodes"
        } else {
            "versions"
        };
        Table::of(here, family).hurt(part);
        let (store, mut writer) = open(here, &mode);
        apply(&mut writer, FILES + 100).expect("applies");
        let durable = store.flush().expect("flushes while it can");
        assert_eq!(durable.index, FILES + 100);
        apply(&mut writer, FILES + 200).expect("applies");

        // A new table cannot be made any more.
        let taken = take_names(here);
        let error = store.flush().expect_err("its name is a directory's");
        assert!(error.damage().is_none(), "{part:?}: no damage, {error}");
        assert!(store.flush().is_err(), "{part:?}: final");
        run(&mut writer, &command(1)).expect_err("no more writes");
        assert_eq!(store.durable(), durable, "{part:?}");
        taken
            .iter()
            .try_for_each(fs::remove_dir)
            .expect("they are empty");
        assert!(
            store.flush().is_err(),
            "{part:?}: final, whatever comes back"
        );

        let applied = writer.reopen(&mode, PATIENCE).expect("reopens");
        assert_eq!(applied, durable, "{part:?}");
        apply(&mut writer, FILES + 201).expect("applies");
        writer.show().expect("has caught up");
        assert_eq!(store.flush().expect("flushes").index, FILES + 201);
    }
}

#[test]
fn a_lenient_opening_flushes_by_itself_and_waits_for_it() {
    let home = home();
    Table::of(home.path(), "events").hurt(Part::Empty);
    let options = storage::StoreOptions {
        memtable_bytes: 256 << 10,
        ..crate::support::options()
    };
    let (store, mut writer) =
        storage::open_with(home.path(), options, &history_rests()).expect("opens around it");
    // Many times the memtables: writes stall until flushes end, and go on.
    apply(&mut writer, FILES * 4).expect("applies");
    assert!(store.durable().index > FILES);
    assert_eq!(store.flush().expect("flushes").index, FILES * 4);
    let reads = Reads::of(&store.lease().expect("open"));
    assert_eq!((reads.get, reads.walk), (None, None));
    assert!(reads.events.expect("hurt").is_history());
}
