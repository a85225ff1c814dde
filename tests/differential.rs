//! The differential proof: our server and Debian's etcd 3.4.23 receive the same requests and must give the same
//! answers, byte for byte, apart from the chosen differences listed in `differential/known.rs`.
//!
//! | Variable | Meaning | Default |
//! |---|---|---|
//! | `DIFF_OPS` | random operations | 3000 |
//! | `DIFF_SEED` | seed of the random operations | from the clock, printed |
//! | `DIFF_SHRINK_SECONDS` | how long to look for a shorter sequence after a difference | 20 |
//! | `DIFF_SUBJECT` | `debian` compares the reference with itself | ours |
//!
//! The long run: `DIFF_OPS=50000 cargo test --release --test differential random -- --nocapture`

mod support;

#[path = "differential/body.rs"]
mod body;
#[path = "differential/cases.rs"]
mod cases;
#[path = "differential/compare.rs"]
mod compare;
#[path = "differential/expiring.rs"]
mod expiring;
#[path = "differential/generate.rs"]
mod generate;
#[path = "differential/known.rs"]
mod known;
#[path = "differential/moment.rs"]
mod moment;
#[path = "differential/op.rs"]
mod op;
#[path = "differential/pair.rs"]
mod pair;
#[path = "differential/run.rs"]
mod run;
#[path = "differential/transport.rs"]
mod transport;
#[path = "differential/watching.rs"]
mod watching;

use std::time::{Duration, Instant};

use op::Op;
use pair::{Difference, Pair};
use run::{Plan, Step};
use support::http::{Request, show};
use support::seed;
use support::server::{Launch, debian, ours};

/// The server under test, with the history length of the reference.
fn subject() -> Launch {
    match std::env::var("DIFF_SUBJECT").as_deref() {
        Ok("debian") => debian(),
        Ok(other) => panic!("DIFF_SUBJECT must be `debian` or not set, not {other:?}"),
        Err(_) => ours().arg("--retention-events=1000"),
    }
}

/// Stops the test at a difference.
fn equal(step: Result<(), Difference>) {
    if let Err(difference) = step {
        panic!("{difference}");
    }
}

/// A list of steps that could not be shrunk is shown from this far before its end.
const SHOWN_STEPS: usize = 60;

/// Runs `plan`; panics with everything that is needed to look at a difference again.
fn prove(fresh: impl Fn() -> Pair, plan: Plan) -> Pair {
    println!("{plan:?}");
    let started = Instant::now();
    let mut pair = fresh();
    if let Err(failure) = run::run(&mut pair, plan) {
        let budget = Duration::from_secs(seed::number_from_env("DIFF_SHRINK_SECONDS", 20));
        let steps = failure.steps.len();
        let shorter = match run::shrink(fresh, failure.steps, budget) {
            Some((few, difference)) => {
                let few: Vec<String> = few.iter().map(line).collect();
                let few = &few[few.len().saturating_sub(SHOWN_STEPS)..];
                format!(
                    "shrunk from {steps} steps; the last {}:\n{}\n{}",
                    few.len(),
                    few.join("\n"),
                    difference
                )
            }
            None => "no shorter sequence shows it".to_owned(),
        };
        // What the servers printed matters only when one of them stopped answering.
        let logs = match failure.difference {
            Difference::Silence(_) => format!("\n{}", pair.logs()),
            Difference::Answer(_) => String::new(),
        };
        panic!(
            "seed {}, operation {}: {}\n\n{shorter}\n\nreplay: DIFF_SEED={} DIFF_OPS={} cargo test --test differential random -- --nocapture{}",
            plan.seed, failure.operation, failure.difference, plan.seed, plan.operations, logs
        );
    }
    let rate = pair.compared as f64 / started.elapsed().as_secs_f64();
    println!(
        "{} answers compared, {rate:.0}/s; {}",
        pair.compared,
        pair.met.summary()
    );
    pair
}

fn line(step: &Step) -> String {
    match step {
        Step::Exchange(op) => {
            let request: &Request = &op.request;
            let headers: String = request
                .headers
                .iter()
                .map(|(name, value)| format!(" [{name}: {}]", show(value)))
                .collect();
            format!(
                "  {} {}{headers} {}",
                request.method,
                show(&request.target),
                show(&request.body)
            )
        }
        other => format!("  {other:?}"),
    }
}

