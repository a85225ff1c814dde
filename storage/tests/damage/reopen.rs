//! The handle is swapped under readers: nobody sees the store go back, nobody waits without bound.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use storage::{Error, Mode, Operation, Retention, Store, StoreOptions};

use crate::support::{
    FILES, PATIENCE, Part, Reads, Table, apply, damage, history_rests, home, open, options, path,
    run,
};

/// One look through every door; each must be at or above `seen`, which is then raised.
fn look(store: &Store, seen: &AtomicU64) {
    let before = seen.load(Ordering::SeqCst);
    let mut newest = before;
    let mut check = |what: &str, revision: u64| {
        assert!(
            revision >= before,
            "{what} went back: {revision} after {before}"
        );
        newest = newest.max(revision);
    };
    check("the revision", store.revision());
    check("the applied state", store.applied().revision);
    check("the applied index", store.applied().index);
    let reopening = |error: Error| match error {
        Error::Reopening { .. } => {}
        other => panic!("{other}"),
    };
    match store.get(&path(0)) {
        Ok((node, revision)) => {
            check("a read", revision);
            assert!(node.is_ok());
        }
        Err(error) => reopening(error),
    }
    match store.lease_within(Duration::from_millis(1)) {
        Ok(lease) => {
            let view = lease.view();
            check("a view", view.revision());
            let node = view.node(&path(1)).expect("readable").expect("there");
            let newest = view
                .history(&path(1))
                .next()
                .expect("kept")
                .expect("readable");
            assert_eq!(newest.node, Some(node), "a view fits together");
        }
        Err(error) => reopening(error),
    }
    assert!(store.next_deadline().is_some_and(|at| at >= 1_000_000));
    assert!(store.durable().index <= store.applied().index);
    seen.fetch_max(newest, Ordering::SeqCst);
}

#[test]
fn readers_beside_a_reopening_never_see_the_store_go_back() {
    let home = home();
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    let (stop, seen, looks) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            let store = store.clone();
            let (stop, seen, looks) = (&stop, &seen, &looks);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    look(&store, seen);
                    looks.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 1..=30 {
            let last = FILES + round * 150;
            apply(&mut writer, last).expect("applies");
            if round % 3 == 0 {
                store.flush().expect("flushes");
                apply(&mut writer, last + 70).expect("applies");
            }
            let shown = store.applied();
            let mode = if round % 2 == 0 {
                history_rests()
            } else {
                Mode::Normal
            };
            let applied = writer.reopen(&mode, PATIENCE).expect("reopens");
            assert!(applied.index < shown.index, "what was not flushed is gone");
            assert_eq!(
                (&applied, store.applied()),
                (writer.applied(), shown.clone())
            );
            // The readers meet the closed gate, and wait at it.
            let before = looks.load(Ordering::SeqCst);
            while looks.load(Ordering::SeqCst) < before + 4 {
                thread::yield_now();
            }
            let error = writer.show().expect_err("too early");
            assert!(matches!(error, Error::Behind { .. }), "{error}");
            apply(&mut writer, shown.index - 1).expect("applies");
            assert!(writer.show().is_err(), "one entry is missing");
            apply(&mut writer, shown.index).expect("applies");
            writer.show().expect("has caught up");
            assert_eq!(
                store.applied().hash,
                shown.hash,
                "the replay came to the same"
            );
        }
        stop.store(true, Ordering::SeqCst);
    });
    store
        .lease()
        .expect("open")
        .view()
        .verify()
        .expect("fits together");
}

#[test]
fn a_lease_that_does_not_end_leaves_everything_as_it_was() {
    let home = home();
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    let lease = store.lease().expect("open");
    let twin = lease.clone();
    let view = twin.view();
    assert!(!lease.is_recalled());
    let error = writer
        .reopen(&Mode::Normal, Duration::from_millis(20))
        .expect_err("held");
    assert!(matches!(error, Error::Held { holders: 2, .. }), "{error}");
    assert!(!lease.is_recalled(), "the recall is over");
    assert!(view.node(&path(0)).expect("readable").is_ok());
    assert!(store.get(&path(0)).expect("readable").0.is_ok());
    apply(&mut writer, FILES + 10).expect("the writer writes on");
    assert_eq!(store.revision(), FILES + 10);
    store.flush().expect("flushes");

    // Another thread gives the lease back when it is asked to.
    drop(view);
    drop(twin);
    let reader = thread::spawn(move || {
        while !lease.is_recalled() {
            thread::yield_now();
        }
        drop(lease);
    });
    writer.reopen(&Mode::Normal, PATIENCE).expect("reopens");
    reader.join().expect("ends");
    writer.show().expect("all was flushed");
    assert_eq!(store.revision(), FILES + 10);
}

