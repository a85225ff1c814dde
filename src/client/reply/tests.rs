use super::*;

fn reply(status: u16, body: impl Into<Bytes>) -> ServerReply {
    ServerReply {
        endpoint: Endpoint::parse("127.0.0.1:2379").unwrap(),
        status,
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

#[test]
fn an_answer_becomes_an_event() {
    let body = r#"{"action":"set","node":{"key":"/a","value":"x","modifiedIndex":7,"createdIndex":5,
        "expiration":"2026-11-22T05:47:05.642936693Z","ttl":100,"new":[1,{"x":null}]},
        "prevNode":{"dir":true,"nodes":[{"key":"/b"}],"modifiedIndex":1,"createdIndex":1},"other":{}}"#;
    let event = reply(201, body).event().unwrap();
    assert_eq!(event.action, "set");
    assert_eq!(
        (event.node.created_index, event.node.modified_index),
        (5, 7)
    );
    assert_eq!(event.node.ttl, 100);
    let before = event.prev_node.unwrap();
    assert!(before.dir);
    assert_eq!(before.key, "/", "an absent key is the root");
    assert_eq!(before.nodes[0].key, "/b");
}

#[test]
fn an_error_keeps_its_four_parts_and_another_object_is_all_zeros() {
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/x","index":8}"#;
    let error = reply(404, body).event().unwrap_err();
    assert_eq!(error.to_string(), "100: Key not found (/x) [8]");
    assert_eq!(error.api_code(), Some(100));
    let error = reply(401, r#"{"message":"Insufficient credentials"}"#).event();
    assert_eq!(
        error.unwrap_err().to_string(),
        "0: Insufficient credentials () [0]"
    );
}

#[test]
fn what_no_server_of_this_kind_says_is_named() {
    for (status, body) in [
        (200, "<html>"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"action":"get"}"#),
        (200, r#"{"action":"get","node":null}"#),
        (200, r#"{"action":"get","node":{"key":1}}"#),
        (200, r#"{"action":"get","node":{}} trailing"#),
        (404, "404 page not found"),
        (400, ""),
    ] {
        let error = reply(status, body).event().unwrap_err();
        assert!(
            matches!(error, Error::InvalidReply { .. }),
            "{status} {body}: {error:?}"
        );
    }
    assert!(matches!(reply(200, "").event(), Err(Error::EmptyBody)));
}

fn nested(depth: usize) -> String {
    let open = r#"{"dir":true,"nodes":["#.repeat(depth);
    format!(
        r#"{{"node":{open}{{"key":"/leaf"}}{}}}"#,
        "]}".repeat(depth)
    )
}

#[test]
fn the_deepest_tree_is_read_and_a_deeper_one_refused() {
    for depth in [1, 200, 201, 512, 4_900] {
        let mut node = reply(200, nested(depth)).event().unwrap().node;
        while let Some(child) = node.nodes.pop() {
            node = child;
        }
        assert_eq!(node.key, "/leaf", "{depth}");
        // Dropped whole, too.
        drop(reply(200, nested(depth)).event().unwrap());
    }
    for depth in [5_001, 1_000_000] {
        let error = reply(200, nested(depth)).event().unwrap_err();
        assert!(
            matches!(error, Error::Tree(ParseError::TooDeep)),
            "{error:?}"
        );
    }
}

#[test]
fn brackets_in_strings_are_not_depth() {
    let value = "[{".repeat(10_000);
    let body = format!(r#"{{"node":{{"key":"/\"{{[","value":"{value}"}}}}"#);
    assert_eq!(KeyEvent::parse(body.as_bytes()).unwrap().node.value, value);
}

#[test]
fn what_is_null_or_no_text_is_taken_as_the_original_takes_it() {
    let body =
        br#"{"action":null,"node":{"key":"/a","dir":null,"value":null,"ttl":null,"nodes":null,
        "createdIndex":null,"expiration":null}}"#;
    let event = reply(200, body.to_vec()).event().unwrap();
    assert_eq!((event.node.value.as_str(), event.node.ttl), ("", 0));
    for value in [&b"\\ud800x"[..], b"\xffx"] {
        let body = [&br#"{"node":{"key":"/a","value":""#[..], value, b"\"}}"].concat();
        let event = reply(200, body).event().unwrap();
        assert!(
            event.node.value.starts_with('\u{fffd}'),
            "{:?}",
            event.node.value
        );
        assert!(event.node.value.ends_with('x'), "{:?}", event.node.value);
    }
}
