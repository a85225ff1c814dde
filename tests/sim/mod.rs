//! Whole members on one thread: real consensus, log and store over simulated disks, clocks and network, from one seed.
//!
//! | file | what |
//! |---|---|
//! | `member` | one member between two crashes |
//! | `cluster` | three machines, their network, and what happens to them |
//! | `cluster/bounds` | what a member may hold |
//! | `cluster/clients` | what clients ask of all members |
//! | `cluster/members` | members that come and go |
//! | `cluster/aim` | what happens to the leader of all members |
//! | `cluster/disk` | disks that fail, tear, fill up and hang |
//! | `cluster/time` | clocks that drift, are set, and are wrong after a boot |
//! | `cluster/watches` | clients that watch, at one member after the other |
//! | `world` | what must hold all the while |
//! | `cluster/snapshots`, `snapshots` | what a member needs that is far behind |
//! | `stamps` | the time that a leader may begin with |
//! | `history` | what clients were told: each key is one register |
//! | `events` | what a store says that happened |
//!
//! It lies inside the library's own tests, since it drives rooms that no other crate may enter.
//!
//!     cargo test --lib node::sim::                                   # the seeds of the usual run, each twice
//!     SIM_FROM=1000 SIM_SEEDS=500 cargo test --release --lib node::sim::   # a range; SIM_STRIDE=2: every other one
//!
//! A failure prints its seed; `SIM_FROM=seed SIM_SEEDS=1` replays it.

mod cluster;
mod events;
mod history;
mod member;
mod snapshots;
mod stamps;
mod world;

use std::ops::Range;
use std::panic::catch_unwind;

use cluster::{Faults, SimulatedCluster};
use world::World;

use crate::node::planted::{PlantedMistake, plant};

/// Steps of one seed before everything heals.
const STEPS: u64 = 6_000;

fn run(seed: u64, faults: Faults) -> World {
    let mut cluster = SimulatedCluster::new(seed, faults);
    for _ in 0..STEPS {
        cluster.step();
    }
    cluster.heal();
    std::mem::take(&mut cluster.world)
}

fn number(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok().and_then(|text| text.parse().ok());
    set.unwrap_or(otherwise)
}

/// The first seed of the range that finds a mistake, with what it says.
fn found_by(mistake: PlantedMistake, mut seeds: Range<u64>) -> Option<(u64, String)> {
    seeds.find_map(|seed| {
        plant(Some(mistake));
        let outcome = catch_unwind(|| run(seed, Faults::ALL));
        plant(None);
        let reason = outcome.err()?;
        let text = reason.downcast_ref::<String>().cloned();
        Some((seed, text.unwrap_or_else(|| "no words".to_owned())))
    })
}

/// What a mistake that shows itself soon shows itself by. The others take hundreds of seeds, others with each change of the
/// schedule: `SIM_PLANT` looks for them.
#[test]
fn planted_mistakes_are_found() {
    for (mistake, seeds, shown) in [
        // The judgement's words, or the core's own: what was told is not what is found.
        (PlantedMistake::NoSync, 0..20, &["the log"][..]),
        (
            PlantedMistake::VoteForgotten,
            0..20,
            // The last where a member leads one term twice: it has forgotten what it took, and its followers know of one term only.
            &[
                "two members lead",
                "term should be set",
                "calls are not answered",
            ][..],
        ),
        (PlantedMistake::ReadIndexSkipped, 0..20, &["a stale answer"]),
        (
            PlantedMistake::OffersTakenTwice,
            0..20,
            &["one write was taken twice", "is offered twice"],
        ),
        (
            PlantedMistake::OffersMovedEarly,
            0..20,
            &["one write was taken twice", "two calls were told"],
        ),
        (
            PlantedMistake::AloneByDefault,
            0..20,
            &[
                "applies another entry",
                "two members lead",
                "other members at entry",
            ],
        ),
    ] {
        let found = found_by(mistake, seeds.clone());
        let (seed, text) = found.unwrap_or_else(|| panic!("{mistake:?}: not found in {seeds:?}"));
        println!("{mistake:?}: seed {seed}: {text}");
        let shown = shown.iter().any(|shown| text.contains(shown)) || text.contains("out of range");
        assert!(shown, "{mistake:?}: {text}");
    }
}

