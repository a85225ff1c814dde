//! Answers of every shape: framed in every way, cut, empty, huge, deep, or not of this API at all.

use etcd2::client::{Cause, Error, GetOptions, Key, KeyEvent};

use super::call::{client, soon};
use super::support::fake::{Fake, Step, event, response};

/// What a client makes of these bytes, sent as they are and then the connection closed.
async fn read(bytes: impl Into<Vec<u8>>) -> Result<KeyEvent, Error> {
    let server = Fake::answering(vec![vec![Step::Send(bytes.into()), Step::Close]]);
    let client = client([server.endpoint()]);
    soon(client.get(&Key::from("/k"), GetOptions::default())).await
}

/// What ended the only attempt.
async fn cause(bytes: impl Into<Vec<u8>>) -> Cause {
    match read(bytes).await {
        Err(Error::Unavailable(mut attempts)) if attempts.len() == 1 => attempts.remove(0).cause,
        other => panic!("{other:?}"),
    }
}

/// `body` in chunks of `size` bytes, without the last, empty one.
fn chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[tokio::test]
async fn every_framing_gives_the_same_event() {
    let body = event("get", "/k", "v\u{e9}", 7);
    let whole = response("200 OK", &["X-Etcd-Index: 9"], &body);
    let counted = read(whole).await.unwrap();
    assert_eq!(counted.node.value, "v\u{e9}");
    assert_eq!((counted.node.modified_index, counted.etcd_index), (7, 9));
    for size in [1, 3, 1000] {
        let mut chunked = chunks(body.as_bytes(), size);
        chunked.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
        assert_eq!(read(chunked).await.unwrap().node, counted.node);
    }
    let until_close = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    assert_eq!(read(until_close).await.unwrap().node, counted.node);
    let old = format!("HTTP/1.0 200 OK\r\nX-Etcd-Index: 9\r\n\r\n{body}\n");
    assert_eq!(read(old).await.unwrap(), counted);
}

