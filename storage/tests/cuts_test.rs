//! Apply goes by the entry: the same commands give the same state, events, outcomes, deadlines and
//! hash however they are cut into batches, and whatever is compacted, flushed or reopened between
//! two of them.
//!
//! Every case draws commands and applies them one at a time, then again in random batches, with the
//! bounds of apply so low that each is met. `STORAGE_SEED` replays one case, `STORAGE_CASES` sets
//! how many are run, `STORAGE_STEPS` how many commands each has.
#![forbid(unsafe_code)]

#[path = "cuts/draw.rs"]
mod draw;
#[path = "cuts/known.rs"]
mod known;
#[path = "model/random.rs"]
mod random;
#[path = "cuts/run.rs"]
mod run;
#[path = "cuts/seen.rs"]
mod seen;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Cases in a run that sets nothing else, and commands in each.
const CASES: u64 = 40;
const STEPS: u64 = 160;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

#[test]
fn random_cuts() {
    let seeds = match number("STORAGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STORAGE_CASES").unwrap_or(CASES),
    };
    let steps = number("STORAGE_STEPS").unwrap_or(STEPS);
    let mut reached = run::Reached::default();
    for seed in seeds.clone() {
        match catch_unwind(AssertUnwindSafe(|| run::case(seed, steps))) {
            Ok(seen) => reached.add(seen),
            Err(panic) => {
                eprintln!(
                    "seed {seed}; replay: STORAGE_SEED={seed} STORAGE_STEPS={steps} cargo test -p storage --test cuts_test random_cuts"
                );
                resume_unwind(panic);
            }
        }
    }
    println!("{} cases: {reached:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start >= CASES && steps >= STEPS {
        reached.check();
    }
}