/// Searches a range for one mistake: `SIM_PLANT=ReadsByLease SIM_SEEDS=500`.
#[test]
fn a_mistake_that_is_named_is_looked_for() {
    let Ok(name) = std::env::var("SIM_PLANT") else {
        println!("nothing is named in SIM_PLANT");
        return;
    };
    let all = [
        PlantedMistake::NoSync,
        PlantedMistake::VoteForgotten,
        PlantedMistake::ReadIndexSkipped,
        PlantedMistake::ReadsByLease,
        PlantedMistake::AnswersBySequence,
        PlantedMistake::DeadlinesFromStamps,
        PlantedMistake::OffersTakenTwice,
        PlantedMistake::OffersMovedEarly,
        PlantedMistake::ClocksOfTwoMachines,
        PlantedMistake::EmptyMemberSpeaks,
        PlantedMistake::AloneByDefault,
        PlantedMistake::PointerNotSynced,
        PlantedMistake::RemovalForgotten,
    ];
    let mistake = all
        .into_iter()
        .find(|mistake| format!("{mistake:?}") == name);
    let mistake = mistake.unwrap_or_else(|| panic!("SIM_PLANT is none of {all:?}"));
    let from = number("SIM_FROM", 0);
    let seeds = from..from + number("SIM_SEEDS", 200);
    let found = found_by(mistake, seeds.clone());
    println!("{mistake:?} in seeds {seeds:?}: {found:?}");
}

#[test]
fn a_leader_whose_disk_is_full_gives_way() {
    for seed in 0..5 {
        println!("seed {seed}");
        SimulatedCluster::new(seed, Faults::NONE).fill_the_leaders_disk();
    }
}

#[test]
fn a_follower_that_boots_with_a_clock_ahead_goes_by_its_leader() {
    let boots_ahead = |seed| {
        println!("seed {seed}");
        let mut cluster = SimulatedCluster::new(seed, Faults::NONE);
        cluster.boot_a_follower_ahead();
        cluster.heal();
    };
    (0..8).for_each(boots_ahead);
    // Where it goes by its own clock, keys end early.
    plant(Some(PlantedMistake::DeadlinesFromStamps));
    let found = (0..8).any(|seed| catch_unwind(|| boots_ahead(seed)).is_err());
    plant(None);
    assert!(found, "a follower whose clock is ahead ends nothing early");
}

#[test]
fn a_member_sleeps_through_the_replacement_of_both_others() {
    let faults = Faults {
        changes: true,
        ..Faults::NONE
    };
    for seed in [1, 3, 5, 7] {
        println!("seed {seed}");
        let mut cluster = SimulatedCluster::new(seed, faults);
        cluster.sleep_through_replacements();
        cluster.heal();
    }
}

#[test]
fn a_member_that_is_alone_keeps_its_bounds_and_forgets_what_is_decided() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut cluster = SimulatedCluster::new(seed, Faults::NONE);
        cluster.leave_alone(seed as usize % 3, 1_500);
        cluster.heal();
    }
}

#[test]
fn three_members_keep_every_promise_and_a_seed_replays_them() {
    let (from, seeds) = (number("SIM_FROM", 0), number("SIM_SEEDS", 12));
    let mut all = World::default();
    let (mut elections, mut acknowledged, mut reads) = (0, 0, 0);
    // Members come and go in odd ones only.
    let stride = number("SIM_STRIDE", 1).max(1);
    for seed in (from..from + seeds * stride).step_by(stride as usize) {
        println!("SIM_FROM={seed} SIM_SEEDS=1");
        let world = run(seed, Faults::ALL);
        // All of a short range, every twentieth of a long one.
        if seeds <= 100 || seed % 20 == 0 {
            let again = run(seed, Faults::ALL);
            let mut both = again.trace.iter().zip(&world.trace).enumerate();
            let other = both.find(|(_, (again, first))| again != first);
            assert!(
                other.is_none() && again.trace.len() == world.trace.len(),
                "seed {seed} does not replay: of {} and {} events the first that differ are {other:?}",
                again.trace.len(),
                world.trace.len()
            );
        }
        elections += world.elections();
        acknowledged += world.history.acknowledged();
        reads += world.history.reads;
        all.mortal += world.mortal;
        all.crashes += world.crashes;
        all.installed += world.installed;
        all.failed_logs += world.failed_logs;
        all.failed_starts += world.failed_starts;
        all.full_disks += world.full_disks;
        all.watched += world.watched;
        all.answered_early += world.answered_early;
        all.changes += world.changes;
        all.refused_changes += world.refused_changes;
        all.most_batches = all.most_batches.max(world.most_batches);
        all.longest_wait = all.longest_wait.max(world.longest_wait);
    }
    println!(
        "{seeds} seeds from {from}: {acknowledged} writes acknowledged, {reads} reads, {} keys with a TTL, {} crashes, {} snapshots, {elections} elections, \
         {} logs and {} starts that failed, {} full disks, {} events watched, {} writes answered early, {} changes of members and {} that did not hold",
        all.mortal,
        all.crashes,
        all.installed,
        all.failed_logs,
        all.failed_starts,
        all.full_disks,
        all.watched,
        all.answered_early,
        all.changes,
        all.refused_changes
    );
    println!(
        "at most {} batches waited for a log, and {} ms passed in peace until something came",
        all.most_batches,
        all.longest_wait / 1_000_000
    );
    let busy =
        acknowledged > 20 * seeds && reads > 5 * seeds && all.crashes > seeds && all.installed > 0;
    // A few may have a hard time.
    let busy = busy || seeds < 10;
    assert!(busy, "the clusters made no progress");
}