#[test]
fn who_waits_at_the_gate_gets_the_new_core_or_a_typed_error() {
    let home = home();
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    writer.reopen(&Mode::Normal, PATIENCE).expect("reopens");
    for error in [
        store.lease_within(Duration::ZERO).expect_err("closed"),
        store.get(&path(0)).expect_err("closed"),
        store.flush().expect_err("closed"),
        store.record(b"r").expect_err("closed"),
    ] {
        assert!(matches!(error, Error::Reopening { .. }), "{error}");
    }
    assert_eq!(store.level0_files("nodes"), None);
    let own = writer.lease().expect("the writer's own");
    assert_eq!(own.view().revision(), FILES);
    drop(own);
    let waiting = store.clone();
    let reader =
        thread::spawn(move || waiting.lease_within(PATIENCE).map(|lease| lease.revision()));
    apply(&mut writer, FILES + 1).expect("applies");
    writer.show().expect("has caught up");
    let seen = reader.join().expect("ends").expect("shown in time");
    assert_eq!(seen, FILES + 1);
    assert_eq!(store.level0_files("nodes"), Some(1));
    assert_eq!(store.level0_files("none"), None);
}

#[test]
fn a_directory_that_does_not_open_again_can_be_opened_in_another_mode() {
    let home = home();
    let table = Table::of(home.path(), "versions");
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    apply(&mut writer, FILES + 50).expect("applies");
    table.hurt(Part::Gone);
    let told = damage(writer.reopen(&Mode::Normal, PATIENCE).expect_err("gone"));
    assert_eq!(told.file, Some(table.name()));
    // Closed: every door says so, none panics.
    assert_eq!(store.applied().index, FILES + 50);
    assert!(store.lease().is_err() && writer.lease().is_err() && writer.show().is_err());
    for error in [
        run(&mut writer, &crate::support::command(1)).expect_err("closed"),
        writer.compact(10).expect_err("closed"),
        writer.batch().commit().expect_err("closed"),
    ] {
        assert!(matches!(error, Error::Aborted { .. }), "{error}");
    }
    let unknown = Mode::WithoutCompaction(vec!["version"]);
    let error = writer
        .reopen(&unknown, PATIENCE)
        .expect_err("no such family");
    assert!(matches!(error, Error::NoFamily { .. }), "{error}");

    let applied = writer
        .reopen(&history_rests(), PATIENCE)
        .expect("opens around it");
    assert_eq!(applied.index, FILES);
    apply(&mut writer, FILES + 50).expect("applies");
    writer.show().expect("has caught up");
    let reads = Reads::of(&store.lease().expect("open"));
    assert_eq!((reads.get, reads.walk), (None, None));
    assert_eq!(reads.history.expect("missing").file, Some(table.name()));
}

#[test]
fn a_pin_outlives_a_reopening() {
    let home = home();
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    let pin = store.pin(FILES);
    let value = |store: &Store| {
        let lease = store.lease().expect("open");
        let view = lease.view();
        let past = view.at_pin(&pin).expect("pinned in time");
        past.node(&path(7)).expect("readable").expect("there").value
    };
    let before = value(&store);
    let retain = Operation::Retain(Retention {
        events: 10,
        bytes: u64::MAX,
    });
    for round in 0..3 {
        run(&mut writer, &retain).expect("applies");
        let last = writer.applied().index + FILES;
        apply(&mut writer, last).expect("applies");
        while writer.compact(1_000).expect("compacts").more {}
        store.compact_tables().expect("compacts");
        assert_eq!(value(&store), before, "round {round}");
        writer.reopen(&Mode::Normal, PATIENCE).expect("reopens");
        writer.show().expect("all was flushed");
        assert_eq!(value(&store), before, "round {round}, reopened");
    }
    assert_eq!(store.statistics().oldest_pin, FILES);
}

#[test]
fn a_store_in_memory_reopens_at_its_last_flush() {
    let options = StoreOptions {
        in_memory: true,
        ..options()
    };
    let (store, mut writer) = storage::open("memory".as_ref(), options).expect("opens");
    apply(&mut writer, 300).expect("applies");
    store.flush().expect("flushes");
    apply(&mut writer, 400).expect("applies");
    let shown = store.applied();
    let applied = writer.reopen(&Mode::Normal, PATIENCE).expect("reopens");
    assert_eq!(applied.index, 300);
    apply(&mut writer, 400).expect("applies");
    writer.show().expect("has caught up");
    assert_eq!(store.applied(), shown);
    store
        .lease()
        .expect("open")
        .view()
        .verify()
        .expect("fits together");
}
