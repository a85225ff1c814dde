//! Members that are added, replaced and removed while the cluster runs.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;

use super::support::client;
use super::support::cluster::{Cluster, in_short_times, json, memberships};
use super::support::http::{Request, Response};
use super::support::running::{Running, command};
use super::support::server::{self, Launch, Server};
use super::support::wait::{LIMIT, until, until_or};

/// What a cluster of up to `count` members is made of: where each is.
struct Places {
    clients: Vec<SocketAddr>,
    peers: Vec<SocketAddr>,
}

impl Places {
    fn new(count: usize) -> Places {
        let ports = server::lasting_ports(2 * count);
        let (clients, peers) = ports.split_at(count);
        Places {
            clients: clients.to_vec(),
            peers: peers.to_vec(),
        }
    }

    /// The last of the first `count` members, which are all that it knows of.
    fn launch(&self, count: usize) -> Launch {
        let places = memberships(&self.clients[..count], &self.peers[..count]);
        let place = places.into_iter().last().expect("there is one");
        in_short_times(server::ours().member(place))
    }

    fn joins(&self, count: usize) -> Launch {
        self.launch(count).arg("--initial-cluster-state=existing")
    }

    /// The first three of them, founded together.
    fn three(&self) -> Cluster {
        let all = memberships(&self.clients[..3], &self.peers[..3]);
        let launches = all.into_iter();
        let launches = launches.map(|place| in_short_times(server::ours().member(place)));
        Cluster::of(launches.collect())
    }

    fn peer_url(&self, position: usize) -> String {
        format!("http://{}", self.peers[position])
    }
}

fn add(at: &Server, url: &str) -> Response {
    let body = format!("{{\"peerURLs\":[{url:?}]}}");
    at.exchange(
        &Request::new("POST", "/v2/members")
            .header("Content-Type", "application/json")
            .body(body.as_str()),
    )
}

fn remove(at: &Server, id: &str) -> Response {
    at.exchange(&Request::new("DELETE", format!("/v2/members/{id}")))
}

fn member_id(at: &Server, name: &str) -> String {
    let list = json(at.addr(), "/v2/members").expect("listed");
    let members = list["members"].as_array().cloned().unwrap_or_default();
    let named = members.iter().find(|member| member["name"] == name);
    let named = named.unwrap_or_else(|| panic!("{name} is not in {list}"));
    named["id"].as_str().expect("an id").to_owned()
}

fn put(at: &Server, key: &str) {
    let written = at.exchange(&Request::put(&format!("/v2/keys/{key}"), "value=x"));
    assert!([200, 201].contains(&written.status()), "{}", written.dump());
}

fn voters(at: &Server) -> usize {
    let vars = json(at.addr(), "/v2/stats/leader").unwrap_or(Value::Null);
    vars["followers"].as_object().map_or(0, |all| all.len())
}

/// One server becomes three while it serves, each new one a copy of what is there, and back to two when the first one leaves.
#[test]
fn a_lone_server_grows_to_three_and_goes_on_without_itself() {
    let places = Places::new(3);
    let mut cluster = Cluster::of(vec![places.launch(1)]);
    put(&cluster[0], "before");
    for count in [2, 3] {
        let answer = add(&cluster[0], &places.peer_url(count - 1));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
        let new: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(new["name"], "", "{new}");
        assert_eq!(new["clientURLs"], serde_json::json!([]), "{new}");
        // The one that never comes stops nobody.
        put(&cluster[0], &format!("meanwhile-{count}"));
        cluster.add(places.joins(count));
        cluster.wait_published();
        until_or("the new member gets no vote", || {
            let log = cluster[cluster.leader()].log();
            let id = new["id"].as_str().expect("an id");
            match log.contains(&format!("member {id} is level with the others")) {
                true => Ok(()),
                false => Err(log),
            }
        });
        put(&cluster[count - 1], &format!("by-{count}"));
    }
    cluster.agreed();
    until("the leader does not know two followers", || {
        voters(&cluster[0]) == 2
    });

    let first = member_id(&cluster[1], "m0");
    let answer = remove(&cluster[1], &first);
    assert_eq!((answer.status(), answer.text()), (204, String::new()));
    let status = cluster[0].wait_exit(LIMIT);
    let log = cluster[0].log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("has been permanently removed from the cluster"),
        "{log}"
    );
    cluster.leader_among(&[1, 2]);
    put(&cluster[1], "after");
    put(&cluster[2], "after");

    cluster[0].respawn();
    let status = cluster[0].wait_exit(LIMIT);
    assert_eq!(status.code(), Some(1), "{}", cluster[0].log());
    let again = remove(&cluster[1], &first);
    assert_eq!(again.status(), 410, "{}", again.dump());
    assert_eq!(
        again.text(),
        format!("{{\"message\":\"Member permanently removed: {first}\"}}")
    );
    cluster.agreed();
}

