//! All members are killed at once while clients write. What was acknowledged is on all of them afterwards, on their own
//! word, and what was not is on all of them or on none.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::support::cluster::{Cluster, read};
use super::support::http::{Connection, Request};
use super::support::seed::{self, Rng};
use super::support::wait::until;

const WRITERS: usize = 9;
const ACKNOWLEDGED: u64 = 200;

#[test]
fn what_was_acknowledged_is_on_all_after_all_were_killed() {
    let seed = seed::from_env("CLUSTER_SEED");
    println!("CLUSTER_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut cluster = Cluster::start(3);
    let mut kept: Vec<(String, String)> = Vec::new();
    for round in 0..2 {
        let (killed, count) = (AtomicBool::new(false), AtomicU64::new(0));
        let addresses = cluster.addresses();
        let written = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let prefix = format!("/l/{round}/{writer}");
                    let (killed, count) = (&killed, &count);
                    let address = addresses[writer % addresses.len()];
                    scope.spawn(move || write(address, &prefix, killed, count))
                })
                .collect();
            until("nobody acknowledges the writes", || {
                count.load(Ordering::SeqCst) >= ACKNOWLEDGED
            });
            killed.store(true, Ordering::SeqCst);
            cluster.kill_all();
            let writers = writers.into_iter().map(thread::ScopedJoinHandle::join);
            writers
                .flat_map(|written| written.expect("a writer ends well"))
                .collect::<Vec<_>>()
        });
        kept.extend(written);
        let mut order: Vec<usize> = (0..cluster.len()).collect();
        rng.shuffle(&mut order);
        for position in order {
            cluster[position].respawn();
        }
        cluster.wait_healthy();
        let (tree, _) = cluster.agreed();
        let tree: serde_json::Value = serde_json::from_str(&tree).expect("it is JSON");
        let mut there = std::collections::BTreeMap::new();
        gather(&tree["node"], &mut there);
        for (key, value) in &kept {
            assert_eq!(there.get(key), Some(value), "{key} was acknowledged");
        }
        let (key, _) = kept.last().expect("something was acknowledged");
        for address in cluster.addresses() {
            assert_eq!(read(address, key).status(), 200, "{key}");
        }
    }
}

/// Writes until the connection breaks; what was acknowledged.
fn write(
    address: SocketAddr,
    prefix: &str,
    killed: &AtomicBool,
    count: &AtomicU64,
) -> Vec<(String, String)> {
    let mut connection = Connection::open(address).expect("a member accepts");
    let mut written = Vec::new();
    for number in 0_u64.. {
        let (key, value) = (format!("{prefix}/{number}"), format!("v{number}"));
        let request = Request::put(&format!("/v2/keys{key}"), &format!("value={value}"));
        match connection.exchange(&request) {
            Ok(answer) if matches!(answer.status(), 200 | 201) => written.push((key, value)),
            // A member whose peers died a moment before it may still say so.
            Ok(answer) => assert!(killed.load(Ordering::SeqCst), "{}", answer.dump()),
            Err(error) => {
                assert!(killed.load(Ordering::SeqCst), "{key}: {error}");
                break;
            }
        }
        count.fetch_add(1, Ordering::SeqCst);
    }
    written
}

fn gather(node: &serde_json::Value, there: &mut std::collections::BTreeMap<String, String>) {
    if let (Some(key), Some(value)) = (node["key"].as_str(), node["value"].as_str()) {
        there.insert(key.to_owned(), value.to_owned());
    }
    for child in node["nodes"].as_array().into_iter().flatten() {
        gather(child, there);
    }
}
