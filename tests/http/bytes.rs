//! The examples of the reference, byte for byte: status lines, header names in their spelling, bodies.

use super::node::{ask, assert_head, cluster_id, connect, get, lines, put};
use super::support::http::{Framing, Request, Response};
use super::support::server;

/// On every answer that reaches the API (keys-api 1.7).
const CORS: [&str; 3] = [
    "Access-Control-Allow-Headers: accept, content-type, authorization",
    "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE",
    "Access-Control-Allow-Origin: *",
];

fn with_cors<'a>(headers: &[&'a str]) -> Vec<&'a str> {
    [&CORS[..], headers].concat()
}

#[test]
fn writes_and_reads_are_those_of_the_reference() {
    let server = server::ours().start();
    let cluster = format!("X-Etcd-Cluster-Id: {}", cluster_id(&server));
    let success = |index: u64, length: usize| {
        [
            "Content-Type: application/json".to_owned(),
            cluster.clone(),
            format!("X-Etcd-Index: {index}"),
            "X-Raft-Index: *".to_owned(),
            "X-Raft-Term: *".to_owned(),
            format!("Content-Length: {length}"),
        ]
    };
    let check = |answer: &Response, status: &str, index: u64, body: &str| {
        let headers = success(index, body.len());
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_head(&answer.head, status, &with_cors(&headers));
        assert_eq!(answer.text(), body);
    };
    // The first write of a fresh node gets index 3, as in 0.4.
    let one = r#"{"key":"/f1","value":"one","modifiedIndex":3,"createdIndex":3}"#;
    let two = r#"{"key":"/f1","value":"two","modifiedIndex":4,"createdIndex":4}"#;
    let created = put(&server, "/v2/keys/f1", "value=one");
    check(
        &created,
        "201 Created",
        3,
        &format!("{{\"action\":\"set\",\"node\":{one}}}\n"),
    );
    let replaced = put(&server, "/v2/keys/f1", "value=two");
    let body = format!("{{\"action\":\"set\",\"node\":{two},\"prevNode\":{one}}}\n");
    check(&replaced, "200 OK", 4, &body);
    let read = get(&server, "/v2/keys/f1");
    check(
        &read,
        "200 OK",
        4,
        &format!("{{\"action\":\"get\",\"node\":{two}}}\n"),
    );
    let head = server.exchange(&Request::new("HEAD", "/v2/keys/f1"));
    assert_eq!(lines(&head.head), lines(&read.head));
    let directory = put(&server, "/v2/keys/d", "dir=true");
    let body = "{\"action\":\"set\",\"node\":{\"key\":\"/d\",\"dir\":true,\"modifiedIndex\":5,\"createdIndex\":5}}\n";
    check(&directory, "201 Created", 5, body);
    let child = server.exchange(&Request::post("/v2/keys/d", "value=%3Ca%26b%3E"));
    let body = "{\"action\":\"create\",\"node\":{\"key\":\"/d/00000000000000000006\",\
                \"value\":\"\\u003ca\\u0026b\\u003e\",\"modifiedIndex\":6,\"createdIndex\":6}}\n";
    check(&child, "201 Created", 6, body);
    let removed = server.exchange(&Request::delete("/v2/keys/d?recursive=true"));
    let body = "{\"action\":\"delete\",\"node\":{\"key\":\"/d\",\"dir\":true,\"modifiedIndex\":7,\"createdIndex\":5},\
                \"prevNode\":{\"key\":\"/d\",\"dir\":true,\"modifiedIndex\":5,\"createdIndex\":5}}\n";
    check(&removed, "200 OK", 7, body);
}