/// A member whose disk was lost is replaced under load: removed, added, started on an empty directory.
#[test]
fn a_member_without_its_disk_is_replaced() {
    let places = Places::new(4);
    let mut cluster = places.three();
    put(&cluster[0], "kept");
    cluster[2].kill();
    let lost = member_id(&cluster[0], "m2");
    let answer = remove(&cluster[1], &lost);
    assert_eq!(answer.status(), 204, "{}", answer.dump());
    let answer = add(&cluster[1], &places.peer_url(3));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    let mut names = Places {
        clients: places.clients.clone(),
        peers: places.peers.clone(),
    };
    // The place of the one that is gone.
    names.clients.remove(2);
    names.peers.remove(2);
    cluster.add(names.joins(3));
    until("the new member does not serve", || {
        let answer = json(cluster[3].addr(), "/v2/keys/kept");
        answer.is_ok_and(|answer| answer["node"]["value"] == "x")
    });
    put(&cluster[3], "by-the-new-one");
    cluster.agreed();

    // What is left of the old one is of no use to it, and costs nobody anything.
    cluster[2].respawn();
    let status = cluster[2].wait_exit(LIMIT);
    let log = cluster[2].log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("says that this one was removed"), "{log}");
}

#[test]
fn changes_that_do_not_hold_are_refused_with_the_reason() {
    let places = Places::new(4);
    let mut cluster = places.three();
    let taken = add(&cluster[0], &places.peer_url(1));
    assert_eq!(taken.status(), 409, "{}", taken.dump());
    assert_eq!(taken.text(), "{\"message\":\"membership: peerURL exists\"}");
    for (url, message) in [
        (
            "ftp://a:1",
            "URL scheme must be http, https, unix, or unixs: ftp://a:1",
        ),
        ("http://a:1/x", "URL must not contain a path: http://a:1/x"),
        (
            "http://a",
            "URL address does not have the form \\\"host:port\\\": http://a",
        ),
    ] {
        let answer = add(&cluster[1], url);
        let text = format!("{{\"message\":\"{message}\"}}");
        assert_eq!((answer.status(), answer.text()), (400, text));
    }
    let nobody = remove(&cluster[0], "1");
    assert_eq!(nobody.status(), 404, "{}", nobody.dump());
    assert_eq!(nobody.text(), "{\"message\":\"No such member: 1\"}");

    // With one of three down, another one cannot go; the one that is down can.
    cluster.leader();
    cluster[2].kill();
    let leader = cluster.leader_among(&[0, 1]);
    let (here, down) = (format!("m{}", 1 - leader), member_id(&cluster[0], "m2"));
    cluster.wait_said(leader, "the process of a member has ended");
    put(&cluster[leader], "heard-of-it");
    let answer = remove(&cluster[leader], &member_id(&cluster[leader], &here));
    assert_eq!(answer.status(), 409, "{}", answer.dump());
    let text = answer.text();
    assert!(text.contains("too few of the others answer"), "{text}");
    let answer = remove(&cluster[leader], &down);
    assert_eq!(answer.status(), 204, "{}", answer.dump());
    put(&cluster[1 - leader], "goes-on");
    let moved = cluster[0].exchange(
        &Request::new("PUT", format!("/v2/members/{down}"))
            .header("Content-Type", "application/json")
            .body("{\"peerURLs\":[\"http://127.0.0.1:9\"]}"),
    );
    assert_eq!(moved.status(), 410, "{}", moved.dump());
}

/// Nothing is left of a start that finds no cluster.
#[test]
fn a_member_that_was_not_added_makes_nothing() {
    let places = Places::new(3);
    let elsewhere = Places::new(2);
    let cluster = Cluster::of(vec![places.launch(1)]);
    for (launch, wanted) in [
        (elsewhere.joins(1), "names nobody but this member"),
        (
            elsewhere.joins(2),
            "cannot fetch cluster info from peer urls",
        ),
    ] {
        let mut server = launch.spawn();
        let status = server.wait_exit(LIMIT);
        let log = server.log();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(wanted), "{wanted:?} is not in:\n{log}");
        assert!(!server.data_dir().join("wal").exists(), "{log}");
    }
    let answer = add(&cluster[0], &places.peer_url(1));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    // Nor one that would found another cluster with members that run.
    let mut founds = places.launch(2).spawn();
    let status = founds.wait_exit(LIMIT);
    let log = founds.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("start it with --initial-cluster-state existing"),
        "{log}"
    );
    assert!(!founds.data_dir().join("wal").exists(), "{log}");
    let mut third = places.joins(3).spawn();
    let status = third.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(1), "{}", third.log());
    let log = third.log();
    assert!(log.contains("the cluster has no member at"), "{log}");
    assert!(log.contains("etcdctl member add"), "{log}");
    assert!(!third.data_dir().join("wal").exists(), "{log}");
}

