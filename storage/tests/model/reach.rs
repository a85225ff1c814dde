//! A property test proves nothing about what its cases never do: these seeds must reach every kind
//! of outcome.

use std::collections::BTreeMap;

use storage::{Action, Outcome, Refusal};

use super::Model;
use super::generator::{Step, case};

/// The name of what happened, coarse enough to be counted.
fn name_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(event) if event.refresh => format!("refresh by {:?}", event.action),
        Outcome::Done(event) if event.system => format!("system {:?}", event.action),
        Outcome::Done(event) if event.node.dir => format!("directory {:?}", event.action),
        Outcome::Done(event) => format!("file {:?}", event.action),
        Outcome::Expired { events, more } => format!("expired {} {more}", events.len().min(2)),
        Outcome::Accepted => "accepted".into(),
        Outcome::Ended => "ended".into(),
        Outcome::Refused { refusal, .. } => match refusal {
            Refusal::KeyNotFound(_) => "KeyNotFound",
            Refusal::CompareFailed { .. } => "CompareFailed",
            Refusal::NotFile(Some(_)) => "NotFile",
            Refusal::NotFile(None) => "NotFile without cause",
            Refusal::NotDirectory(_) => "NotDirectory",
            Refusal::AlreadyExists(_) => "AlreadyExists",
            Refusal::ReadOnly(_) => "ReadOnly",
            Refusal::DirectoryNotEmpty(_) => "DirectoryNotEmpty",
        }
        .into(),
    }
}

#[test]
fn the_cases_reach_every_kind_of_outcome() {
    let mut counts = BTreeMap::<String, usize>::new();
    for seed in 0..40 {
        let mut model = Model::new();
        for step in case(seed, 60) {
            let Step::Batch(commands) = step else {
                continue;
            };
            for command in commands {
                let before = model.tree.len();
                for outcome in model.apply(&command) {
                    *counts.entry(name_of(&outcome)).or_default() += 1;
                }
                if before.saturating_sub(model.tree.len()) > 256 {
                    *counts.entry("wide removal".into()).or_default() += 1;
                }
            }
        }
    }
    let done = [
        Action::Set,
        Action::Create,
        Action::Update,
        Action::CompareAndSwap,
        Action::Delete,
    ];
    let of_files = done
        .iter()
        .chain(&[Action::CompareAndDelete])
        .map(|action| format!("file {action:?}"));
    let of_directories = [Action::Set, Action::Create, Action::Update, Action::Delete];
    let of_directories = of_directories
        .iter()
        .map(|action| format!("directory {action:?}"));
    let others = [
        "refresh by Set",
        "refresh by Update",
        "refresh by CompareAndSwap",
        "system Set",
        "system Create",
        "system Delete",
        "expired 0 false",
        "expired 1 false",
        "expired 1 true",
        "expired 2 false",
        "expired 2 true",
        "accepted",
        "ended",
        "KeyNotFound",
        "CompareFailed",
        "NotFile",
        "NotFile without cause",
        "NotDirectory",
        "AlreadyExists",
        "ReadOnly",
        "DirectoryNotEmpty",
        "wide removal",
    ];
    for name in of_files
        .chain(of_directories)
        .chain(others.map(String::from))
    {
        assert!(
            counts.get(&name).is_some_and(|count| *count >= 3),
            "too few of {name:?}: {counts:#?}"
        );
    }
}
