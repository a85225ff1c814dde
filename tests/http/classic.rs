//! A node that was started with the words of 0.4 answers as 0.4.6 did: bodies, causes, indexes, headers.

use super::node::{LIMIT, ask, assert_head, cluster_id, connect, get, put};
use super::support::http::{Request, Response};
use super::support::server::{self, Server};

fn node() -> Server {
    server::ours().classic().start()
}

fn assert_answer(answer: &Response, status: u16, body: &str) {
    assert_eq!(
        (answer.status(), answer.text()),
        (status, body.to_owned()),
        "{}",
        answer.dump()
    );
}

/// The body of an error, which did end in a newline.
fn error(code: u16, message: &str, cause: &str, index: u64) -> String {
    format!(
        "{{\"errorCode\":{code},\"message\":\"{message}\",\"cause\":\"{cause}\",\"index\":{index}}}\n"
    )
}

#[test]
fn successes_end_without_a_newline() {
    let server = node();
    let cluster = cluster_id(&server);
    let one = r#"{"key":"/foo/bar","value":"text","modifiedIndex":3,"createdIndex":3}"#;
    let set = put(&server, "/v2/keys/foo/bar", "value=text");
    let body = format!(r#"{{"action":"set","node":{one}}}"#);
    assert_answer(&set, 201, &body);
    assert_head(
        &set.head,
        "201 Created",
        &[
            "Content-Type: application/json",
            &format!("X-Etcd-Cluster-Id: {cluster}"),
            "X-Etcd-Index: 3",
            "X-Raft-Index: *",
            "X-Raft-Term: *",
            &format!("Content-Length: {}", body.len()),
        ],
    );
    let read = get(&server, "/v2/keys/foo/bar");
    assert_answer(&read, 200, &format!(r#"{{"action":"get","node":{one}}}"#));
    let brief = put(&server, "/v2/keys/b", "value=1&noValueOnSuccess=true");
    assert_answer(&brief, 201, r#"{"action":"set"}"#);
    let gone = server.exchange(&Request::delete("/v2/keys/foo/bar"));
    let body = format!(
        r#"{{"action":"delete","node":{{"key":"/foo/bar","modifiedIndex":5,"createdIndex":3}},"prevNode":{one}}}"#
    );
    assert_answer(&gone, 200, &body);
    let past = get(&server, "/v2/keys/foo/bar?wait=true&waitIndex=5");
    assert_answer(&past, 200, &body);
    let job = server.exchange(&Request::post("/v2/keys/q", "value=1"));
    let key = r#""key":"/q/00000000000000000006","value":"1""#;
    assert_answer(
        &job,
        201,
        &format!(r#"{{"action":"create","node":{{{key},"modifiedIndex":6,"createdIndex":6}}}}"#),
    );
}

/// Small listings are one buffer, large ones stream: both name the root and end alike.
#[test]
fn the_root_has_its_name() {
    let server = node();
    let empty = r#"{"action":"get","node":{"key":"/","dir":true}}"#;
    assert_answer(&get(&server, "/v2/keys/"), 200, empty);
    put(&server, "/v2/keys/a", "value=1");
    let listed = concat!(
        r#"{"action":"get","node":{"key":"/","dir":true,"nodes":["#,
        r#"{"key":"/a","value":"1","modifiedIndex":3,"createdIndex":3}]}}"#
    );
    assert_answer(&get(&server, "/v2/keys/"), 200, listed);
    let long = "x".repeat(100_000);
    for number in 0..4 {
        put(
            &server,
            &format!("/v2/keys/big{number}"),
            &format!("value={long}"),
        );
    }
    let streamed = get(&server, "/v2/keys/").text();
    assert!(streamed.starts_with(r#"{"action":"get","node":{"key":"/","dir":true,"nodes":["#));
    assert!(
        streamed.ends_with("\"modifiedIndex\":7,\"createdIndex\":7}]}}"),
        "no such end"
    );
}

#[test]
fn causes_are_the_names_of_operations_at_the_current_index() {
    let server = node();
    assert_eq!(put(&server, "/v2/keys/a", "value=1").status(), 201);
    let (nan, index) = (
        "The given TTL in POST form is not a number",
        "The given index in POST form is not a number",
    );
    let required = "PrevValue is Required in POST form";
    for (request, code, message, cause) in [
        (
            Request::put("/v2/keys/a", "value=text&ttl=bad_ttl"),
            202,
            nan,
            "Update",
        ),
        (
            Request::post("/v2/keys/a", "value=text&ttl=bad_ttl"),
            202,
            nan,
            "Create",
        ),
        (
            Request::put("/v2/keys/a", "value=YYY&prevIndex=bad_index"),
            203,
            index,
            "CompareAndSwap",
        ),
        (
            Request::put("/v2/keys/a", "value=text&prevValue="),
            201,
            required,
            "CompareAndSwap",
        ),
        (
            Request::delete("/v2/keys/a?prevIndex=bad_index"),
            203,
            index,
            "CompareAndDelete",
        ),
        (
            Request::delete("/v2/keys/a?prevValue="),
            201,
            required,
            "CompareAndDelete",
        ),
        (
            Request::get("/v2/keys/a?wait=true&waitIndex=bad"),
            203,
            index,
            "Watch From Index",
        ),
        (
            Request::put("/v2/keys/a", "prevExist=true"),
            204,
            "Value or TTL is required in POST form",
            "Update",
        ),
    ] {
        let answer = server.exchange(&request);
        assert_answer(&answer, 400, &error(code, message, cause, 3));
        assert_eq!(answer.etcd_index(), Some(3), "{request:?}");
    }
    let root = server.exchange(&Request::delete("/v2/keys/?prevIndex=1"));
    assert_answer(&root, 403, &error(102, "Not a file", "/", 3));
    let missing = get(&server, "/v2/keys/none");
    assert_answer(&missing, 404, &error(100, "Key not found", "/none", 3));
    let failed = put(&server, "/v2/keys/a", "value=2&prevValue=9&prevIndex=8");
    assert_answer(
        &failed,
        412,
        &error(101, "Compare failed", "[9 != 1] [8 != 3]", 3),
    );
}

#[test]
fn what_0_4_took_is_taken() {
    let server = node();
    let action = |request: Request| {
        let answer = server.exchange(&request);
        let text = answer.text();
        let action = text.split('"').nth(3).map(str::to_owned);
        (answer.status(), action.unwrap_or_default())
    };
    let swap = (200, "compareAndSwap".to_owned());
    assert_eq!(
        action(Request::put("/v2/keys/a", "value=1;dir=nonsense&%zz")).0,
        201
    );
    assert_eq!(
        action(Request::put("/v2/keys/a", "value=2&prevIndex=0")),
        swap
    );
    assert_eq!(
        action(Request::put("/v2/keys/a", "value=3&prevExist=perhaps")),
        swap
    );
    assert_eq!(
        action(Request::put("/v2/keys/none", "value=3&prevExist=")).0,
        404
    );
    assert_eq!(
        action(Request::put("/v2/keys/a", "value=4&prevExist=True")).1,
        "update"
    );
    assert_eq!(
        action(Request::get("/v2/keys/a?recursive=1&sorted=no")).1,
        "get"
    );
    assert_eq!(
        action(Request::delete("/v2/keys/a?prevIndex=0")),
        (200, "compareAndDelete".to_owned())
    );
    assert_eq!(action(Request::put("/v2/keys/d", "DIR=1&dir=TRUE")).0, 201);
    // A body whose type cannot be read is none.
    let request =
        Request::put("/v2/keys/e?value=query", "value=body").header("Content-Type", "a/b/c;;;");
    let typed = Request {
        headers: request.headers[1..].to_vec(),
        ..request
    };
    let answer = server.exchange(&typed);
    assert!(
        answer.text().contains("\"value\":\"query\""),
        "{}",
        answer.dump()
    );
    // What has been over for long lapses like anything else.
    let watch = put(&server, "/v2/keys/t", "value=1&ttl=-100");
    assert_eq!(watch.status(), 201, "{}", watch.dump());
    let target = format!(
        "/v2/keys/t?wait=true&waitIndex={}",
        watch.etcd_index().unwrap_or(0) + 1
    );
    assert_eq!(
        get(&server, &target).text().split('"').nth(3),
        Some("expire")
    );
}

#[test]
fn head_says_that_a_key_is_there_and_nothing_more() {
    let server = node();
    put(&server, "/v2/keys/d/a", "value=1");
    for target in [
        "/v2/keys/d/a",
        "/v2/keys/d",
        "/v2/keys/",
        "/v2/keys/d/a?wait=true",
    ] {
        let head = server.exchange(&Request::new("HEAD", target));
        assert_head(&head.head, "200 OK", &[]);
    }
    let missing = server.exchange(&Request::new("HEAD", "/v2/keys/none"));
    assert_eq!((missing.status(), missing.etcd_index()), (404, Some(3)));
}

#[test]
fn other_methods_and_pages_of_redirects_were_not_known() {
    let server = node();
    let mut client = connect(&server);
    for (method, target) in [
        ("PATCH", "/v2/keys/a"),
        ("PUT", "/version"),
        ("HEAD", "/version"),
        ("POST", "/v2/machines"),
        ("DELETE", "/v2/stats/self"),
    ] {
        let answer = ask(&mut client, &Request::new(method, target));
        let text = if method == "HEAD" {
            ""
        } else {
            "404 page not found\n"
        };
        assert_answer(&answer, 404, text);
        assert_eq!(answer.head.get("Allow"), None);
    }
    let moved = ask(&mut client, &Request::get("/v2/keys/a//b?c=d"));
    assert_head(
        &moved.head,
        "301 Moved Permanently",
        &["Location: /v2/keys/a/b?c=d", "Content-Length: 0"],
    );
}

/// The events of a stream follow one another without anything between them; an expired directory is not called one.
#[test]
fn streams_have_nothing_between_their_events() {
    let server = node();
    let mut stream = connect(&server);
    let watch = Request::get("/v2/keys/d?wait=true&recursive=true&stream=true");
    stream.send(&watch).expect("the request is taken");
    stream.read_head(LIMIT).expect("the head comes at once");
    put(&server, "/v2/keys/d", "dir=true&ttl=1");
    put(&server, "/v2/keys/d/a", "value=1");
    let mut events = Vec::new();
    for _ in 0..3 {
        let chunk = stream
            .read_chunk(LIMIT)
            .expect("events come")
            .expect("the stream goes on");
        events.push(String::from_utf8(chunk).expect("JSON is text"));
    }
    assert!(
        events[0].starts_with(r#"{"action":"set","node":{"key":"/d","dir":true,"#),
        "{events:?}"
    );
    assert_eq!(
        events[1],
        r#"{"action":"set","node":{"key":"/d/a","value":"1","modifiedIndex":4,"createdIndex":4}}"#
    );
    assert!(
        events[2].starts_with(
            r#"{"action":"expire","node":{"key":"/d","modifiedIndex":5,"createdIndex":3},"#
        ),
        "{events:?}"
    );
    assert!(
        events.iter().all(|event| event.ends_with('}')),
        "{events:?}"
    );
}
