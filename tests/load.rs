//! The loads under which the limits have to hold: real servers, many clients, and beside them other clients that want
//! nothing but an answer.
//!
//! The short form runs with the tests. `LOAD_SCALE=100` is the long one (anything between is between), `LOAD_ONLY=name,name`
//! picks scenarios, `LOAD_SEED` replays, `LOAD_DEBIAN=1` puts Debian's etcd under the same loads (the long form does unless
//! it is 0): `LOAD_SCALE=100 LOAD_ONLY=expiry cargo test --test load -- --nocapture`.

#[path = "load/abandoned_watches.rs"]
mod abandoned_watches;
#[path = "load/bulk.rs"]
mod bulk;
#[path = "load/deep_keys.rs"]
mod deep_keys;
#[path = "load/expiry.rs"]
mod expiry;
#[path = "load/fan_out.rs"]
mod fan_out;
#[path = "load/findings.rs"]
mod findings;
#[path = "load/ground.rs"]
mod ground;
#[path = "load/hidden_children.rs"]
mod hidden_children;
#[path = "load/idle_connections.rs"]
mod idle_connections;
#[path = "load/large_values.rs"]
mod large_values;
#[path = "load/latency.rs"]
mod latency;
#[path = "load/memory.rs"]
mod memory;
#[path = "load/others.rs"]
mod others;
#[path = "load/plan.rs"]
mod plan;
#[path = "load/process.rs"]
mod process;
#[path = "load/run.rs"]
mod run;
#[path = "load/sampler.rs"]
mod sampler;
#[path = "load/scenario.rs"]
mod scenario;
#[path = "load/slow_listings.rs"]
mod slow_listings;
#[path = "load/slow_streams.rs"]
mod slow_streams;
mod support;
#[path = "load/table.rs"]
mod table;
#[path = "load/unfinished_uploads.rs"]
mod unfinished_uploads;
#[path = "load/unread_errors.rs"]
mod unread_errors;

use std::time::Instant;

use plan::Plan;
use scenario::Scenario;
use support::server::Kind;

fn scenarios(plan: &Plan) -> Vec<Box<dyn Scenario>> {
    let all: Vec<Box<dyn Scenario>> = vec![
        Box::new(idle_connections::IdleConnections::new(plan)),
        Box::new(abandoned_watches::AbandonedWatches::new(plan)),
        Box::new(slow_streams::SlowStreams::new(plan)),
        Box::new(hidden_children::HiddenChildren::new(plan)),
        Box::new(deep_keys::DeepKeys::new(plan)),
        Box::new(expiry::Expiry::new(plan)),
        Box::new(unfinished_uploads::UnfinishedUploads::new(plan)),
        Box::new(fan_out::FanOut::new(plan)),
        Box::new(slow_listings::SlowListings::new(plan)),
        Box::new(large_values::LargeValues::new(plan)),
        Box::new(unread_errors::UnreadErrors::filled()),
        Box::new(unread_errors::UnreadErrors::verbose()),
    ];
    all.into_iter()
        .filter(|scenario| plan.picks(scenario.name()))
        .collect()
}

#[test]
fn limits_hold_under_load() {
    let begun = Instant::now();
    let plan = Plan::from_env();
    process::take_all_descriptors();
    println!(
        "replay: LOAD_SEED={} LOAD_SCALE={} cargo test --test load",
        plan.seed, plan.scale
    );
    let scenarios = scenarios(&plan);
    assert!(!scenarios.is_empty(), "LOAD_ONLY picks nothing");
    let mut rows = Vec::new();
    let mut broken = Vec::new();
    for scenario in &scenarios {
        let ours = run::run(scenario.as_ref(), Kind::Ours, &plan);
        let complaints = ours.findings.broken();
        broken.extend(
            complaints
                .iter()
                .map(|complaint| format!("{}: {complaint}", scenario.name())),
        );
        println!("{}", table::progress(&ours, begun.elapsed()));
        rows.push(ours);
        if plan.debian && !scenario.only_ours() {
            let debian = run::run(scenario.as_ref(), Kind::Debian, &plan);
            println!("{}", table::progress(&debian, begun.elapsed()));
            rows.push(debian);
        }
    }
    println!(
        "\n{}\neverything took {:.0?}",
        table::report(&rows),
        begun.elapsed()
    );
    assert!(
        broken.is_empty(),
        "{} limits did not hold (seed {}, scale {}):\n  {}",
        broken.len(),
        plan.seed,
        plan.scale,
        broken.join("\n  ")
    );
}