/// A new member may die before it has anything, and comes back to the place that it was given.
#[test]
fn a_new_member_that_is_killed_comes_back() {
    let places = Places::new(2);
    let mut cluster = Cluster::of(vec![places.launch(1)]);
    for number in 0..200 {
        put(&cluster[0], &format!("many/{number}"));
    }
    let answer = add(&cluster[0], &places.peer_url(1));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    cluster.add(places.joins(2));
    for _ in 0..4 {
        until("it is not started", || {
            cluster[1].log().contains("serves clients on")
        });
        cluster[1].kill();
        cluster[1].respawn();
    }
    until("the new member does not serve", || {
        let answer = json(cluster[1].addr(), "/v2/keys/many/199");
        answer.is_ok_and(|answer| answer["node"]["value"] == "x")
    });
    cluster.agreed();
}

/// The port that the others would use is taken: the member that asks is told, and nothing changes.
#[test]
fn a_lone_server_whose_peer_port_is_taken_stays_alone() {
    let places = Places::new(2);
    let taken = std::net::TcpListener::bind(places.peers[0]).expect("free");
    let cluster = Cluster::of(vec![places.launch(1)]);
    let answer = add(&cluster[0], &places.peer_url(1));
    assert_eq!(answer.status(), 409, "{}", answer.dump());
    let text = answer.text();
    assert!(
        text.contains("other members could not reach this one"),
        "{text}"
    );
    drop(taken);
    let answer = add(&cluster[0], &places.peer_url(1));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    put(&cluster[0], "alone-still");
}

/// One command does all of it, and can be run again after it was cut off.
#[test]
fn a_member_is_replaced_by_one_command() {
    let places = Places::new(4);
    let mut cluster = places.three();
    put(&cluster[0], "kept");
    cluster[2].kill();
    let lost = member_id(&cluster[0], "m2");
    let words = ["member", "replace", &lost, &places.peer_url(3), "m3"];
    let waits = Running::start(command(&client::ours(), &cluster[1]).args(words));
    until("nothing is added", || {
        let list = json(cluster[0].addr(), "/v2/members").expect("listed");
        list["members"].as_array().is_some_and(|all| all.len() == 4)
    });
    // Ctrl-C would do, but for who runs this in the background.
    waits.signal(Signal::KILL);
    waits.end();
    // It waits before there is anything to wait for: with a vote already it would be told to remove by itself.
    let again = Running::start(command(&client::ours(), &cluster[1]).args(words));
    until("the second run does not wait", || {
        again
            .line_if_any()
            .is_some_and(|line| line.starts_with("ETCD_NAME"))
    });
    cluster.add(places.joins(4));
    let (said, complaints, status) = again.end();
    assert_eq!(status.code(), Some(0), "{said:?} {complaints}");
    assert!(
        said.contains(&format!("Removed member {lost} from cluster")),
        "{said:?}"
    );
    // A list is of the member that is asked, which may learn of it a moment later.
    until("the old member is still there", || {
        let list = json(cluster[3].addr(), "/v2/members").expect("listed");
        list["members"].as_array().map(Vec::len) == Some(3)
    });
    put(&cluster[3], "by-the-new-one");
    let other = member_id(&cluster[1], "m0");
    let mistaken = ["member", "replace", &other, &places.peer_url(3)];
    let refused = Running::start(command(&client::ours(), &cluster[1]).args(mistaken));
    let (_, complaints, status) = refused.end();
    assert_eq!(status.code(), Some(1), "{complaints}");
    assert!(complaints.contains("has its vote"), "{complaints}");
    assert_eq!(member_id(&cluster[1], "m0"), other, "nobody was removed");
    let third = Running::start(command(&client::ours(), &cluster[0]).args(words));
    let (said, complaints, status) = third.end();
    assert_eq!(status.code(), Some(0), "{complaints}");
    assert!(
        said.iter()
            .any(|line| line.contains("nothing is left to do")),
        "{said:?}"
    );
}

/// A new member that the others cannot reach shows who they are, and says what is wrong.
#[test]
fn a_new_member_that_nobody_reaches_says_so() {
    let places = Places::new(2);
    let [elsewhere] = server::lasting_ports(1)[..] else {
        panic!("one port was asked for");
    };
    let cluster = Cluster::of(vec![places.launch(1)]);
    let answer = add(&cluster[0], &places.peer_url(1));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    let listens = format!("--listen-peer-urls=http://{elsewhere}");
    let lost = places.joins(2).arg(listens).spawn();
    until("it does not list the others", || {
        let list = json(lost.addr(), "/v2/members");
        list.is_ok_and(|list| list["members"].as_array().is_some_and(|all| all.len() == 2))
    });
    until("nothing is said", || {
        lost.log().contains("and none of them reaches it at")
    });
    put(&cluster[0], "goes-on");
}
