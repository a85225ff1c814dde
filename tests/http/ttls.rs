//! TTLs as clients see them in events.

use super::node::{ask, connect, get, json, until, written};
use super::support::http::{Connection, Request};
use super::support::json::Raw;
use super::support::server::{self, Server};

fn number(node: &Raw, name: &str) -> Option<String> {
    match node.get(name) {
        Some(Raw::Word(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The `ttl` of node and prevNode in the event at `index`.
fn ttls(client: &mut Connection, index: u64) -> [Option<String>; 2] {
    let target = format!("/v2/keys/t?wait=true&waitIndex={index}");
    let answer = json(&ask(client, &Request::get(&target)));
    ["node", "prevNode"].map(|name| number(answer.get(name)?, "ttl"))
}

/// What a read shows now.
fn left(server: &Server) -> u64 {
    let read = json(&get(server, "/v2/keys/t"));
    let ttl = number(read.get("node").expect("the key is there"), "ttl");
    ttl.expect("it has a TTL").parse().expect("a number")
}

/// The original answers from what it made when the event took place, and so do we, however late it is read.
#[test]
fn a_watch_from_the_past_shows_the_ttl_of_that_moment() {
    let server = server::ours().start();
    let first = written(&server, "/v2/keys/t", "value=1&ttl=600");
    let mut client = connect(&server);
    until("a second has passed on the clock of the server", || {
        left(&server) < 599
    });
    let second = written(&server, "/v2/keys/t", "value=2&ttl=500");
    let shown = ttls(&mut client, second);
    until("another second has passed", || left(&server) < 499);
    let text = |seconds: &str| Some(seconds.to_owned());
    assert_eq!(ttls(&mut client, first), [text("600"), None]);
    assert_eq!(ttls(&mut client, second), shown);
    let before: u64 = shown[1]
        .as_deref()
        .expect("prevNode has a TTL")
        .parse()
        .expect("a number");
    assert_eq!(shown[0], text("500"));
    assert!(
        (500..599).contains(&before),
        "what was left of the first one: {before}"
    );
}