#[tokio::test]
async fn the_indexes_come_from_the_head() {
    let headers = [
        "x-etcd-index: 170387",
        "X-Raft-Index:444099",
        "X-RAFT-TERM:  8 ",
    ];
    let answer = response("200 OK", &headers, &event("get", "/k", "v", 6));
    let found = read(answer).await.unwrap();
    assert_eq!(
        (found.etcd_index, found.raft_index, found.raft_term),
        (170_387, 444_099, 8)
    );
    let strange = ["X-Etcd-Index: -1", "X-Raft-Index: many"];
    let answer = response("200 OK", &strange, &event("get", "/k", "v", 6));
    let found = read(answer).await.unwrap();
    assert_eq!(
        (found.etcd_index, found.raft_index, found.raft_term),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_answer() {
    let body = event("get", "/k", "v", 7);
    let whole = response("200 OK", &[], &body);
    let chunked = chunks(body.as_bytes(), 10);
    let head = |bytes: &[u8]| bytes.windows(4).position(|at| at == b"\r\n\r\n").unwrap() + 4;
    let mut cuts: Vec<Vec<u8>> = Vec::new();
    for answer in [&whole, &chunked] {
        let head = head(answer);
        cuts.extend([head, head + 1, answer.len() - 1].map(|end| answer[..end].to_vec()));
    }
    cuts.push(chunked); // All the data, but not the mark of its end.
    for bytes in cuts {
        let shown = bytes.escape_ascii().to_string();
        let cause = cause(bytes).await;
        assert!(matches!(cause, Cause::Body(_)), "{shown}: {cause:?}");
        assert_eq!(cause.to_string(), "unexpected EOF", "{shown}");
    }
}

#[tokio::test]
async fn a_head_that_is_cut_is_the_end_of_the_connection() {
    for bytes in [
        "",
        "H",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n",
    ] {
        let cause = cause(bytes).await;
        assert!(matches!(cause, Cause::Head(_)), "{bytes:?}: {cause:?}");
        assert_eq!(cause.to_string(), "EOF", "{bytes:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_named_so() {
    let random: Vec<u8> = (0..=255).rev().collect();
    for bytes in [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(),
        b"\x15\x03\x01\x00\x02\x02\x16".to_vec(),
        b"HTTP/1.1 abc OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(),
        random,
    ] {
        let shown = bytes.escape_ascii().to_string();
        let cause = cause(bytes).await;
        assert!(matches!(cause, Cause::Head(_)), "{shown}: {cause:?}");
        let words = cause.to_string();
        assert!(words.starts_with("the answer is not HTTP: "), "{words}");
    }
    let bad_chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".to_vec();
    assert!(matches!(cause(bad_chunk).await, Cause::Body(_)));
}

#[tokio::test]
async fn an_answer_of_something_else_is_shown() {
    let long = format!("\n\n  {}\nand more", "x".repeat(300));
    for (status, body) in [
        ("200 OK", "<html>It works!</html>"),
        (
            "414 URI Too Long",
            "key of 20000 bytes, the limit is 16384\n",
        ),
        ("418 Short And Stout", &long),
        ("200 OK", "[]"),
        ("200 OK", r#"{"action":"get"}"#),
        ("201 Created", r#"{"action":"set","node":{"key":"/k""#),
        ("404 Not Found", "404 page not found\n"),
        ("404 Not Found", ""),
        ("204 No Content", ""),
        ("300 Multiple Choices", ""),
        ("304 Not Modified", ""),
    ] {
        let answer = match status {
            "204 No Content" | "304 Not Modified" => {
                format!("HTTP/1.1 {status}\r\n\r\n").into_bytes()
            }
            _ => response(status, &[], body),
        };
        match read(answer).await {
            Err(error @ Error::InvalidReply { .. }) => {
                let doubt = match &status[..1] {
                    "4" => "",
                    _ => ". The endpoint is probably not valid etcd cluster endpoint",
                };
                let reason = match status {
                    "418 Short And Stout" => "418 I'm a teapot",
                    status => status,
                };
                let line = match body {
                    "" => " without a word".to_owned(),
                    body if body == long => format!(": {}…", "x".repeat(200)),
                    body => format!(": {}", body.trim_end()),
                };
                let Error::InvalidReply {
                    endpoint,
                    status: told,
                    detail,
                    ..
                } = &error
                else {
                    unreachable!("matched above")
                };
                assert_eq!(
                    error.to_string(),
                    format!(
                        "client: response is invalid json{doubt}; {endpoint} answered {reason}{line}"
                    )
                );
                assert_eq!(told.to_string(), status[..3]);
                if body != long {
                    assert!(detail.contains(&format!("{body:?}")), "{detail}");
                }
                assert!(!error.is_connection());
            }
            other => panic!("{status} {body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_empty_success_is_an_error_of_its_own() {
    for answer in [
        response("200 OK", &[], ""),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        b"HTTP/1.0 200 OK\r\n\r\n".to_vec(),
    ] {
        let error = read(answer).await.unwrap_err();
        assert!(matches!(error, Error::EmptyBody), "{error:?}");
        assert_eq!(error.to_string(), "client: response body is empty");
    }
}

#[tokio::test]
async fn a_very_large_answer_is_read_whole() {
    const CHILDREN: usize = 200_000;
    let mut body = br#"{"action":"get","node":{"dir":true,"nodes":["#.to_vec();
    for number in 0..CHILDREN {
        let comma = if number == 0 { "" } else { "," };
        let node = format!(
            r#"{comma}{{"key":"/{number:06}","value":"{}","modifiedIndex":{number},"createdIndex":{number}}}"#,
            "x".repeat(100)
        );
        body.extend_from_slice(node.as_bytes());
    }
    body.extend_from_slice(b"]}}");
    assert!(body.len() > 30 << 20);
    let mut chunked = chunks(&body, 100_000);
    chunked.extend_from_slice(b"0\r\n\r\n");
    let event = read(chunked).await.unwrap();
    assert_eq!(event.node.key, "/");
    assert_eq!(event.node.nodes.len(), CHILDREN);
    let last = event.node.nodes.last().unwrap();
    assert_eq!(
        (last.key.as_str(), last.created_index),
        ("/199999", 199_999)
    );
}

#[tokio::test]
async fn a_tree_may_be_as_deep_as_a_key_and_no_deeper() {
    let nested = |depth: usize| {
        let open = r#"{"dir":true,"nodes":["#.repeat(depth);
        let close = "]}".repeat(depth);
        response(
            "200 OK",
            &[],
            &format!(r#"{{"node":{open}{{"key":"/leaf"}}{close}}}"#),
        )
    };
    let mut node = read(nested(512)).await.unwrap().node;
    let mut depth = 0;
    while let Some(child) = node.nodes.pop() {
        node = child;
        depth += 1;
    }
    assert_eq!((depth, node.key.as_str()), (512, "/leaf"));
    let error = read(nested(1_000_000)).await.unwrap_err();
    assert!(
        error.to_string().contains("deeper than 5000 directories"),
        "{error:?}"
    );
}
