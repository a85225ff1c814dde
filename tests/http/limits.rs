//! Limits of size: the largest that is accepted, and the answer to one byte more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::node::{LIMIT, ask, connect, get, put, rest, sent, socket, until};
use super::support::http::{Request, Response, show};
use super::support::server;

const BODY_BYTES: usize = 10 << 20;
const VALUE_BYTES: usize = 3 << 19;
const KEY_BYTES: usize = 16 << 10;
const TOO_LARGE: &str = "{\"errorCode\":210,\"message\":\"Invalid POST form\",\"cause\":\"http: POST too large\",\"index\":0}\n";

fn assert_too_large(answer: &Response) {
    assert_eq!(
        (answer.status(), answer.text()),
        (400, TOO_LARGE.to_owned())
    );
    assert_eq!(answer.etcd_index(), Some(0));
}

#[test]
fn values_end_at_a_mebibyte_and_a_half() {
    let server = server::ours().start();
    let mut client = connect(&server);
    let largest = "v".repeat(VALUE_BYTES);
    let accepted = ask(
        &mut client,
        &Request::put("/v2/keys/a", &format!("value={largest}")),
    );
    assert_eq!(accepted.status(), 201, "{}", accepted.dump());
    let over = ask(
        &mut client,
        &Request::put("/v2/keys/a", &format!("value={largest}v")),
    );
    assert_too_large(&over);
    // What is counted is the decoded value.
    let encoded = "%76".repeat(VALUE_BYTES);
    let accepted = ask(
        &mut client,
        &Request::put("/v2/keys/b", &format!("value={encoded}")),
    );
    assert_eq!(accepted.status(), 201, "{}", accepted.dump());
    let over = ask(
        &mut client,
        &Request::put("/v2/keys/b", &format!("value={encoded}%76")),
    );
    assert_too_large(&over);
    assert_eq!(client.opened(), 1);
    let read = get(&server, "/v2/keys/b").text();
    assert!(read.contains(&largest), "{} bytes", read.len());
}

/// A form of exactly `length` bytes, with a small value.
fn form(length: usize) -> String {
    let start = "value=1&x=";
    format!("{start}{}", "y".repeat(length - start.len()))
}

#[test]
fn bodies_end_at_10_mebibytes() {
    let server = server::ours().start();
    let exact = put(&server, "/v2/keys/a", &form(BODY_BYTES));
    assert_eq!(exact.status(), 201, "{}", exact.dump());
    let whole = put(&server, "/v2/keys/a", &form(BODY_BYTES + 1));
    assert_too_large(&whole);
    assert_eq!(whole.head.get("Connection"), Some("close"));
    for (length, refused) in [(BODY_BYTES, false), (BODY_BYTES + 1, true)] {
        let chunked = Request {
            chunk_bytes: Some(64 << 10),
            ..Request::put("/v2/keys/a", &form(length))
        };
        let answer = server.exchange(&chunked);
        if refused {
            assert_too_large(&answer);
        } else {
            assert_eq!(answer.status(), 200, "{}", answer.dump());
        }
    }
}

/// The answer to a length that is too large does not wait for the bytes.
#[test]
fn an_announced_excess_is_refused_at_once() {
    let server = server::ours().start();
    let head = format!(
        "PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\nvalue=1",
        BODY_BYTES + 1
    );
    let answer = rest(&mut sent(&server, head.as_bytes()));
    let answer = Response::parse(&answer, "PUT").expect("an answer comes before the body");
    assert_too_large(&answer);
    assert_eq!(get(&server, "/v2/keys/a").status(), 404);
}

const FORM_HEAD: &str = "PUT /v2/keys/slow HTTP/1.1\r\nHost: x\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9500000\r\n\r\n";

