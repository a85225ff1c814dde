//! Requests as people send them: by hand, by old libraries, through chains of proxies, and not to their end.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use super::node::{LIMIT, connect, get, json, rest, sent, socket, until, watchers, written};
use super::support::http::{Request, Response};
use super::support::json::Raw;
use super::support::server::{self, Server};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// The answers to raw bytes, one for each method named.
fn answers(server: &Server, bytes: &[u8], methods: &[&str]) -> Vec<Response> {
    let mut client = connect(server);
    client.send_raw(bytes, methods[0]).expect("it is sent");
    let mut read = |method: &&str| {
        client.expect_answer_to(method);
        client.read_response(LIMIT).expect("each is answered")
    };
    methods.iter().map(&mut read).collect()
}

fn answer(server: &Server, method: &str, target: &[u8]) -> Response {
    let bytes = [
        method.as_bytes(),
        b" ",
        target,
        b" HTTP/1.1\r\nHost: h\r\n\r\n",
    ]
    .concat();
    answers(server, &bytes, &[method]).remove(0)
}

/// `(key, value)` of the node in an answer.
fn node(answer: &Response) -> (String, String) {
    let text = |name| {
        let json = json(answer);
        let field = json.get("node").and_then(|node| node.get(name));
        let text = field.and_then(Raw::text).map(String::from_utf8);
        text.and_then(Result::ok)
            .unwrap_or_else(|| panic!("no {name}: {}", answer.dump()))
    };
    (text("key"), text("value"))
}

#[test]
fn every_byte_of_a_target_counts() {
    let server = server::ours().start();
    written(&server, "/v2/keys/x", "value=keep");
    for (target, key, value) in [
        (&b"/x#1?value=a"[..], "/x#1", "a"),
        (b"/x?value=b#2", "/x", "b#2"),
        (b"/x?value={\"a\":\"<b>`\"}", "/x", "{\"a\":\"<b>`\"}"),
        (b"/<y>`\"z\"?value=", "/<y>`\"z\"", ""),
        ("/ключ?value=да".as_bytes(), "/ключ", "да"),
        (b"/\xd6\xd0?value=\xce", "/\u{fffd}\u{fffd}", "\u{fffd}"),
        (b"/{a|b}^[c]\\?value={|}^[]\\", "/{a|b}^[c]\\", "{|}^[]\\"),
    ] {
        let target = [b"/v2/keys", target].concat();
        let put = answer(&server, "PUT", &target);
        assert!(matches!(put.status(), 200 | 201), "{}", put.dump());
        assert_eq!(node(&put), (key.to_owned(), value.to_owned()));
        let path = target.split(|byte| *byte == b'?').next().unwrap();
        assert_eq!(node(&answer(&server, "GET", path)), node(&put));
    }
    assert_eq!(answer(&server, "DELETE", b"/v2/keys/x#1").status(), 200);
    assert_eq!(get(&server, "/v2/keys/x").status(), 200);
    let absolute = answer(&server, "PUT", b"http://h/v2/keys/x#3?value=c");
    assert_eq!(node(&absolute), ("/x#3".to_owned(), "c".to_owned()));
    // What the original refuses, a control character and a broken escape, is refused here.
    for target in [&b"/v2/keys/a\x7fb"[..], b"/v2/keys/a\tb", b"/v2/keys/a%zz#"] {
        assert_eq!(answer(&server, "PUT", target).status(), 400);
    }
}

/// Bodies are bodies, whatever they look like, and the heads after them are heads, however the bytes are cut.
#[test]
fn pipelined_requests_are_told_from_bodies() {
    let server = server::ours().start();
    let body = "value=GET /v2/keys/a#1 HTTP/1.1\r\n\r\n\"<>";
    let length = body.len();
    let bytes = format!(
        "PUT /v2/keys/p#1 HTTP/1.1\r\nHost: h\r\n{FORM}Content-Length: {length}\r\n\r\n{body}\
         \r\nPUT /v2/keys/p#2 HTTP/1.1\r\nHost: h\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n\
         {length:x};x=#\r\n{body}\r\n0\r\nTrailer: \"#\r\n\r\n\
         GET /v2/keys/p#1 HTTP/1.1\r\nHost: h\r\n\r\nDELETE /v2/keys/p#2 HTTP/1.1\r\nHost: h\r\n\r\n"
    );
    for step in [bytes.len(), 1, 13] {
        let mut client = socket(&server);
        client.set_nodelay(true).expect("small pieces are sent");
        for piece in bytes.as_bytes().chunks(step) {
            client.write_all(piece).expect("the server reads");
        }
        client.shutdown(Shutdown::Write).expect("it can be ended");
        let answers = String::from_utf8_lossy(&rest(&mut client)).into_owned();
        let value = "GET /v2/keys/a#1 HTTP/1.1\\r\\n\\r\\n\\\"\\u003c\\u003e";
        let seen: Vec<&str> = answers
            .lines()
            .filter(|line| line.starts_with('{'))
            .collect();
        assert_eq!(seen.len(), 4, "{answers}");
        for (answer, (action, key)) in
            seen.iter()
                .zip([("set", "/p#1"), ("set", "/p#2"), ("get", "/p#1")])
        {
            let node = format!(
                "{{\"action\":\"{action}\",\"node\":{{\"key\":\"{key}\",\"value\":\"{value}\""
            );
            assert!(answer.starts_with(&node), "{answer}, not {node}");
        }
        assert!(seen[3].contains("\"delete\""), "{}", seen[3]);
    }
}

