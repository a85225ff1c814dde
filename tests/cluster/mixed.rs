//! Members of releases that know different commands: what one of them does not know is refused by all, and a rolling upgrade
//! and back loses nothing.
//!
//! There is one build. A member is made to say that it knows less, which is all that the others go by; builds without debug
//! assertions cannot be told so.
#![cfg(debug_assertions)]

use super::support::cluster::{Cluster, json, launches};
use super::support::http::Request;
use super::support::wait::{LIMIT, until, until_or};

/// What a member is told that it knows.
const CLAIM: &str = "ETCD2_TEST_APPLIES";

fn put(cluster: &Cluster, writer: usize, key: &str) {
    let answer = cluster[writer].exchange(&Request::put(&format!("/v2/keys{key}"), "value=x"));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
}

/// Waits until these members say that the cluster is of this version.
fn wait_version(cluster: &Cluster, members: &[usize], wanted: &str) {
    for member in members {
        until_or("the cluster is of another version", || {
            let version = json(cluster[*member].addr(), "/version")?;
            match version["etcdcluster"] == wanted {
                true => Ok(()),
                false => Err(version.to_string()),
            }
        });
    }
}

/// Stops a member in order and starts it as a build that says this; writes go on at another one.
fn exchange(cluster: &mut Cluster, member: usize, claim: Option<&str>, key: &str) {
    let status = cluster[member].terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{}", cluster[member].log_tail());
    put(
        cluster,
        (member + 1) % cluster.len(),
        &format!("{key}/without"),
    );
    cluster[member].set_env(CLAIM, claim);
    cluster[member].respawn();
    cluster.wait_healthy();
    put(cluster, member, &format!("{key}/with"));
}

#[test]
fn a_rolling_upgrade_and_back_loses_nothing() {
    let old = launches(3).into_iter().map(|launch| launch.env(CLAIM, "2"));
    let mut cluster = Cluster::of(old.collect());
    wait_version(&cluster, &[0, 1, 2], "3.3.0");
    for (round, claim) in [None, Some("2")].into_iter().enumerate() {
        for member in 0..cluster.len() {
            exchange(
                &mut cluster,
                member,
                claim,
                &format!("/kept/{round}/{member}"),
            );
            // Until the last of them is upgraded, and again once the first one is back.
            let upgraded = claim.is_none() && member + 1 == cluster.len();
            let version = if upgraded { "3.4.0" } else { "3.3.0" };
            wait_version(&cluster, &[0, 1, 2], version);
        }
    }
    let (tree, index) = cluster.agreed();
    for round in 0..2 {
        for member in 0..cluster.len() {
            for when in ["with", "without"] {
                let key = format!("/kept/{round}/{member}/{when}");
                assert!(tree.contains(&format!("\"{key}\"")), "{key}: {tree}");
            }
        }
    }
    // The founding has four, and nothing but clients has written since: what members say of themselves takes no index.
    assert_eq!(index, 4 + 12, "{tree}");
}

/// To let a member in takes a command of format 3.
#[test]
fn what_one_member_does_not_know_waits_for_it() {
    let mut launches = launches(3);
    let last = launches.pop().expect("there are three");
    let old = launches.into_iter().map(|launch| launch.env(CLAIM, "2"));
    let mut cluster = Cluster::of(old.collect());
    put(&cluster, 0, "/early");
    cluster.add(last);
    cluster.wait_said(2, "applies those up to 2: update that member first");
    let health = cluster[2].exchange(&Request::get("/health"));
    assert_eq!(health.status(), 503, "{}", health.dump());
    for member in [0, 1] {
        cluster[member].set_env(CLAIM, None);
        cluster[member].respawn();
        until("a member does not come back", || {
            let other = &cluster[1 - member];
            other.exchange(&Request::get("/v2/keys/early")).status() == 200
        });
    }
    cluster.wait_healthy();
    wait_version(&cluster, &[0, 1, 2], "3.4.0");
    put(&cluster, 2, "/late");
    let (tree, _) = cluster.agreed();
    assert!(
        tree.contains("\"/early\"") && tree.contains("\"/late\""),
        "{tree}"
    );
}