#[test]
fn errors_are_those_of_the_reference() {
    let server = server::ours().start();
    let cluster = format!("X-Etcd-Cluster-Id: {}", cluster_id(&server));
    let check = |request: Request, status, index: &str, body: &str| {
        let answer = server.exchange(&request);
        let length = format!("Content-Length: {}", body.len());
        let headers = with_cors(&[
            "Content-Type: application/json",
            &cluster,
            index,
            length.as_str(),
        ]);
        assert_head(&answer.head, status, &headers);
        assert_eq!(answer.text(), body);
        answer
    };
    let missing =
        "{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/zz\",\"index\":2}\n";
    let missing = check(
        Request::get("/v2/keys/zz/yy"),
        "404 Not Found",
        "X-Etcd-Index: 2",
        missing,
    );
    let head = server.exchange(&Request::new("HEAD", "/v2/keys/zz/yy"));
    assert_eq!(lines(&head.head), lines(&missing.head));
    let invalid = "{\"errorCode\":203,\"message\":\"The given index in POST form is not a number\",\
                   \"cause\":\"invalid value for \\\"prevIndex\\\"\",\"index\":0}\n";
    check(
        Request::get("/v2/keys/a?prevIndex=bad"),
        "400 Bad Request",
        "X-Etcd-Index: 0",
        invalid,
    );
    let compare = "{\"errorCode\":101,\"message\":\"Compare failed\",\"cause\":\"[q != v3] [1 != 3]\",\"index\":3}\n";
    assert_eq!(put(&server, "/v2/keys/c", "value=v3").status(), 201);
    check(
        Request::put("/v2/keys/c", "value=x&prevValue=q&prevIndex=1"),
        "412 Precondition Failed",
        "X-Etcd-Index: 3",
        compare,
    );
}

/// What never reaches the keys has none of their headers.
#[test]
fn answers_beside_the_api_are_those_of_the_reference() {
    let server = server::ours().start();
    let wrong = server.exchange(&Request::new("PATCH", "/v2/keys/f1"));
    let headers = with_cors(&[
        "Allow: HEAD,GET,PUT,POST,DELETE",
        "Content-Type: text/plain; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Content-Length: 19",
    ]);
    assert_head(&wrong.head, "405 Method Not Allowed", &headers);
    assert_eq!(wrong.text(), "Method Not Allowed\n");
    let unknown = get(&server, "/v2/keysfoo");
    let headers = with_cors(&[
        "Content-Type: text/plain; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Content-Length: 19",
    ]);
    assert_head(&unknown.head, "404 Not Found", &headers);
    assert_eq!(unknown.text(), "404 page not found\n");
    let options = server.exchange(&Request::new("OPTIONS", "/nope//x"));
    assert_head(&options.head, "200 OK", &with_cors(&["Content-Length: 0"]));
    let version = get(&server, "/version");
    let headers = with_cors(&["Content-Type: application/json", "Content-Length: 45"]);
    assert_head(&version.head, "200 OK", &headers);
    assert_eq!(
        version.text(),
        r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#
    );
}

#[test]
fn bad_escapes_in_a_path_never_reach_the_api() {
    let server = server::ours().start();
    for path in ["/v2/keys/%zz", "/v2/keys/a%", "/v2/keys/%4", "/%g0"] {
        for method in ["GET", "PUT", "OPTIONS"] {
            let mut client = connect(&server);
            let answer = ask(&mut client, &Request::new(method, path));
            let headers = [
                "Connection: close",
                "Content-Type: text/plain; charset=utf-8",
                "Content-Length: 15",
            ];
            assert_head(&answer.head, "400 Bad Request", &headers);
            assert_eq!(answer.text(), "400 Bad Request", "{method} {path}");
        }
    }
    // In a query they do, and the API has a word for them.
    let answer = get(&server, "/v2/keys/a?value=%zz");
    assert_eq!(
        answer.text(),
        "{\"errorCode\":210,\"message\":\"Invalid POST form\",\"cause\":\"invalid URL escape \\\"%zz\\\"\",\"index\":0}\n"
    );
    assert_eq!(answer.head.framing, Framing::Length(answer.body.len()));
}