/// A write is carried out when all of its request has arrived, whatever its media type, and not before.
#[test]
fn a_write_that_is_cut_off_does_not_happen() {
    let server = server::ours().start();
    for method in ["PUT", "DELETE", "POST"] {
        for media in ["", FORM, "Content-Type: application/json\r\n"] {
            for framing in [
                "Content-Length: 99\r\n\r\nvalue=x",
                "Transfer-Encoding: chunked\r\n\r\n7\r\nvalue=x\r\n",
            ] {
                let index = written(&server, "/v2/keys/cut", "value=kept");
                let target = if method == "POST" { "queue" } else { "cut" };
                let bytes = format!(
                    "{method} /v2/keys/{target}?value=wrong HTTP/1.1\r\nHost: h\r\n{media}{framing}"
                );
                let mut half = sent(&server, bytes.as_bytes());
                half.shutdown(Shutdown::Write).expect("it can be ended");
                let refused = String::from_utf8_lossy(&rest(&mut half)).into_owned();
                assert!(refused.starts_with("HTTP/1.1 400 "), "{bytes}: {refused}");
                let cause = "\"errorCode\":210,\"message\":\"Invalid POST form\",\"cause\":\"unexpected EOF\"";
                assert!(refused.contains(cause), "{bytes}: {refused}");
                let kept = get(&server, "/v2/keys/cut");
                assert_eq!(
                    (kept.etcd_index(), node(&kept).1),
                    (Some(index), "kept".to_owned())
                );
            }
        }
    }
    assert_eq!(get(&server, "/v2/keys/queue").status(), 404);
    let broken = format!(
        "PUT /v2/keys/cut HTTP/1.1\r\nHost: h\r\n{FORM}Transfer-Encoding: chunked\r\n\r\nz\r\n"
    );
    let refused = answers(&server, broken.as_bytes(), &["PUT"]).remove(0);
    assert!(
        refused.text().contains("malformed chunked encoding"),
        "{}",
        refused.dump()
    );
}

#[test]
fn bodies_that_do_not_count_are_read_away_up_to_the_limit_of_forms() {
    let server = server::ours().arg("--http-read-timeout=1").start();
    let json = |length: usize| {
        Request::new("PUT", "/v2/keys/j?value=1")
            .header("Content-Type", "application/json")
            .body("x".repeat(length))
    };
    let mut client = connect(&server);
    for length in [1, 300 << 10, 10 << 20] {
        let put = client.exchange(&json(length)).expect("it is answered");
        assert!(matches!(put.status(), 200 | 201), "{}", put.dump());
    }
    assert_eq!(client.opened(), 1, "the connection goes on");
    let index = get(&server, "/v2/keys/j").etcd_index();
    let over = server.exchange(&json((10 << 20) + 1));
    assert!(
        over.text().contains("http: POST too large"),
        "{}",
        over.dump()
    );
    let late = answers(
        &server,
        b"PUT /v2/keys/j?value=2 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab",
        &["PUT"],
    );
    assert_eq!(late[0].status(), 408, "{}", late[0].dump());
    assert_eq!(get(&server, "/v2/keys/j").etcd_index(), index);
}

