//! CURRENT damaged: nothing may be opened, and the message holds the repair.

use std::process::Command;

use storage::judge::{Fault, Reason};

use crate::support::{Home, write};

fn store() -> Home {
    let home = Home::new();
    write(home.path(), 2, 10, false);
    home
}

/// The fault says which MANIFEST is there, and its command repairs the store.
fn repaired_by_its_message(home: &Home, found: Option<&str>) {
    let manifest = {
        let mut names = home.names();
        names.retain(|name| name.starts_with("MANIFEST-"));
        names.remove(0)
    };
    let before = home.fingerprint();
    let fault = home.unreadable();
    assert!(before == home.fingerprint(), "the judgement left a trace");
    let wanted = Fault {
        path: home.file("CURRENT"),
        offset: None,
        table: None,
        reason: Reason::Current {
            found: found.map(str::to_owned),
            readable: vec![manifest],
        },
    };
    assert_eq!(fault, wanted);
    let message = fault.to_string();
    let (_, command) = message.split_once("can be read: ").expect("a command");
    let done = Command::new("sh").args(["-c", command]).status();
    assert!(done.expect("a shell").success(), "{command}");
    assert_eq!(home.inventory().faults, []);
}

#[test]
fn every_bit_of_current() {
    let home = store();
    let current = home.read("CURRENT");
    for bit in 0..current.len() * 8 {
        let mut flipped = current.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        home.write("CURRENT", &flipped);
        repaired_by_its_message(&home, Some(&String::from_utf8_lossy(&flipped)));
        assert_eq!(home.read("CURRENT"), current);
    }
}

#[test]
fn current_missing_empty_or_cut_or_with_more_behind_it() {
    let home = store();
    let current = home.read("CURRENT");
    home.remove("CURRENT");
    repaired_by_its_message(&home, None);
    for length in 0..current.len() {
        home.write("CURRENT", &current[..length]);
        let found = String::from_utf8_lossy(&current[..length]).into_owned();
        repaired_by_its_message(&home, Some(&found));
    }
    for tail in ["\n", "x", "\0", &"long".repeat(1000)] {
        home.write("CURRENT", &[&current[..], tail.as_bytes()].concat());
        let Reason::Current { found, .. } = home.unreadable().reason else {
            panic!("{:?}", home.unreadable());
        };
        assert!(
            found.expect("it is there").len() <= 64,
            "a message is short"
        );
    }
}

#[test]
fn a_path_with_a_space_and_a_quote_is_quoted() {
    let home = store();
    let odd = Home::new();
    let path = odd.file("it's a store");
    std::fs::create_dir(&path).expect("created");
    for name in home.names().iter().filter(|name| *name != "CURRENT") {
        std::fs::copy(home.file(name), path.join(name)).expect("copied");
    }
    let judgement = storage::judge(&path).expect("readable");
    let storage::StoreJudgement::Unreadable(fault) = judgement else {
        panic!("{judgement:?}");
    };
    let message = fault.to_string();
    let (_, command) = message.split_once("can be read: ").expect("a command");
    let done = Command::new("sh").args(["-c", command]).status();
    assert!(done.expect("a shell").success(), "{command}");
    assert_eq!(
        std::fs::read(path.join("CURRENT")).expect("made"),
        home.read("CURRENT")
    );
}

#[test]
fn no_command_where_there_is_a_choice_or_none() {
    let home = store();
    let manifest = home.manifest();
    let content = home.read(&manifest);
    home.remove("CURRENT");
    home.write("MANIFEST-000900", &content);
    let fault = home.unreadable();
    let Reason::Current { readable, .. } = &fault.reason else {
        panic!("{fault}");
    };
    assert_eq!(
        readable[..],
        [manifest.clone(), "MANIFEST-000900".to_owned()]
    );
    assert!(!fault.to_string().contains("printf"), "{fault}");
    home.write("MANIFEST-000900", &content[..20]);
    home.write(&manifest, &[&content[..20], b"x", &content[21..]].concat());
    let fault = home.unreadable();
    assert!(fault.to_string().contains("no MANIFEST here"), "{fault}");
    home.remove("MANIFEST-000900");
    home.remove(&manifest);
    let fault = home.unreadable();
    assert!(fault.to_string().contains("no MANIFEST here"), "{fault}");
}
