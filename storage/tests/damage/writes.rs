//! Damage that a writer meets: the batch goes, the writer stays.

use storage::{Condition, Mode, Operation, Retention, Store, Writer};

use crate::support::{FILES, Part, Table, apply, command, damage, home, open, path, run};

fn retain(events: u64, bytes: u64) -> Operation {
    Operation::Retain(Retention { events, bytes })
}

fn delete(number: u64) -> Operation {
    Operation::CompareAndDelete {
        path: path(number),
        condition: Condition {
            value: None,
            index: 0,
        },
    }
}

fn same(store: &Store, writer: &Writer, before: &storage::Applied) {
    assert_eq!((&store.applied(), writer.applied()), (before, before));
}

#[test]
fn an_apply_that_meets_damage_leaves_no_trace_and_a_writer_that_works() {
    let home = home();
    let table = Table::of(home.path(), "nodes");
    table.hurt(Part::Data);
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    let before = store.applied();
    for _ in 0..2 {
        // Two commands that can be applied, then one that reads the damaged block.
        let mut batch = writer.batch();
        let index = before.index;
        for (index, number) in [(index + 1, FILES), (index + 2, FILES - 1)] {
            batch
                .apply_one(index, 0, &command(number))
                .expect("applies");
        }
        let error = batch
            .apply_one(index + 3, 0, &command(1))
            .expect_err("damaged");
        assert!(batch.commit().is_err(), "half a command is never written");
        let told = damage(error);
        assert_eq!((told.file, told.column), (Some(table.name()), "nodes"));
        same(&store, &writer, &before);
    }
    // Whether to go on is the caller's decision; the writer can.
    run(&mut writer, &command(FILES)).expect("applies");
    assert_eq!(store.revision(), before.revision + 1);
}

#[test]
fn compaction_stops_at_damage_and_writing_goes_on() {
    for family in ["events", "versions"] {
        let home = tempfile::tempdir().expect("a directory");
        {
            let (store, mut writer) = open(home.path(), &Mode::Normal);
            apply(&mut writer, FILES).expect("applies");
            // Removals: compaction looks for the versions before them.
            for number in 0..300 {
                run(&mut writer, &delete(number)).expect("applies");
            }
            run(&mut writer, &retain(1, u64::MAX)).expect("applies");
            store.flush().expect("flushes");
        }
        let table = Table::of(home.path(), family);
        table.hurt(Part::Data);
        let (store, mut writer) = open(home.path(), &Mode::Normal);
        for _ in 0..2 {
            let told = damage(
                (0..100)
                    .find_map(|_| writer.compact(100).err())
                    .expect("damaged"),
            );
            assert_eq!(
                (told.file.clone(), told.column),
                (Some(table.name()), family)
            );
            assert!(told.is_history());
            run(&mut writer, &command(FILES)).expect("the writer writes on");
        }
        store.flush().expect("flushes");
        assert!(store.get(&path(FILES - 1)).expect("readable").0.is_ok());
    }
}

#[test]
fn an_oldest_event_stays_where_the_events_it_would_pass_cannot_be_counted() {
    let home = home();
    let table = Table::of(home.path(), "events");
    table.hurt(Part::Data);
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    let before = store.applied();
    // Read while the command is applied: the event before the oldest event-to-be.
    run(&mut writer, &retain(FILES * 2, u64::MAX)).expect("the oldest event stays");
    let before_refused = store.applied();
    assert_ne!(before, before_refused);
    assert_eq!(store.background_damage(), None);
    let oldest_event = store.oldest_event();
    run(&mut writer, &retain(FILES * 2, 5_000)).expect("damage in history leaves writes alone");
    let told = store.background_damage().expect("it is told");
    assert_eq!((told.file, told.column), (Some(table.name()), "events"));
    assert_eq!(store.oldest_event(), oldest_event);
    run(&mut writer, &command(1)).expect("the writer writes on");
    assert_eq!(store.revision(), before_refused.revision + 1);
}

#[test]
fn damage_behind_the_earliest_deadline_is_told_and_the_deadline_stays_early() {
    let home = home();
    let table = Table::of(home.path(), "expiry");
    table.hurt(Part::DataAt(9_000));
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    assert_eq!(store.next_deadline(), Some(1_000_000));
    let mut early = None;
    for number in 0..FILES / 2 {
        run(&mut writer, &delete(number)).expect("the commit succeeds");
        if let Some(told) = store.background_damage() {
            assert_eq!((told.file, told.column), (Some(table.name()), "expiry"));
            early = Some((store.next_deadline(), number));
            break;
        }
        assert_eq!(store.next_deadline(), Some(1_000_000 + number + 1));
    }
    let (deadline, number) = early.expect("the damaged block was reached");
    assert_eq!(deadline, Some(1_000_000 + number), "early, not late");
    run(&mut writer, &delete(number + 1)).expect("the writer writes on");
    assert_eq!(store.next_deadline(), deadline);
}
