//! Holds the store against an independent model of the tree: random commands, batches, crashes, flushes and
//! compactions, every answer compared.
//!
//! `STORAGE_SEED` replays one case, `STORAGE_CASES` sets how many are run, `STORAGE_STEPS` how long each is.
#![forbid(unsafe_code)]

mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::generator::{Step, case};
use model::{Command, beside, decision_table, run, shrink};

/// Cases in a run that sets nothing else, and steps in each.
const CASES: u64 = 12;
const STEPS: u64 = 60;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

/// Why a case fails, if it does; a panic inside the store is a failure like others.
fn failure(seed: u64, steps: &[Step]) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| run::run(seed, steps))) {
        Ok(Ok(())) => None,
        Ok(Err(difference)) => Some(format!("{difference:?}")),
        Err(panic) => Some(match panic.downcast_ref::<String>() {
            Some(text) => format!("panicked: {text}"),
            None => format!("panicked: {:?}", panic.downcast_ref::<&str>()),
        }),
    }
}

fn hold(seed: u64, steps: &[Step]) {
    let Some(first) = failure(seed, steps) else {
        return;
    };
    let fewest = shrink::shrink(steps, |fewer| failure(seed, fewer).is_some());
    let last = failure(seed, &fewest).unwrap_or_else(|| "not seen again".into());
    let trace: Vec<String> = fewest.iter().map(Step::to_string).collect();
    let trace = trace.join("\n  ");
    panic!(
        "seed {seed}: {first}\n\ncut down to\n  {trace}\nwhich gives {last}\n\n\
         replay: STORAGE_SEED={seed} cargo test -p storage --test model_test random_cases"
    );
}

#[test]
fn random_cases() {
    let seeds = match number("STORAGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STORAGE_CASES").unwrap_or(CASES),
    };
    let steps = number("STORAGE_STEPS").unwrap_or(STEPS) as usize;
    for seed in seeds {
        hold(seed, &case(seed, steps));
    }
}

/// The decision table of keys-api 5.1, each request alone and made anew from the same columns.
#[test]
fn every_cell_of_the_decision_table() {
    let mut index = 0;
    let mut command = |operations| {
        index += 1;
        Command {
            index,
            cluster_time: index,
            operations,
        }
    };
    let batches = decision_table::requests().into_iter().map(|request| {
        [decision_table::columns(), vec![request]]
            .map(&mut command)
            .into()
    });
    let steps: Vec<Step> = batches.map(Step::Batch).collect();
    hold(0, &steps);
}

/// Answers of the cache and of views, taken on other threads between and during commits.
#[test]
fn readers_beside_the_writer() {
    let seeds = number("STORAGE_SEED").map_or(0..3, |seed| seed..seed + 1);
    for seed in seeds {
        for (name, held) in [
            ("case", beside::beside_a_case(seed)),
            ("hot files", beside::beside_hot_files(seed)),
        ] {
            held.unwrap_or_else(|difference| panic!("seed {seed}, {name}: {difference:?}"));
        }
    }
}
