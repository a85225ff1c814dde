//! Listings too large for one buffer: whole, in order, from one moment, and no burden on anyone else.

use std::fs;
use std::io::ErrorKind;
use std::thread;

use super::node::{LIMIT, ask, connect, get, json, put, written};
use super::support::http::{Connection, Framing, Request, Response};
use super::support::json::Raw;
use super::support::server::{self, Server};

const DIRECTORIES: usize = 30;
const KEYS: usize = 3_000;
/// Writers at a time: the log syncs once for all that wait.
const WRITERS: usize = 10;

fn key(number: usize) -> String {
    format!("/l/d{:02}/k{number:05}", number % DIRECTORIES)
}

fn fill(server: &Server) {
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let mut client = connect(server);
                for number in (writer..KEYS).step_by(WRITERS) {
                    let form = format!("value={number}-{}", "v".repeat(number % 50));
                    let target = format!("/v2/keys{}", key(number));
                    let answer = ask(&mut client, &Request::put(&target, &form));
                    assert_eq!(answer.status(), 201, "{}", answer.dump());
                }
            });
        }
    });
}

fn node(answer: &Response) -> Raw {
    assert_eq!(answer.status(), 200, "{}", answer.dump());
    json(answer).get("node").expect("a read has a node").clone()
}

fn children(node: &Raw) -> &[Raw] {
    match node.get("nodes") {
        Some(Raw::Array(nodes)) => nodes,
        _ => &[],
    }
}

#[test]
fn a_large_listing_is_the_sum_of_its_parts() {
    let server = server::ours().start();
    fill(&server);
    let mut client = connect(&server);
    let large = ask(&mut client, &Request::get("/v2/keys/l?recursive=true"));
    assert_eq!(large.head.framing, Framing::Chunked, "{:?}", large.head);
    assert!(large.chunks.len() > 1, "{:?}", large.chunks);
    assert!(large.body.ends_with(b"}\n"));
    let large = node(&large);
    assert_eq!(children(&large).len(), DIRECTORIES);
    for (number, listed) in children(&large).iter().enumerate() {
        let target = format!("/v2/keys/l/d{number:02}?sorted=true");
        let part = ask(&mut client, &Request::get(&target));
        assert!(
            matches!(part.head.framing, Framing::Length(_)),
            "{:?}",
            part.head
        );
        assert_eq!(listed, &node(&part), "{target}");
        assert_eq!(children(listed).len(), KEYS / DIRECTORIES);
    }
    let sum = children(&large).iter().flat_map(children);
    for (position, file) in sum.enumerate() {
        // Directory by directory, the keys of each in order.
        let per_directory = KEYS / DIRECTORIES;
        let number = position / per_directory + DIRECTORIES * (position % per_directory);
        let text = file.get("key").and_then(Raw::text);
        assert_eq!(text.as_deref(), Some(key(number).as_bytes()));
    }
    let head = ask(
        &mut client,
        &Request::new("HEAD", "/v2/keys/l?recursive=true"),
    );
    let framing = ["Content-Length", "Transfer-Encoding"].map(|name| head.head.get(name));
    assert_eq!((head.status(), framing), (200, [None, None]));
    assert!(head.etcd_index().is_some());
    assert_eq!(
        client.opened(),
        1,
        "the end of a listing leaves its connection usable"
    );
}

/// What a listing leaves out, hidden or removed, makes it no different from one where it never was, even where a thread
/// that may block had to look past it.
#[test]
fn what_is_left_out_does_not_show() {
    const OTHERS: usize = 800;
    let server = server::ours().start();
    let each = |method: &'static str, prefix: &'static str| {
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let server = &server;
                scope.spawn(move || {
                    let mut client = connect(server);
                    for number in (writer..OTHERS).step_by(WRITERS) {
                        let target = format!("/v2/keys/m/{prefix}{number:05}");
                        let request = match method {
                            "PUT" => Request::put(&target, "value=x"),
                            _ => Request::delete(&target),
                        };
                        let answer = ask(&mut client, &request);
                        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
                    }
                });
            }
        });
    };
    each("PUT", "_hidden");
    each("PUT", "k");
    written(&server, "/v2/keys/m/last", "value=1");
    each("DELETE", "k");
    let mut client = connect(&server);
    for target in ["/v2/keys/m", "/v2/keys/m?recursive=true&sorted=true"] {
        let listed = ask(&mut client, &Request::get(target));
        let length = Framing::Length(listed.body.len());
        assert_eq!(listed.head.framing, length, "{:?}", listed.head);
        let keys: Vec<_> = children(&node(&listed))
            .iter()
            .map(|child| child.get("key").and_then(Raw::text))
            .collect();
        assert_eq!(keys, [Some(b"/m/last".to_vec())]);
        let head = ask(&mut client, &Request::new("HEAD", target));
        assert_eq!(
            head.head.get("Content-Length"),
            listed.head.get("Content-Length")
        );
        assert_eq!(
            (head.status(), head.etcd_index()),
            (200, listed.etcd_index())
        );
    }
}