/// Bodies that are begun and not ended share one budget: whoever asks for more is refused, and small requests go on.
#[test]
fn unfinished_bodies_end_at_64_mebibytes_together() {
    let server = server::ours().start();
    let begun = [FORM_HEAD, "x=", &"y".repeat(9 << 20)].concat();
    let mut unfinished: Vec<TcpStream> = Vec::new();
    let refused = loop {
        assert!(unfinished.len() < 8, "72 MiB are read");
        let mut sending = socket(&server);
        // It may be refused before it has sent all.
        let sent = sending.write_all(begun.as_bytes());
        let within = if unfinished.len() < 7 {
            Duration::from_millis(100)
        } else {
            LIMIT
        };
        sending
            .set_read_timeout(Some(within))
            .expect("a time-out can be set");
        let mut answer = Vec::new();
        match sending.read_to_end(&mut answer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                sent.expect("it is read")
            }
            _ => break answer,
        }
        unfinished.push(sending);
    };
    assert_eq!(unfinished.len(), 7);
    // The answer can be lost where bytes were under way: the close then is a reset.
    if !refused.is_empty() {
        let refused = Response::parse(&refused, "PUT").expect("a refusal is an answer");
        assert_eq!(refused.status(), 500, "{}", refused.dump());
        assert_eq!(refused.head.get("Connection"), Some("close"));
        let text = refused.text();
        assert!(
            text.contains("\"errorCode\":300") && text.contains("etcdserver: too many requests"),
            "{text}"
        );
    }
    assert_eq!(put(&server, "/v2/keys/small", "value=1").status(), 201);
    assert_eq!(get(&server, "/health").status(), 200);
    // What they sent in a burst keeps nobody from his part for the minutes it would have taken at the least rate.
    until("room while those clients say nothing more", || {
        put(&server, "/v2/keys/large", &form(9 << 20)).status() < 300
    });
    drop(unfinished);
}

/// A value that is over its limit already is not waited for; what was kept of it is gone.
#[test]
fn a_value_that_is_too_large_is_refused_before_its_end() {
    let server = server::ours().start();
    let begun = [FORM_HEAD, "value=", &"y".repeat(4 << 20)].concat();
    let answer = rest(&mut sent(&server, begun.as_bytes()));
    let answer = Response::parse(&answer, "PUT").expect("an answer comes before the body");
    assert_too_large(&answer);
    assert_eq!(answer.head.get("Connection"), Some("close"));
    // Little is read away, and the connection goes on.
    let mut client = connect(&server);
    for length in [
        VALUE_BYTES + 1,
        VALUE_BYTES + 100_000,
        VALUE_BYTES + 200_000,
    ] {
        let over = format!("value={}", "v".repeat(length));
        assert_too_large(&ask(&mut client, &Request::put("/v2/keys/a", &over)));
    }
    assert_eq!(client.opened(), 1);
}

