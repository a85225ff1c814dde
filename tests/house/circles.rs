//! No files take from each other in a circle: none of them could be read, tested or moved without the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Ties, ties};
use crate::report;

/// Circles that still stand, each as its sorted files. The list only shrinks: a circle that is gone is taken out.
const STILL: [&[&str]; 0] = [];

/// The circles in `ties`: the largest sets of files each of which reaches all others.
pub(crate) fn circles(ties: &Ties) -> BTreeSet<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in ties.keys() {
        next.entry(from).or_default().push(to);
    }
    let reached = |from: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open = next.get(from).cloned().unwrap_or_default();
        while let Some(file) = open.pop() {
            if seen.insert(file) {
                open.extend(next.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, reached(file))).collect();
    let mut found = BTreeSet::new();
    for (file, own) in &reach {
        if own.contains(file) {
            let back = own.iter().filter(|other| {
                reach
                    .get(*other)
                    .is_some_and(|theirs| theirs.contains(file))
            });
            found.insert(back.map(|file| (*file).to_owned()).collect());
        }
    }
    found
}

/// A circle in words: its files, and what ties each to each.
fn words(circle: &[String], ties: &Ties) -> String {
    let mut text = circle.join(", ");
    for ((from, to), names) in ties {
        if circle.contains(from) && circle.contains(to) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            text += &format!("\n      {from} -> {to}: {}", names.join(", "));
        }
    }
    text
}

#[test]
fn no_files_take_from_each_other_in_a_circle() {
    let ties = ties();
    assert!(
        ties.len() > 500,
        "only {} ties: paths are not read",
        ties.len()
    );
    let found = circles(&ties);
    let still: BTreeSet<Vec<String>> = STILL
        .iter()
        .map(|circle| circle.iter().map(|file| (*file).to_owned()).collect())
        .collect();
    let new = found.difference(&still).map(|circle| words(circle, &ties));
    report("files take from each other in a circle", new.collect());
    let gone = still.difference(&found).map(|circle| circle.join(", "));
    report("no circle any more: take it out of STILL", gone.collect());
}

#[test]
fn a_circle_is_noticed() {
    let tie = |from: &str, to: &str| {
        (
            (from.to_owned(), to.to_owned()),
            BTreeSet::from(["X".to_owned()]),
        )
    };
    let ties = Ties::from([
        tie("a", "b"),
        tie("b", "c"),
        tie("c", "a"),
        tie("c", "d"),
        tie("d", "e"),
    ]);
    let found = circles(&ties);
    assert_eq!(
        found,
        BTreeSet::from([["a", "b", "c"].map(str::to_owned).to_vec()])
    );
    let words = words(found.first().unwrap(), &ties);
    assert!(
        words.contains("c -> a: X") && !words.contains("c -> d"),
        "{words}"
    );
    assert!(circles(&Ties::from([tie("a", "b"), tie("b", "c"), tie("a", "c")])).is_empty());
}