/// Writes more below `/big` than the kernel keeps for a client that reads nothing, in values of 1 MiB, and returns how
/// many there are.
pub(crate) fn fill_beyond_socket_buffers(server: &Server) -> usize {
    let largest = |file: &str| -> usize {
        let path = format!("/proc/sys/net/ipv4/{file}");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let last = text.split_whitespace().last().map(str::parse);
        last.and_then(Result::ok)
            .unwrap_or_else(|| panic!("{path}: {text:?}"))
    };
    // Beside the kernel's buffers the server holds a few chunks, each of one value here.
    let values = (largest("tcp_rmem") + largest("tcp_wmem")).div_ceil(1 << 20) + 8;
    let form = format!("value={}", "v".repeat(1 << 20));
    let mut client = connect(server);
    for number in 0..values {
        let target = format!("/v2/keys/big/{number:05}");
        let answer = ask(&mut client, &Request::put(&target, &form));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    values
}

/// A listing of which only the head is read.
pub(crate) fn stalled_listing(server: &Server) -> Connection {
    let mut client = connect(server);
    client
        .send(&Request::get("/v2/keys/big"))
        .expect("the request is sent");
    let head = client
        .read_head(LIMIT)
        .expect("the head comes before the nodes");
    assert_eq!((head.status, head.framing), (200, Framing::Chunked));
    client
}

/// All that a stalled listing still sends; an error unless it ends properly.
pub(crate) fn remainder(client: &mut Connection) -> Result<Vec<u8>, ErrorKind> {
    let mut body = Vec::new();
    while let Some(chunk) = client.read_chunk(LIMIT).map_err(|error| error.kind())? {
        body.extend(chunk);
    }
    Ok(body)
}

#[test]
fn a_client_that_stalls_blocks_nobody_and_sees_one_moment() {
    let server = server::ours().start();
    let values = fill_beyond_socket_buffers(&server);
    let before = get(&server, "/v2/keys/big/00000").body;
    let mut stalled = stalled_listing(&server);
    for number in 0..20 {
        written(
            &server,
            &format!("/v2/keys/big/later{number}"),
            "value=later",
        );
    }
    written(
        &server,
        &format!("/v2/keys/big/{:05}", values - 1),
        "value=changed",
    );
    assert_eq!(get(&server, "/v2/keys/big/00000").body, before);
    let body = remainder(&mut stalled).expect("the listing ends properly");
    assert!(body.ends_with(b"}\n"));
    let listed = Raw::parse(&body[..body.len() - 1]).expect("a listing is JSON");
    let nodes = children(listed.get("node").expect("a listing has a node"));
    assert_eq!(nodes.len(), values, "writes made meanwhile are shown");
    for (number, node) in nodes.iter().enumerate() {
        let key = node.get("key").and_then(Raw::text);
        assert_eq!(key, Some(format!("/big/{number:05}").into_bytes()));
        let bytes = node
            .get("value")
            .and_then(Raw::text)
            .map(|value| value.len());
        assert_eq!(
            bytes,
            Some(1 << 20),
            "value {number} is not the one of that moment"
        );
    }
    let again = ask(&mut stalled, &Request::get("/v2/keys/big/later0"));
    assert_eq!((again.status(), stalled.opened()), (200, 1));
}

/// Turns for large listings are limited (64): a client that has gone gives its turn back.
#[test]
fn listings_end_with_their_clients() {
    let server = server::ours().start();
    let values = fill_beyond_socket_buffers(&server);
    for _ in 0..70 {
        drop(stalled_listing(&server));
    }
    let whole = get(&server, "/v2/keys/big");
    assert_eq!(children(&node(&whole)).len(), values);
    assert_eq!(put(&server, "/v2/keys/big/00000", "value=").status(), 200);
}
