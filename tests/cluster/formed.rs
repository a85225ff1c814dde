//! Members that were started on empty directories: one cluster, with the first indexes that it documents, and every
//! member tells the same of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::support::cluster::{Cluster, json, launches, with_defaults};
use super::support::http::Request;

/// What every member says of its cluster, as tools ask for it.
fn assert_formed(count: usize, first: u64) {
    let mut cluster = Cluster::start(count);
    let answer = cluster[count - 1].exchange(&Request::put("/v2/keys/first", "value=1"));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    assert_eq!(answer.etcd_index(), Some(first), "{}", answer.dump());
    for writer in 0..count {
        let key = format!("/v2/keys/by/{writer}");
        let answer = cluster[writer].exchange(&Request::put(&key, "value=x"));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
        for reader in cluster.iter() {
            let answer = reader.exchange(&Request::get(&key));
            assert_eq!(answer.status(), 200, "{}", answer.dump());
        }
    }
    let leader = cluster.leader();
    assert_members(&cluster);
    assert_machines(&cluster);
    assert_leads(&cluster, leader);
    cluster.wait_healthy();
    cluster.agreed();
}

fn assert_members(cluster: &Cluster) {
    let listed: Vec<Value> = cluster.addresses().into_iter().map(members).collect();
    for other in &listed {
        assert_eq!(*other, listed[0]);
    }
    let members = listed[0]["members"].as_array().expect("there is a list");
    let urls = |field: &str| -> BTreeSet<&str> {
        let urls = members.iter().map(|member| &member[field][0]);
        urls.filter_map(Value::as_str).collect()
    };
    let told: BTreeSet<String> = cluster.iter().map(|member| member.url()).collect();
    assert_eq!(
        urls("clientURLs"),
        told.iter().map(String::as_str).collect()
    );
    let peers = cluster.iter().map(|member| member.peer_addr());
    let peers: BTreeSet<String> = peers.map(|peer| format!("http://{peer}")).collect();
    assert_eq!(urls("peerURLs"), peers.iter().map(String::as_str).collect());
    let ids: BTreeSet<_> = members.iter().map(|member| member["id"].as_str()).collect();
    assert_eq!(ids.len(), cluster.len(), "{members:?}");
}

fn members(address: std::net::SocketAddr) -> Value {
    json(address, "/v2/members").expect("a member lists the members")
}

fn assert_machines(cluster: &Cluster) {
    for member in cluster.iter() {
        let list = json(member.addr(), "/v2/keys/_etcd/machines?sorted=true");
        let list = list.expect("the machines are listed");
        let nodes = list["node"]["nodes"]
            .as_array()
            .expect("they are a directory");
        let keys: Vec<_> = nodes
            .iter()
            .filter_map(|node| node["key"].as_str())
            .collect();
        let wanted = (0..cluster.len()).map(|number| format!("/_etcd/machines/m{number}"));
        assert_eq!(keys, wanted.collect::<Vec<_>>());
        let machines = member.exchange(&Request::get("/v2/machines")).text();
        let machines: BTreeSet<_> = machines.split(", ").map(str::to_owned).collect();
        assert_eq!(
            machines,
            cluster.iter().map(|member| member.url()).collect()
        );
    }
}

fn assert_leads(cluster: &Cluster, leader: usize) {
    let own = |member: usize| json(cluster[member].addr(), "/v2/stats/self").expect("it says");
    let id = own(leader)["id"].clone();
    for member in 0..cluster.len() {
        let said = own(member);
        let state = match member == leader {
            true => "StateLeader",
            false => "StateFollower",
        };
        assert_eq!(said["state"], state, "{said}");
        assert_eq!(said["leaderInfo"]["leader"], id, "{said}");
        let leads = json(cluster[member].addr(), "/v2/members/leader").expect("it says");
        assert_eq!(leads["id"], id, "{leads}");
        let stats = cluster[member].exchange(&Request::get("/v2/stats/leader"));
        assert_eq!(stats.status() == 200, member == leader, "{}", stats.dump());
    }
    let stats = json(cluster[leader].addr(), "/v2/stats/leader").expect("it says");
    assert_eq!(stats["leader"], id, "{stats}");
    let others = cluster.others(leader).into_iter();
    let others: BTreeSet<_> = others
        .map(|other| own(other)["id"].clone().to_string())
        .collect();
    let followers = stats["followers"].as_object().expect("an object");
    let named: BTreeSet<_> = followers.keys().map(|id| format!("\"{id}\"")).collect();
    assert_eq!(named, others, "{stats}");
    for follower in followers.values() {
        assert_measured(follower);
    }
}

/// Each has acknowledged entries by now, and that takes time.
fn assert_measured(follower: &Value) {
    let of = |name: &str| follower["latency"][name].as_f64().expect("a number");
    let (minimum, maximum) = (of("minimum"), of("maximum"));
    let (average, deviation) = (of("average"), of("standardDeviation"));
    assert!(minimum > 0.0 && minimum <= maximum, "{follower}");
    // Sums of floats are rounded.
    let slack = 1e-6 * maximum;
    for between in [of("current"), average] {
        assert!(
            between >= minimum - slack && between <= maximum + slack,
            "{follower}"
        );
    }
    assert!(
        (0.0..=maximum - minimum + slack).contains(&deviation),
        "{follower}"
    );
    let count = follower["counts"]["success"].as_u64().expect("a count");
    assert!(count > 0, "{follower}");
    if count == 1 {
        assert_eq!((minimum, deviation), (maximum, 0.0), "{follower}");
    }
    assert!(follower["counts"]["fail"].is_u64(), "{follower}");
}

#[test]
fn three_members_become_one_cluster() {
    assert_formed(3, 5);
}

#[test]
fn five_members_become_one_cluster() {
    assert_formed(5, 7);
}

#[test]
fn it_forms_with_the_times_of_one_who_says_nothing() {
    let cluster = Cluster::of(with_defaults(3));
    let answer = cluster[0].exchange(&Request::put("/v2/keys/first", "value=1"));
    assert_eq!(answer.etcd_index(), Some(5), "{}", answer.dump());
}

/// The last of them comes when the others have served for a while.
#[test]
fn a_majority_serves_before_the_last_member_is_there() {
    let mut later = launches(3);
    let last = later.pop().expect("there are three");
    let mut cluster = Cluster::of(later);
    for number in 0..20 {
        let request = Request::put(&format!("/v2/keys/early/{number}"), "value=x");
        let answer = cluster[number % 2].exchange(&request);
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    cluster.add(last);
    cluster.wait_published();
    let (tree, _) = cluster.agreed();
    assert!(tree.contains("/early/19"), "{tree}");
    assert_machines(&cluster);
}
