//! Members that end, by a signal or at once, and start again in any order: nothing changes, and who was away catches up.

use std::thread;

use super::support::cluster::Cluster;
use super::support::http::Request;
use super::support::seed::{self, Rng};
use super::support::server::Server;
use super::support::wait::{LIMIT, until};

fn fill(cluster: &Cluster, directory: &str, count: usize) {
    let running = (0..cluster.len()).filter(|position| cluster[*position].pid().is_some());
    let running: Vec<usize> = running.collect();
    thread::scope(|scope| {
        for position in running {
            let member = &cluster[position];
            scope.spawn(move || {
                for number in 0..count {
                    put(member, &format!("{directory}/{position}/{number}"));
                }
            });
        }
    });
}

fn put(member: &Server, key: &str) {
    let answer = member.exchange(&Request::put(&format!("/v2/keys{key}"), "value=x"));
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
}

#[test]
fn all_of_them_come_back_with_everything() {
    let seed = seed::from_env("CLUSTER_SEED");
    println!("CLUSTER_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut cluster = Cluster::start(3);
    fill(&cluster, "/kept", 20);
    let kept = cluster.agreed();
    for at_once in [false, true] {
        let mut order: Vec<usize> = (0..cluster.len()).collect();
        rng.shuffle(&mut order);
        if at_once {
            cluster.kill_all();
        } else {
            for position in &order {
                let status = cluster[*position].terminate(LIMIT);
                assert_eq!(status.code(), Some(0), "{}", cluster[*position].log_tail());
            }
        }
        rng.shuffle(&mut order);
        for position in &order {
            cluster[*position].respawn();
        }
        cluster.wait_healthy();
        assert_eq!(cluster.agreed(), kept, "order {order:?}");
        // The first event is still told, by everybody.
        for member in cluster.iter() {
            let told = member.exchange(&Request::get(
                "/v2/keys/kept?wait=true&recursive=true&waitIndex=1",
            ));
            assert_eq!(told.status(), 200, "{}", told.dump());
            assert!(
                told.text().contains("\"modifiedIndex\":5,"),
                "{}",
                told.dump()
            );
        }
    }
}

#[test]
fn who_was_away_catches_up() {
    let mut cluster = Cluster::start(3);
    // A leader and a follower, each ended in its own way.
    for (directory, leads) in [("/one", false), ("/two", true)] {
        let leader = cluster.leader();
        let away = if leads {
            leader
        } else {
            cluster.others(leader)[0]
        };
        if leads {
            cluster[away].kill();
        } else {
            cluster[away].terminate(LIMIT);
        }
        cluster.leader();
        fill(&cluster, directory, 100);
        cluster[away].restart();
        let (tree, index) = cluster.agreed();
        assert!(tree.contains(&format!("{directory}/{}/99", cluster.others(away)[0])));
        let own = cluster[away].exchange(&Request::get("/v2/keys/"));
        assert_eq!(own.etcd_index(), Some(index), "{}", own.dump());
        put(&cluster[away], "/back");
    }
}

/// A lone one of three waits for the second, and serves once it is there.
#[test]
fn two_of_three_are_enough_and_one_is_not() {
    let mut cluster = Cluster::start(3);
    put(&cluster[0], "/a");
    cluster.kill_all();
    cluster[0].respawn();
    until("the port of a member is closed", || {
        super::support::cluster::asked(cluster[0].addr(), &Request::get("/version")).is_ok()
    });
    // What it last knew to be committed, which need not be its last entry.
    let local = cluster[0].exchange(&Request::get("/v2/keys/_etcd/config?local=true"));
    assert_eq!(local.status(), 200, "{}", local.dump());
    let health = cluster[0].exchange(&Request::get("/health"));
    assert_eq!(health.status(), 503, "{}", health.dump());
    cluster[1].restart();
    put(&cluster[0], "/b");
    let read = cluster[1].exchange(&Request::get("/v2/keys/b"));
    assert_eq!(read.status(), 200, "{}", read.dump());
}