#[test]
fn random_operations_have_equal_answers() {
    let plan = Plan {
        seed: seed::from_env("DIFF_SEED"),
        operations: seed::number_from_env("DIFF_OPS", 3000),
        watching_every: 40,
        expiring_every: 1400,
    };
    let pair = prove(|| Pair::start(subject(), debian()), plan);
    // The counters that the reference keeps as documented; `watchers` falls only after connections are seen closed.
    let counters = ["getsSuccess", "setsSuccess", "createSuccess", "expireCount"];
    if let Err(difference) = pair.compare_statistics(&counters) {
        panic!("seed {}: {}", plan.seed, difference);
    }
}

#[test]
fn the_reference_list_has_equal_answers() {
    let mut pair = Pair::start(subject(), debian());
    let (requests, found) = cases::run(&mut pair);
    println!("{requests} requests; {}", pair.met.summary());
    assert!(
        found.is_empty(),
        "{} differences\n\n{}",
        found.len(),
        found.join("\n\n")
    );
}

#[test]
fn the_http_layer_has_equal_answers() {
    let mut pair = Pair::start(subject(), debian());
    equal(transport::requests(&mut pair));
    equal(transport::sizes(&mut pair));
    equal(transport::shapes(&mut pair));
    println!("{} answers compared", pair.compared);
}

#[test]
fn the_history_window_and_the_count_of_watchers_are_equal() {
    let mut pair = Pair::start(subject(), debian());
    equal(watching::history_window(&mut pair));
    equal(watching::registration(&mut pair));
}

#[test]
fn a_restart_changes_no_answer() {
    let plan = Plan {
        seed: seed::from_env("DIFF_SEED"),
        operations: 400,
        watching_every: 100,
        expiring_every: u64::MAX,
    };
    let mut pair = prove(|| Pair::start(subject(), debian()), plan);
    // The last event is no refresh, so the replay from any index has something to find.
    equal(
        pair.exchange(&Op::line("PUT /v2/keys/before/restart value=1"))
            .map(drop),
    );
    let newest = pair.newest;
    pair.restart();
    let everything = "GET /v2/keys?recursive=true&sorted=true".to_owned();
    let replays = (1..=newest).map(|number| {
        let from = op::index(number);
        format!("GET /v2/keys?recursive=true&wait=true&waitIndex={from}")
    });
    let write = "PUT /v2/keys/after/restart value=1".to_owned();
    for line in std::iter::once(everything).chain(replays).chain([write]) {
        equal(pair.exchange(&Op::line(&line)).map(drop));
    }
    println!("{} answers compared; {}", pair.compared, pair.met.summary());
}

#[test]
fn cors_lists_are_obeyed_alike() {
    let list = "--cors=http://a.example:80,http://b.example:8080";
    let mut pair = Pair::start(subject().arg(list), debian().arg(list));
    for line in [
        "GET /v2/keys",
        "[Origin: http://a.example:80] GET /v2/keys",
        "[Origin: http://b.example:8080] PUT /v2/keys/a value=1",
        "[Origin: http://B.example:8080] GET /v2/keys",
        "[Origin: http://a.example] GET /v2/keys",
        "[Origin: http://c.example] OPTIONS /v2/keys",
        "[Origin: http://a.example:80] OPTIONS /v2/keys",
        "[Origin: http://a.example:80] GET /v2/keys/none",
        "[Origin: http://a.example:80] PATCH /v2/keys/none",
        "[Origin: http://a.example:80] GET /nothing",
        "[Origin: http://a.example:80] GET /v2/keys//a",
        "[Origin: *] GET /v2/keys",
        "[Origin: http://a.example:80] GET /v2/keys/%zz",
    ] {
        equal(pair.exchange(&Op::line(line)).map(drop));
    }
}

/// The proof of the harness: what differs between two processes of one program is only what it sets aside.
#[test]
fn the_reference_does_not_differ_from_itself() {
    let plan = Plan {
        seed: seed::from_env("DIFF_SEED"),
        operations: 1000,
        watching_every: 40,
        expiring_every: u64::MAX,
    };
    prove(|| Pair::start(debian(), debian()), plan);
    let mut pair = Pair::start(debian(), debian());
    let (_, found) = cases::run(&mut pair);
    assert!(
        found.is_empty(),
        "{} differences\n\n{}",
        found.len(),
        found.join("\n\n")
    );
}
