//! Parts of two histories: one directory was copied while its node was stopped, and both went on, each in its own way,
//! over the same entries. A store, a log or a witness file of the other one must be found out, whoever has it.

use super::event::{Event, apply};
use super::history;
use super::image::Image;
use super::ledger::difference;
use super::loss;
use super::support::server::{START_TIMEOUT, Server};
use super::twin::{End, Twin, both_ways, launch};

/// Without the witness file only the store can tell, by the witness that each of its flushes carries.
#[test]
fn a_store_beside_the_other_twins_log_is_refused() {
    for (pair, own, other) in both_ways() {
        let mut mixed = own.image.clone();
        mixed.replace("wal", &other.image);
        if matches!(pair.end, End::Killed) {
            refused_then_accepted(&mixed, own, &pair.told);
        }
        mixed.remove("WITNESS");
        refused_then_accepted(&mixed, own, &pair.told);
    }
}

#[test]
fn a_store_beside_all_else_of_the_other_twin_is_refused() {
    for (pair, own, other) in both_ways() {
        let mut mixed = other.image.clone();
        mixed.replace("store", &own.image);
        refused_then_accepted(&mixed, own, &pair.told);
    }
}

#[test]
fn a_witness_file_of_the_other_twin_is_refused() {
    for (pair, own, other) in both_ways() {
        let mut mixed = own.image.clone();
        mixed.replace("WITNESS", &other.image);
        refused_then_accepted(&mixed, own, &pair.told);
    }
}

/// The mark names the store beside it: the log of the other twin is set aside, and nothing of it is read.
#[test]
fn a_store_with_its_mark_of_a_clean_stop_takes_nothing_from_the_other_twins_log() {
    let stopped = both_ways().filter(|(pair, ..)| matches!(pair.end, End::Stopped));
    for (pair, own, other) in stopped {
        let mut mixed = own.image.clone();
        mixed.replace("wal", &other.image);
        let directory = tempfile::tempdir().expect("a temporary directory");
        mixed.restore(directory.path());
        let mut server = launch(directory.path()).start();
        let told = format!("{}\n{}", pair.told, server.log_tail());
        check_own(&server, own, own.last(), &told);
        assert!(
            server.log_tail().contains("the old one is kept in"),
            "{told}"
        );
        goes_on(&mut server, &told);
    }
}

/// Refused without a change; with the accepted loss exactly the store is served, and the log is set aside.
fn refused_then_accepted(mixed: &Image, own: &Twin, told: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    mixed.restore(directory.path());
    let mut server = launch(directory.path()).spawn();
    // What the first start leaves of the locks is no matter: it is started once more and compared.
    server.wait_exit(START_TIMEOUT);
    let refusal = loss::refused(&mut server);
    let told = format!("{told}\n{}", refusal.text());
    let kept = refusal.kept();
    loss::accept(&mut server, kept);
    let held = own.writes.iter().rfind(|(entry, _)| *entry <= kept);
    let (_, last) = held.unwrap_or_else(|| panic!("the store was flushed later: {told}"));
    check_own(&server, own, last.index(), &told);
    let aside = loss::set_aside(directory.path());
    assert_ne!(aside, 0, "the log is not kept: {told}");
    goes_on(&mut server, &told);
}

/// The keys are those of the own history up to `index`, and its events are served as they were.
fn check_own(server: &Server, own: &Twin, index: u64, told: &str) {
    let mut tree = own.before.clone();
    let events: Vec<&Event> = own.writes.iter().map(|(_, event)| event).collect();
    let events: Vec<&Event> = events
        .into_iter()
        .filter(|event| event.index() <= index)
        .collect();
    for event in &events {
        apply(&mut tree, event).expect("replies follow from each other");
    }
    let (served, at) = history::list(server);
    assert_eq!(at, index, "{told}");
    assert!(served == tree, "{}\n{told}", difference(&served, &tree));
    let first = events[0].index();
    // One more, so that the poll after the last one does not wait.
    history::mark(server);
    let served = history::poll(server, first, index);
    assert!(served.iter().eq(events), "another history: {told}");
}

/// What is written from here on outlives a kill.
fn goes_on(server: &mut Server, told: &str) {
    history::mark(server);
    let before = history::list(server);
    server.restart();
    assert!(history::list(server) == before, "{told}");
}
