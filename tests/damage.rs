//! Whatever happens to a data directory, a start after it is refused with the place, or serves what is right and tells
//! the rest: real server processes on directories that are damaged in every way.
//!
//! A sample is drawn by a printed seed. `DAMAGE_STARTS=2000` lengthens it, `DAMAGE_STARTS=all` leaves nothing out, `DAMAGE_BITS` does the same for
//! the bits that are turned in this process,
//! `DAMAGE_SEED` replays, `DAMAGE_ONLY=substring,substring` picks injections by name:
//! `DAMAGE_STARTS=2000 cargo test --test damage -- --nocapture`.

#[path = "damage/after.rs"]
mod after;
#[path = "damage/enumerate.rs"]
mod enumerate;
#[path = "damage/format.rs"]
mod format;
#[path = "damage/image.rs"]
mod image;
#[path = "damage/injection.rs"]
mod injection;
#[path = "damage/life.rs"]
mod life;
#[path = "damage/made.rs"]
mod made;
#[path = "damage/model.rs"]
mod model;
#[path = "damage/reading.rs"]
mod reading;
#[path = "damage/run.rs"]
mod run;
#[path = "damage/second.rs"]
mod second;
#[path = "damage/start.rs"]
mod start;
mod support;
#[path = "damage/sweep.rs"]
mod sweep;
#[path = "damage/table.rs"]
mod table;
#[path = "damage/tables.rs"]
mod tables;
#[path = "damage/verdict.rs"]
mod verdict;
#[path = "damage/words.rs"]
mod words;
#[path = "damage/writer.rs"]
mod writer;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use std::time::Instant;

use injection::{Action, Injection};
use life::Kind;
use made::Made;
use support::seed::{self, Rng};
use sweep::Sweep;
use verdict::Verdict;

/// Servers at a time.
const WORKERS: usize = 2;

const STARTS: usize = 120;

/// Bits turned in this process.
const BITS: usize = 600;

#[test]
fn damaged_directories_are_refused_or_served_right() {
    let begun = Instant::now();
    let Directories { seed, mades } = directories();
    let seed = *seed;
    println!("replay: DAMAGE_SEED={seed} cargo test --test damage damaged");
    let made = begun.elapsed();
    let mut rng = Rng::new(seed);
    let all = enumerate_all(mades, &mut rng);
    let total = all.len();
    let chosen = choose(all, ("DAMAGE_STARTS", STARTS), &mut rng);
    println!("{} of {total} injections, seed {seed}", chosen.len());
    assert!(!chosen.is_empty(), "DAMAGE_ONLY picks nothing");
    let results = run_all(&chosen, mades);
    let (report, bad) = table::report(&results, seed);
    println!(
        "{report}\nmaking them took {made:.0?}, everything {:.0?}",
        begun.elapsed()
    );
    assert_eq!(
        bad,
        0,
        "of {} damaged directories so many were handled against the rules",
        results.len()
    );
}

#[test]
fn a_bit_in_each_kib_shows_in_the_judgement_or_to_a_reader() {
    let begun = Instant::now();
    let Directories { seed, mades } = directories();
    let mut rng = Rng::new(*seed);
    let mut all = enumerate_all(mades, &mut rng);
    all.retain(|injection| matches!(injection.action, Action::Bit(..)));
    let total = all.len();
    let chosen = choose(all, ("DAMAGE_BITS", BITS), &mut rng);
    println!("{} of {total} bits, seed {seed}", chosen.len());
    let sweeps: Vec<Sweep<'_>> = mades.iter().map(Sweep::new).collect();
    let results: Vec<_> = chosen
        .iter()
        .map(|injection| (injection, sweeps[injection.made].turn(injection)))
        .collect();
    let (report, bad) = sweep::report(&results, *seed);
    println!("{report}\neverything took {:.0?}", begun.elapsed());
    assert_eq!(bad, 0, "of {} bits", results.len());
}

/// The directories that both tests hurt copies of.
struct Directories {
    seed: u64,
    mades: Vec<Made>,
}

fn directories() -> &'static Directories {
    static MADE: OnceLock<Directories> = OnceLock::new();
    MADE.get_or_init(|| {
        let seed = seed::from_env("DAMAGE_SEED");
        let kinds = [Kind::Clean, Kind::Killed, Kind::Compacted];
        let mades = std::thread::scope(|scope| {
            let lives = kinds.map(|kind| scope.spawn(move || Made::new(kind, seed)));
            lives
                .into_iter()
                .map(|life| life.join().expect("every directory is made"))
                .collect()
        });
        Directories { seed, mades }
    })
}

fn enumerate_all(mades: &[Made], rng: &mut Rng) -> Vec<Injection> {
    mades
        .iter()
        .enumerate()
        .flat_map(|(number, made)| enumerate::enumerate(number, made, rng))
        .collect()
}

/// The injections to run: all that `DAMAGE_ONLY` names, or a sample in which every kind of damage to every kind of file
/// has its turn.
fn choose(all: Vec<Injection>, limit: (&str, usize), rng: &mut Rng) -> Vec<Injection> {
    let (variable, usual) = limit;
    let limit = match std::env::var(variable).as_deref() {
        Ok("all") => usize::MAX,
        _ => seed::number_from_env(variable, usual as u64) as usize,
    };
    if let Ok(only) = std::env::var("DAMAGE_ONLY") {
        let picked = all.into_iter();
        let mut picked: Vec<Injection> = picked
            .filter(|injection| only.split(',').any(|part| injection.id.contains(part)))
            .collect();
        picked.truncate(limit);
        return picked;
    }
    let mut groups: BTreeMap<(&str, &str), Vec<Injection>> = BTreeMap::new();
    for injection in all {
        // What holds no data needs no turn for each kind of damage.
        let kind = if verdict::holds_no_data(injection.class) {
            ""
        } else {
            injection.kind
        };
        groups
            .entry((injection.class, kind))
            .or_default()
            .push(injection);
    }
    let mut groups: Vec<Vec<Injection>> = groups.into_values().collect();
    for group in &mut groups {
        rng.shuffle(group);
    }
    let mut chosen = Vec::new();
    while chosen.len() < limit && groups.iter().any(|group| !group.is_empty()) {
        rng.shuffle(&mut groups);
        chosen.extend(groups.iter_mut().filter_map(Vec::pop));
    }
    chosen.truncate(limit);
    chosen
}

fn run_all<'a>(chosen: &'a [Injection], mades: &[Made]) -> Vec<(&'a Injection, Verdict)> {
    let options = words::options();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(injection) = chosen.get(number) else {
                        return;
                    };
                    let verdict = run::run(
                        injection,
                        &mades[injection.made],
                        &options,
                        number.is_multiple_of(2),
                    );
                    let mut results = results.lock().expect("no worker panicked");
                    results.push((number, injection, verdict));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panicked");
    results.sort_by_key(|(number, ..)| *number);
    results
        .into_iter()
        .map(|(_, injection, verdict)| (injection, verdict))
        .collect()
}