/// What changes nothing is answered without the body that was announced.
#[test]
fn reads_wait_for_no_body() {
    let server = server::ours().start();
    written(&server, "/v2/keys/r", "value=1");
    for (method, target, status) in [
        ("GET", "/v2/keys/r", 200),
        ("HEAD", "/v2/keys/r", 200),
        ("OPTIONS", "/v2/keys/r", 200),
        ("GET", "/version", 200),
        ("GET", "/v2/keys/r?wait=true&waitIndex=1", 200),
        ("GET", "/v2/keys/r?dir=q", 400),
        ("HEAD", "/v2/keys/r?prevIndex=z", 400),
        ("GET", "/v2/keys/r?a=%zz", 400),
        ("GET", "/v2/members", 200),
        ("POST", "/v2/members", 415),
        ("PUT", "/v2/members/1", 404),
        ("DELETE", "/v2/members/1", 404),
        ("PUT", "/v2/members", 405),
        ("PATCH", "/v2/members", 405),
    ] {
        let bytes = format!("{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
        let answer = answers(&server, bytes.as_bytes(), &[method]).remove(0);
        assert_eq!(answer.status(), status, "{method} {target}");
        // The connection cannot go on without the rest of the body, and the client is told.
        let connection = answer.head.get("Connection").map(str::to_lowercase);
        assert_eq!(connection.as_deref(), Some("close"), "{method} {target}");
    }
    // A body that comes with the head costs nobody the connection.
    let mut client = connect(&server);
    for _ in 0..3 {
        let bytes = b"GET /v2/keys/r HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
        client.send_raw(bytes, "GET").expect("it is sent");
        assert_eq!(
            client
                .read_response(LIMIT)
                .expect("it is answered")
                .status(),
            200
        );
    }
    assert_eq!(client.opened(), 1);
}

#[test]
fn a_client_that_has_finished_sending_is_answered() {
    let server = server::ours().start();
    for n in 0..600 {
        written(&server, &format!("/v2/keys/list/{n:04}"), "value=v");
    }
    let body = "value=1";
    let length = body.len();
    for (request, wanted) in [
        (format!("PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\n{FORM}Content-Length: {length}\r\n\r\n{body}"), "\"set\""),
        ("PUT /v2/keys/b?value=1 HTTP/1.0\r\n\r\n".to_owned(), "\"set\""),
        (format!("POST /v2/keys/q HTTP/1.0\r\n{FORM}Content-Length: {length}\r\n\r\n{body}"), "\"create\""),
        ("GET /v2/keys/list HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "/list/0599"),
        ("GET /v2/keys/a HTTP/1.0\r\n\r\n".to_owned(), "\"get\""),
        ("GET /v2/keys/none HTTP/1.1\r\nHost: h\r\n\r\nGET /v2/keys/a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "\"get\""),
    ] {
        for _ in 0..10 {
            let mut client = sent(&server, request.as_bytes());
            client.shutdown(Shutdown::Write).expect("it can be ended");
            // The connection ends after the answer, too: `rest` waits for that.
            let answer = String::from_utf8_lossy(&rest(&mut client)).into_owned();
            assert!(answer.contains(wanted), "{request:?}: {answer:?}");
        }
    }
}

/// A watch may never be answered: it ends with its client, also where that never sent the body that it announced, or has
/// sent more behind the watch.
#[test]
fn watches_end_with_what_the_client_sends() {
    let server = server::ours().start();
    for head in [
        "",
        "Content-Length: 9\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        for options in ["wait=true", "wait=true&stream=true"] {
            let bytes = format!("GET /v2/keys/w?{options} HTTP/1.1\r\nHost: h\r\n{head}\r\n");
            let mut client = sent(&server, bytes.as_bytes());
            until("the watch begins", || watchers(&server) == 1);
            client.shutdown(Shutdown::Write).expect("it can be ended");
            let answer = String::from_utf8_lossy(&rest(&mut client)).into_owned();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
            assert!(!answer.ends_with("0\r\n\r\n"), "it is broken off: {answer}");
            until("the watch ends", || watchers(&server) == 0);
        }
    }
    let next = "GET /version HTTP/1.1\r\nHost: h\r\n\r\n";
    for behind in ["\r\n", "G", next, &next.repeat(3_000)] {
        let bytes = format!("GET /v2/keys/w?wait=true HTTP/1.1\r\nHost: h\r\n\r\n{behind}");
        let client = sent(&server, bytes.as_bytes());
        if behind.len() < 1_000 {
            until("the watch begins", || watchers(&server) == 1);
        }
        drop(client);
        until("the watch ends", || watchers(&server) == 0);
    }
    // What came behind a watch is answered after it.
    let bytes = format!("GET /v2/keys/w?wait=true HTTP/1.1\r\nHost: h\r\n\r\n{next}");
    let mut client = sent(&server, bytes.as_bytes());
    until("the watch begins", || watchers(&server) == 1);
    written(&server, "/v2/keys/w", "value=1");
    client.shutdown(Shutdown::Write).expect("it can be ended");
    let answers = String::from_utf8_lossy(&rest(&mut client)).into_owned();
    assert!(
        answers.contains("\"set\"") && answers.contains("etcdserver"),
        "{answers}"
    );
}

/// Whatever the lines are like, a head within the limit is served, and a larger one is told.
#[test]
fn heads_around_their_limit_are_answered() {
    const LIMIT_BYTES: usize = 128 << 10;
    let server = server::ours().start();
    for line in [9, 50, 1_000, 4_000] {
        for length in [
            LIMIT_BYTES - 1,
            LIMIT_BYTES,
            LIMIT_BYTES + 1,
            LIMIT_BYTES + 9,
            140_000,
        ] {
            let start = "GET /v2/keys/h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
            let mut head = start.to_owned();
            while head.len() + line + 9 < length - 2 {
                head.push_str(&format!("X: {}\r\n", "y".repeat(line - 5)));
            }
            head.push_str(&format!("X: {}\r\n", "y".repeat(length - 7 - head.len())));
            head.push_str("\r\n");
            assert_eq!(head.len(), length);
            let mut client = sent(&server, head.as_bytes());
            let answer = String::from_utf8_lossy(&rest(&mut client)).into_owned();
            let wanted = if length > LIMIT_BYTES {
                "HTTP/1.1 431 "
            } else {
                "HTTP/1.1 404 "
            };
            assert!(
                answer.starts_with(wanted),
                "{length} in lines of {line}: {answer:?}"
            );
        }
    }
}

#[test]
fn headers_are_limited_in_bytes() {
    let server = server::ours().start();
    let request = |lines: usize, length: usize, last: &str| {
        let line = format!(": {}\r\n", "v".repeat(length));
        let lines: String = (0..lines).map(|n| format!("X-{n}{line}")).collect();
        format!("PUT /v2/keys/h HTTP/1.1\r\nHost: h\r\n{lines}{last}\r\n")
    };
    // What is read counts at whatever place it comes.
    let form = request(3_000, 10, &format!("{FORM}Content-Length: 7\r\n")) + "\r\nvalue=1";
    let form = form.replacen("\r\n\r\n\r\n", "\r\n\r\n", 1);
    for step in [form.len(), 1_000] {
        let mut client = socket(&server);
        for piece in form.as_bytes().chunks(step) {
            client.write_all(piece).expect("the server reads");
        }
        client.shutdown(Shutdown::Write).expect("it can be ended");
        let answer = String::from_utf8_lossy(&rest(&mut client)).into_owned();
        assert!(answer.contains("\"value\":\"1\""), "{answer}");
    }
    for (lines, length) in [(2, 200_000), (50_000, 1), (5_000, 30)] {
        let over = request(lines, length, "\r\n");
        let server = &server;
        thread::scope(|scope| {
            let mut client = socket(server);
            let mut sender = client.try_clone().expect("a socket can be shared");
            // The server may close before everything is sent.
            scope.spawn(move || drop(sender.write_all(over.as_bytes())));
            let answer = String::from_utf8_lossy(&rest(&mut client)).into_owned();
            assert!(
                answer.starts_with("HTTP/1.1 431 "),
                "{lines} lines of {length}: {answer}"
            );
        });
    }
}

#[test]
fn one_host_and_one_framing() {
    let server = server::ours()
        .arg("--host-whitelist=good.example,127.0.0.1")
        .start();
    for (lines, status) in [
        ("Host: good.example\r\nHost: good.example\r\n", 400),
        ("", 400),
        ("Host: a b\r\n", 400),
        ("Host: other.example\r\n", 421),
        (
            "Host: good.example\r\nTransfer-Encoding: gzip, chunked\r\n",
            501,
        ),
        (
            "Host: good.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            501,
        ),
    ] {
        let bytes = format!("PUT /v2/keys/h?value=1 HTTP/1.1\r\n{lines}\r\n0\r\n\r\n");
        let answer = answers(&server, bytes.as_bytes(), &["PUT"]).remove(0);
        assert_eq!(answer.status(), status, "{lines:?}: {}", answer.dump());
    }
    let line = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: good.example\r\n\r\n");
    for (target, status) in [
        ("http://other.example/version", 421),
        ("http://good.example@other.example/version", 421),
        ("http://good.example:2379/version", 200),
    ] {
        let answer = answers(&server, line(target).as_bytes(), &["GET"]).remove(0);
        assert_eq!(answer.status(), status, "{target}");
    }
    let read = Request::get("/v2/keys/h").header("Host", "good.example");
    assert_eq!(server.exchange(&read).status(), 404, "nothing was written");
}
