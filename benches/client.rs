//! What one caller of the client library waits for: writes, reads, compare-and-swaps and watch events, one at a time,
//! against this server and Debian's etcd in turn.
//!
//! ```text
//! cargo bench --bench client [-- --rounds 5 --operations 2000]
//! ```
//!
//! Rounds alternate between the servers, because machines drift; the table shows medians over all operations of all
//! rounds, and the ratio. Without `--bench` (in a plain `cargo test`) it runs a few operations, so that it cannot rot.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use etcd2::client::{
    Client, ClientOptions, Endpoint, Error, GetOptions, Key, PutOptions, WatchOptions,
};
use support::server::{Server, debian, ours};

const NAMES: [&str; 4] = ["set", "get", "compare-and-swap", "set until watched"];

/// How much to measure.
struct Plan {
    rounds: usize,
    operations: usize,
}

impl Plan {
    fn from_arguments() -> Result<Plan, String> {
        let mut plan = Plan {
            rounds: 1,
            operations: 20,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let number = match argument.as_str() {
                "--bench" => {
                    plan.rounds = plan.rounds.max(3);
                    plan.operations = plan.operations.max(2_000);
                    continue;
                }
                "--rounds" => &mut plan.rounds,
                "--operations" => &mut plan.operations,
                // The arguments that a test runner gives to every program of a run.
                _ => continue,
            };
            *number = arguments
                .next()
                .and_then(|text| text.parse().ok())
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("{argument} needs a number above 0"))?;
        }
        Ok(plan)
    }
}

/// Times of the four kinds of operation against one server.
type Times = [Vec<Duration>; 4];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = Plan::from_arguments()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let servers = [ours().start(), debian().start()];
    let mut times: [Times; 2] = Default::default();
    for round in 0..plan.rounds {
        for (server, times) in servers.iter().zip(&mut times) {
            runtime.block_on(measure(server, round, plan.operations, times))?;
        }
    }
    let [ours, debian] = &mut times;
    println!(
        "{} rounds of {} operations, one at a time; medians",
        plan.rounds, plan.operations
    );
    println!("| operation | this server, µs | etcd 3.4, µs | ratio |");
    println!("|---|---:|---:|---:|");
    for ((name, ours), debian) in NAMES.iter().zip(ours).zip(debian) {
        let (ours, debian) = (median(ours), median(debian));
        println!(
            "| {name} | {ours:.0} | {debian:.0} | {:.2} |",
            debian / ours
        );
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e6
}

async fn measure(
    server: &Server,
    round: usize,
    operations: usize,
    times: &mut Times,
) -> Result<(), Error> {
    let client = Client::new(ClientOptions {
        endpoints: vec![Endpoint::parse(&server.url()).expect("a server's own address is one")],
        ..ClientOptions::default()
    });
    let [sets, gets, swaps, watched] = times;
    let value = "v".repeat(128);
    let (key, other) = (Key::from("/bench/key"), Key::from("/bench/watched"));
    let first = client
        .put(&key, value.as_bytes(), PutOptions::default())
        .await?;
    let mut watcher = client.watch(
        other.clone(),
        WatchOptions {
            after_index: Some(first.node.modified_index),
            ..WatchOptions::default()
        },
    );
    for number in 0..operations {
        let text = format!("{round}-{number}-{value}");
        let set = timed(
            sets,
            client.put(&key, text.as_bytes(), PutOptions::default()),
        )
        .await?;
        let got = timed(gets, client.get(&key, GetOptions::default())).await?;
        assert_eq!(got.node.value, text, "a read after a write shows the write");
        let condition = PutOptions {
            prev_index: Some(set.node.modified_index),
            ..PutOptions::default()
        };
        timed(swaps, client.put(&key, value.as_bytes(), condition)).await?;
        let both = async {
            let write = client.put(&other, text.as_bytes(), PutOptions::default());
            tokio::try_join!(write, watcher.next())
        };
        let (_, event) = timed(watched, both).await?;
        assert_eq!(event.node.value, text, "events come in order, each once");
    }
    Ok(())
}

async fn timed<T>(
    times: &mut Vec<Duration>,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let start = Instant::now();
    let outcome = operation.await?;
    times.push(start.elapsed());
    Ok(outcome)
}
