//! Whoever a client asks: writes come back in order, comparisons have one winner, watches and deadlines are everybody's.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use super::support::cluster::{Cluster, asked, json};
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};
use super::support::server::Server;
use super::support::wait::until;

/// A watch that is registered with the answer of its head; what follows are the events.
fn stream(member: &Server, key: &str, first: u64) -> Connection {
    let target = format!("/v2/keys{key}?wait=true&stream=true&recursive=true&waitIndex={first}");
    let mut connection = Connection::open(member.addr()).expect("a member accepts");
    connection
        .send(&Request::get(&target))
        .expect("a request can be sent");
    let head = connection.read_head(EXCHANGE_TIMEOUT);
    assert_eq!(head.expect("a watch is begun").status, 200);
    connection
}

fn event(connection: &mut Connection) -> Value {
    let chunk = connection.read_chunk(EXCHANGE_TIMEOUT);
    let chunk = chunk.expect("an event comes").expect("the stream goes on");
    serde_json::from_slice(&chunk).expect("an event is JSON")
}

#[test]
fn a_watch_on_one_member_sees_what_is_written_on_another() {
    const WRITES: u64 = 50;
    let cluster = Cluster::start(3);
    let first = cluster[0].index() + 1;
    let mut streams: Vec<_> = cluster
        .iter()
        .map(|member| stream(member, "/w", first))
        .collect();
    for number in 0..WRITES {
        let writer = &cluster[number as usize % 3];
        let answer = writer.exchange(&Request::put("/v2/keys/w/k", &format!("value={number}")));
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    }
    for connection in &mut streams {
        for number in 0..WRITES {
            let event = event(connection);
            assert_eq!(event["node"]["value"], number.to_string(), "{event}");
            assert_eq!(event["node"]["modifiedIndex"], first + number, "{event}");
        }
    }
    // A poll on a member for what another one has written already, and for what it will write.
    let next = first + WRITES;
    for (asks, writes) in [(0, 1), (1, 2), (2, 0)] {
        let address = cluster[asks].addr();
        let poll = format!("/v2/keys/p{asks}?wait=true&waitIndex={next}");
        let told = thread::spawn(move || asked(address, &Request::get(&poll)));
        cluster[writes].exchange(&Request::put(&format!("/v2/keys/p{asks}"), "value=x"));
        let told = told.join().expect("the poll ends").expect("it is answered");
        assert_eq!(told.status(), 200, "{}", told.dump());
    }
}

#[test]
fn one_of_those_that_compare_wins_wherever_they_ask() {
    let cluster = Cluster::start(3);
    for round in 0..20 {
        let target = format!("/v2/keys/cas/{round}");
        let ask = |form: &'static str| {
            let statuses: Vec<_> = cluster
                .addresses()
                .into_iter()
                .map(|address| {
                    let request = Request::put(&target, form);
                    thread::spawn(move || asked(address, &request).map(|answer| answer.status()))
                })
                .collect();
            let statuses = statuses.into_iter().map(|thread| thread.join());
            statuses
                .map(|status| status.expect("it ends").expect("it is answered"))
                .collect::<Vec<_>>()
        };
        let mut created = ask("value=a&prevExist=false");
        created.sort_unstable();
        assert_eq!(created, [201, 412, 412], "round {round}");
        let mut swapped = ask("value=b&prevValue=a");
        swapped.sort_unstable();
        assert_eq!(swapped, [200, 412, 412], "round {round}");
    }
}

#[test]
fn names_in_order_are_in_order_whoever_gives_them() {
    const EACH: usize = 40;
    let cluster = Cluster::start(3);
    let writers = cluster.addresses().into_iter().map(|address| {
        thread::spawn(move || {
            let mut connection = Connection::open(address).expect("a member accepts");
            let mut keys = Vec::new();
            for _ in 0..EACH {
                let answer = connection.exchange(&Request::post("/v2/keys/queue", "value=x"));
                let answer = answer.expect("a write is answered");
                assert_eq!(answer.status(), 201, "{}", answer.dump());
                let made: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
                keys.push(
                    made["node"]["key"]
                        .as_str()
                        .expect("it has a key")
                        .to_owned(),
                );
            }
            keys
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut all = BTreeSet::new();
    for writer in writers {
        let keys = writer.join().expect("a writer ends well");
        assert!(keys.is_sorted(), "{keys:?}");
        all.extend(keys);
    }
    assert_eq!(all.len(), 3 * EACH, "a name was given twice");
    for member in cluster.iter() {
        let listed = json(member.addr(), "/v2/keys/queue?sorted=true").expect("it is listed");
        let nodes = listed["node"]["nodes"]
            .as_array()
            .expect("it is a directory");
        let listed: BTreeSet<_> = nodes
            .iter()
            .filter_map(|node| node["key"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(listed, all);
    }
}

/// Who asks for it is sent to the leader, with all that was asked.
#[test]
fn a_client_can_ask_who_leads() {
    let cluster = Cluster::start(3);
    let leader = cluster.leader();
    for (position, member) in cluster.iter().enumerate() {
        let target = "/v2/keys/r/a%20b?redirect=true&prevExist=false";
        let answer = member.exchange(&Request::put(target, "value=x"));
        if position == leader {
            assert!(matches!(answer.status(), 201 | 412), "{}", answer.dump());
            continue;
        }
        assert_eq!(answer.status(), 307, "{}", answer.dump());
        let location = format!("http://{}{target}", cluster[leader].addr());
        assert_eq!(answer.head.get("Location"), Some(location.as_str()));
    }
    let refused = cluster[leader].exchange(&Request::get("/v2/keys/r?redirect=perhaps"));
    assert_eq!(refused.status(), 400, "{}", refused.dump());
}

/// By the leader's clock, once, and everywhere.
#[test]
fn what_lapses_is_gone_on_all_members() {
    let cluster = Cluster::start(3);
    let first = cluster[0].index() + 1;
    let mut streams: Vec<_> = cluster
        .iter()
        .map(|member| stream(member, "/t", first))
        .collect();
    for (number, member) in cluster.iter().enumerate() {
        let answer = member.exchange(&Request::put(
            &format!("/v2/keys/t/{number}"),
            "value=x&ttl=1",
        ));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    let mut told = Vec::new();
    for connection in &mut streams {
        let events: Vec<Value> = (0..6).map(|_| event(connection)).collect();
        let actions = |wanted: &str| {
            events
                .iter()
                .filter(|event| event["action"] == wanted)
                .count()
        };
        assert_eq!((actions("set"), actions("expire")), (3, 3), "{events:?}");
        let indexes = events
            .iter()
            .map(|event| event["node"]["modifiedIndex"].as_u64());
        told.push(indexes.collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[1], told[2]);
    for member in cluster.iter() {
        until("a key that has lapsed is still there", || {
            let answer = member.exchange(&Request::get("/v2/keys/t/0?local=true"));
            answer.status() == 404
        });
    }
}
