//! The table that is published: for each kind of file and of damage what became of it, and every case against the rules
//! with the command that replays it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::injection::Injection;
use super::verdict::{FAULTS, Outcome, Verdict};

/// The first characters of a text, on one line.
pub(crate) fn short(text: &str, length: usize) -> String {
    let line = text.replace('\n', " ⏎ ");
    match line.char_indices().nth(length) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

const COLUMNS: [&str; 7] = [
    "injected",
    "refused",
    "right",
    "torn, told",
    "damaged",
    "harmless",
    "unknowable",
];

/// What is counted for one line.
#[derive(Clone, Default)]
struct Counts {
    fine: [usize; 7],
    bad: [usize; 8],
}

impl Counts {
    fn count(&mut self, outcome: &Outcome) {
        self.fine[0] += 1;
        let column = match outcome {
            Outcome::Refused => 1,
            Outcome::Right => 2,
            Outcome::TornTail => 3,
            Outcome::Damaged => 4,
            Outcome::Harmless(_) => 5,
            Outcome::Undecidable(_) => 6,
            Outcome::Bad(fault) => {
                let at = FAULTS.iter().position(|(have, _)| have == fault);
                self.bad[at.expect("every fault has a column")] += 1;
                return;
            }
        };
        self.fine[column] += 1;
    }
}

/// The whole report; the second value is how many cases are against the rules.
pub(crate) fn report(results: &[(&Injection, Verdict)], seed: u64) -> (String, usize) {
    let mut out = String::new();
    counts(results, &mut out);
    reasons(results, &mut out);
    let bad: Vec<_> = results
        .iter()
        .filter(|(_, verdict)| !verdict.faults.is_empty())
        .collect();
    tally(&bad, &mut out);
    for (injection, verdict) in &bad {
        let id = &injection.id;
        let replay =
            format!("DAMAGE_SEED={seed} DAMAGE_ONLY='{id}' cargo test --test damage damaged");
        let _ = writeln!(out, "\n{replay}");
        for (fault, what) in &verdict.faults {
            let _ = writeln!(out, "    {fault:?}: {}", short(what, 400));
        }
        let _ = writeln!(out, "    log: {}", short(&verdict.log, 900));
    }
    (out, bad.len())
}

fn counts(results: &[(&Injection, Verdict)], out: &mut String) {
    let mut lines: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
    let mut sum = Counts::default();
    for (injection, verdict) in results {
        let line = lines.entry((injection.class, injection.kind)).or_default();
        line.count(&verdict.outcome);
        sum.count(&verdict.outcome);
    }
    lines.insert(("~ all", ""), sum);
    let head: Vec<&str> = COLUMNS
        .into_iter()
        .chain(FAULTS.iter().map(|(_, name)| *name))
        .collect();
    let _ = writeln!(out, "| file | damage | {} |", head.join(" | "));
    let _ = writeln!(out, "|---|---|{}", "---:|".repeat(head.len()));
    for ((class, kind), counts) in lines {
        let numbers: Vec<String> = counts
            .fine
            .iter()
            .chain(&counts.bad)
            .map(|number| match number {
                0 => "·".to_owned(),
                number => number.to_string(),
            })
            .collect();
        let _ = writeln!(out, "| {class} | {kind} | {} |", numbers.join(" | "));
    }
    let accepted = results
        .iter()
        .filter(|(_, verdict)| verdict.accepted)
        .count();
    let _ = writeln!(
        out,
        "\nRefusals whose offered option was tried too: {accepted}"
    );
}

/// Why what was not told was harmless, or could not be known.
fn reasons(results: &[(&Injection, Verdict)], out: &mut String) {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (injection, verdict) in results {
        let (word, reason) = match verdict.outcome {
            Outcome::Harmless(reason) => ("harmless", reason),
            Outcome::Undecidable(reason) => ("unknowable", reason),
            _ => continue,
        };
        *reasons
            .entry(format!("{word}: {}: {reason}", injection.class))
            .or_default() += 1;
    }
    for (reason, count) in reasons {
        let _ = writeln!(out, "{count:6} {reason}");
    }
}

/// Faults by their sentence, numbers taken out so that like meets like.
fn tally(bad: &[&(&Injection, Verdict)], out: &mut String) {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (injection, verdict) in bad {
        for (fault, what) in &verdict.faults {
            let what: String = short(what, 70)
                .chars()
                .map(|c| if c.is_ascii_digit() { '#' } else { c })
                .collect();
            let line = format!(
                "{} / {}: {fault:?}: {what}",
                injection.class, injection.kind
            );
            *kinds.entry(line).or_default() += 1;
        }
    }
    if !kinds.is_empty() {
        let _ = writeln!(out, "\nAgainst the rules, by kind:");
    }
    for (kind, count) in kinds {
        let _ = writeln!(out, "{count:6} {kind}");
    }
}