/// Clients with large bodies (curl among them) ask first, and send nothing to a server that says no.
#[test]
fn a_client_that_asks_first_is_told_to_go_on_or_not() {
    let server = server::ours().start();
    let head = |length: usize| {
        format!(
            "PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Expect: 100-continue\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut asking = connect(&server);
    asking
        .send_raw(head(7).as_bytes(), "PUT")
        .expect("the head is sent");
    let go_on = asking.read_head(LIMIT).expect("the server says to go on");
    assert_eq!(go_on.status, 100);
    asking
        .send_raw(b"value=1", "PUT")
        .expect("the body is sent");
    let answer = asking.read_response(LIMIT).expect("the answer comes");
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    let answer = rest(&mut sent(&server, head(BODY_BYTES + 1).as_bytes()));
    let answer = Response::parse(&answer, "PUT").expect("an answer comes before the body");
    assert_too_large(&answer);
}

/// A client that never stops sending is answered all the same, and not read for ever.
#[test]
fn an_endless_body_is_answered_and_cut_off() {
    let server = server::ours().start();
    let mut writing = socket(&server);
    let mut reading = writing.try_clone().expect("a socket can be shared");
    let writer = std::thread::spawn(move || {
        let head = b"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                     Transfer-Encoding: chunked\r\n\r\n";
        writing.write_all(head).expect("the head is taken");
        let chunk = format!("100000\r\n{}\r\n", "v".repeat(0x10_0000));
        writing
            .set_write_timeout(Some(LIMIT))
            .expect("a time-out can be set");
        loop {
            if let Err(error) = writing.write_all(chunk.as_bytes()) {
                return error.kind();
            }
        }
    });
    let answer = rest(&mut reading);
    let ended = writer.join().expect("the writer ends");
    assert!(
        matches!(
            ended,
            std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset
        ),
        "{ended:?}"
    );
    let shown = show(&answer);
    assert!(shown.contains("http: POST too large"), "{shown}");
}

#[test]
fn keys_end_at_16_kibibytes() {
    let server = server::ours().start();
    let mut client = connect(&server);
    // The slash before a key is part of it.
    let longest = format!("/v2/keys/{}", "k".repeat(KEY_BYTES - 1));
    assert_eq!(
        ask(&mut client, &Request::put(&longest, "value=1")).status(),
        201
    );
    assert_eq!(ask(&mut client, &Request::get(&longest)).status(), 200);
    for request in [
        Request::get(&format!("{longest}k")),
        Request::put(&format!("{longest}k"), "value=1"),
        Request::delete(&format!("{longest}%6b")),
    ] {
        let answer = ask(&mut client, &request);
        let seen = (answer.status(), answer.text());
        let text = "key of 16385 bytes, the limit is 16384\n".to_owned();
        assert_eq!(seen, (414, text), "{}", request.method);
    }
    assert_eq!(client.opened(), 1);
}

#[test]
fn heads_end_where_they_must() {
    let server = server::ours().start();
    let long = format!("/v2/keys/{}", "k".repeat(70_000));
    assert_eq!(get(&server, &long).status(), 414);
    let wide = Request::get("/version").header("X-Wide", "w".repeat(60_000));
    assert_eq!(server.exchange(&wide).status(), 200);
    let mut endless = socket(&server);
    let line = format!("X-Line: {}\r\n", "w".repeat(1_000));
    let head = format!("GET /version HTTP/1.1\r\nHost: x\r\n{}", line.repeat(1_000));
    // The server may close before it has read everything.
    let _ = endless.write_all(head.as_bytes());
    let answer = rest(&mut endless);
    let shown = show(&answer);
    assert!(
        answer.is_empty() || shown.starts_with("HTTP/1.1 431"),
        "{shown}"
    );
    assert_eq!(get(&server, "/version").status(), 200);
}

/// Each missing directory above a key costs rows of its own: one request must not cost a store.
#[test]
fn keys_end_at_512_names() {
    let server = server::ours().start();
    let mut client = connect(&server);
    let deep = |names| format!("/v2/keys{}", "/a".repeat(names));
    let put = Request::put(&deep(128), "value=1");
    assert_eq!(ask(&mut client, &put).status(), 201);
    let none = |names| Request::get(&deep(names).replace("/a", "/b"));
    assert_eq!(ask(&mut client, &none(512)).status(), 404);
    let deeper = ask(&mut client, &none(513));
    assert_eq!(deeper.status(), 414);
    assert_eq!(deeper.text(), "key of 513 names, the limit is 512\n");
    // The removal of a deep tree tells a watch at its end, which has to look up each name above it.
    let gone = ask(&mut client, &Request::delete("/v2/keys/a?recursive=true"));
    assert_eq!(gone.status(), 200);
}

/// Clients are refused before they could take the descriptors that the log and the store need to go on.
#[test]
fn clients_leave_descriptors_for_the_store() {
    let server = server::ours()
        .open_files(256)
        .arg("--snapshot-count=10")
        .start();
    let mut writer = connect(&server);
    let version = Request::get("/version");
    assert_eq!(ask(&mut writer, &version).status(), 200);
    let idle: Vec<_> = (0..300).map(|_| socket(&server)).collect();
    for number in 0..600 {
        let target = format!("/v2/keys/k{number}");
        let answer = ask(&mut writer, &Request::put(&target, "value=1"));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    assert_eq!(writer.opened(), 1);
    drop(idle);
    let log = server.log();
    assert!(log.contains("may open only 256 files"), "{log}");
}

#[test]
fn a_node_that_could_serve_nobody_says_what_it_needs() {
    let mut server = server::ours().open_files(60).spawn();
    let status = server.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(1), "{}", server.log_tail());
    let log = server.log();
    let named = log.contains("may open 60 files") && log.contains("LimitNOFILE=");
    assert!(named, "{log}");
}

/// The kernel's way is to end a process without a word when it writes beyond its limit.
#[test]
fn a_limit_of_file_sizes_is_told_at_the_start() {
    let mut server = server::ours().file_size(20).spawn();
    let status = server.wait_exit(LIMIT);
    let log = server.log();
    assert_eq!(status.code(), Some(1), "{status}\n{log}");
    let named = log.contains("may write files of 20480 KiB") && log.contains("LimitFSIZE=");
    assert!(named, "{log}");
    assert!(!server.data_dir().exists(), "something was written");
}

/// The store's library ends the process, or hangs, where it cannot have a thread.
#[test]
fn a_limit_of_addresses_is_told_at_the_start() {
    let mut server = server::ours().address_space(160).spawn();
    let status = server.wait_exit(LIMIT);
    let log = server.log();
    assert_eq!(status.code(), Some(1), "{status}\n{log}");
    let named = log.contains("may use 160 MiB of addresses") && log.contains("LimitAS=");
    assert!(named, "{log}");
    assert!(!server.data_dir().exists(), "something was written");
}

#[test]
fn a_write_beyond_the_limit_of_file_sizes_is_refused_until_it_is_lifted() {
    let server = server::ours().start();
    let pid = server.pid().and_then(|pid| Pid::from_raw(pid as i32));
    let limit = |current| {
        let limits = Rlimit {
            current,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limits).expect("the process is ours");
    };
    limit(Some(64 << 10));
    let value = format!("value={}", "v".repeat(100_000));
    // What is on its way waits, as on a full disk; what comes later is refused.
    let mut waiting = connect(&server);
    waiting
        .send(&Request::put("/v2/keys/a", &value))
        .expect("the write is sent");
    until("a refusal with its reason", || {
        let answer = put(&server, "/v2/keys/b", "value=1");
        answer.status() == 500 && answer.text().contains("File too large")
    });
    assert_eq!(get(&server, "/v2/keys/").status(), 200);
    limit(None);
    until("writes after the limit is lifted", || {
        put(&server, "/v2/keys/b", &value).status() < 300
    });
    assert_eq!(get(&server, "/v2/keys/a").status(), 200);
}

/// What one request costs grows with both, and neither limit alone keeps that small. What is there can be read and removed,
/// whoever created it.
#[test]
fn keys_that_may_be_created_end_at_names_times_bytes() {
    let server = server::ours().start();
    let mut client = connect(&server);
    let names = |name: &str, count| format!("/v2/keys{}", format!("/{name}").repeat(count));
    let (deepest, longest) = (names("a", 128), names(&"n".repeat(4031), 4));
    for largest in [&deepest, &longest] {
        let request = Request::put(largest, "value=1");
        assert_eq!(ask(&mut client, &request).status(), 201);
        assert_eq!(ask(&mut client, &Request::get(largest)).status(), 200);
    }
    let (deeper, longer) = (names("ab", 128), names(&"n".repeat(4032), 4));
    for (larger, told) in [
        (
            &deeper,
            "key of 384 bytes in 128 names; names times (bytes + 256) is 81920",
        ),
        (
            &longer,
            "key of 16132 bytes in 4 names; names times (bytes + 256) is 65552",
        ),
    ] {
        for request in [
            Request::put(larger, "value=1"),
            Request::post(larger, "value=1"),
        ] {
            let answer = ask(&mut client, &request);
            let text = format!("{told}, the limit is 65536\n");
            assert_eq!((answer.status(), answer.text()), (414, text));
        }
        for request in [Request::get(larger), Request::delete(larger)] {
            assert_eq!(
                ask(&mut client, &request).status(),
                404,
                "{}",
                request.method
            );
        }
    }
    assert_eq!(client.opened(), 1);
}
