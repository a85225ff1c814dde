//! Open connections: kept for the next request, and no trap when the server has ended them meanwhile.

use std::sync::Arc;
use std::time::Duration;

use etcd2::client::{
    Client, ClientOptions, DeleteOptions, Error, GetOptions, Key, PutOptions, within,
};
use tokio::sync::Notify;

use super::call::{client, options, soon};
use super::support::fake::{Fake, LIMIT, Refusing, Step, key_not_found, ok, response};

async fn get(client: &Client) -> Result<String, Error> {
    let event = soon(client.get(&Key::from("/k"), GetOptions::default())).await?;
    Ok(event.node.value)
}

async fn delete(client: &Client) -> Result<String, Error> {
    let event = soon(client.delete(&Key::from("/k"), DeleteOptions::default())).await?;
    Ok(event.node.value)
}

#[tokio::test]
async fn one_connection_carries_many_requests_refusals_included() {
    let server = Fake::answering(vec![
        vec![Step::Send(ok("a"))],
        vec![Step::Send(key_not_found())],
        vec![Step::Send(response("201 Created", &[], "{}"))],
        vec![Step::Send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        )],
        vec![Step::Send(ok("b"))],
    ]);
    let client = client([server.endpoint()]);
    for _ in 0..4 {
        let _ = get(&client).await;
    }
    assert_eq!(get(&client).await.unwrap(), "b");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_that_says_close_is_taken_at_its_word() {
    let server = Fake::always(response(
        "200 OK",
        &["Connection: close"],
        &super::support::fake::event("get", "/k", "v", 7),
    ));
    let client = client([server.endpoint()]);
    for _ in 0..3 {
        assert_eq!(get(&client).await.unwrap(), "v");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_is_replaced() {
    let server = Fake::start(|request| {
        let mut steps = vec![Step::Send(ok("v"))];
        if request.connection < 2 {
            steps.push(Step::Close);
        }
        steps
    });
    let client = client([server.endpoint()]);
    assert_eq!(get(&client).await.unwrap(), "v");
    server.ended(1).await; // The client has noticed.
    assert_eq!(delete(&client).await.unwrap(), "v");
    server.ended(2).await;
    assert_eq!(get(&client).await.unwrap(), "v");
    assert_eq!((server.connections(), server.requests().len()), (3, 3));
}

/// Answers the first request, and hangs up on the second of the same connection.
fn closing_late(end: Step) -> Fake {
    Fake::start(move |request| match (request.connection, request.number) {
        (0, 0) => vec![Step::Send(ok("first"))],
        (0, _) => vec![end.clone()],
        _ => vec![Step::Send(ok("again"))],
    })
}

#[tokio::test]
async fn a_read_on_a_connection_that_is_being_closed_is_sent_again() {
    for end in [Step::Close, Step::Reset] {
        let server = closing_late(end);
        let client = client([server.endpoint()]);
        assert_eq!(get(&client).await.unwrap(), "first");
        assert_eq!(get(&client).await.unwrap(), "again");
        assert_eq!((server.connections(), server.requests().len()), (2, 3));
    }
}

#[tokio::test]
async fn a_delete_on_a_connection_that_is_being_closed_is_not_sent_again() {
    for end in [Step::Close, Step::Reset] {
        let server = closing_late(end);
        let client = client([server.endpoint()]);
        assert_eq!(get(&client).await.unwrap(), "first");
        let error = delete(&client).await.unwrap_err();
        assert!(matches!(error, Error::Failed(_)), "{error:?}");
        assert_eq!((server.connections(), server.requests().len()), (1, 2));
    }
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_replaced() {
    let server = Fake::answering(vec![vec![Step::Close]]);
    let error = get(&client([server.endpoint()])).await.unwrap_err();
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(server.requests().len(), 1, "the next endpoint is due");
}

#[tokio::test]
async fn a_connection_with_an_unfinished_request_is_not_used_again() {
    // The server answers from the head alone and never takes the body: what is sent next would never be read.
    let word = Arc::new(Notify::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let held = word.clone();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let body = r#"{"errorCode":400,"message":"too large","cause":"","index":7}"#;
        let refusal = response("413 Payload Too Large", &[], body);
        // An answer before the first byte of a question would be none.
        tokio::io::AsyncReadExt::read_u8(&mut first).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut first, &refusal)
            .await
            .unwrap();
        let (mut second, _) = listener.accept().await.unwrap();
        tokio::io::AsyncReadExt::read_u8(&mut second).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut second, &ok("v"))
            .await
            .unwrap();
        held.notified().await;
    });
    let endpoint = etcd2::client::Endpoint::parse(&address.to_string()).unwrap();
    let client = Client::new(ClientOptions {
        header_timeout: Some(LIMIT),
        ..options([endpoint])
    });
    let value = vec![b'x'; 64 << 20];
    let error = soon(client.put(&Key::from("/k"), &value, PutOptions::default())).await;
    let error = error.unwrap_err();
    assert_eq!(error.api_code(), Some(400), "{error:?}");
    assert_eq!(get(&client).await.unwrap(), "v");
    word.notify_one();
}

#[tokio::test]
async fn the_limit_of_a_call_ends_it_whatever_it_waits_for() {
    let limit = Some(Duration::from_millis(100));
    let silent = Fake::answering(vec![vec![Step::Hang]]);
    let slow = Fake::answering(vec![vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        Step::Hang,
    ]]);
    for server in [&silent, &slow] {
        let error = soon(within(limit, get(&client([server.endpoint()])))).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::DeadlineExceeded), "{error:?}");
        assert_eq!(error.to_string(), "context deadline exceeded");
        assert!(error.is_connection());
        server.ended(1).await;
    }
    let alive = Fake::always(ok("v"));
    for limit in [None, Some(LIMIT)] {
        let client = client([alive.endpoint()]);
        assert_eq!(within(limit, get(&client)).await.unwrap(), "v");
    }
    let dead = Refusing::new();
    let error = within(Some(LIMIT), get(&client([dead.endpoint()]))).await;
    assert!(matches!(error, Err(Error::Unavailable(_))));
}
