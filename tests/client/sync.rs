//! Synchronisation: whose addresses are taken over, and when the ones given stay.

use etcd2::client::{Client, ClientOptions, Endpoint, Error, GetOptions, Key, Sync, Tls};

use super::call::{client, options, soon};
use super::support::authority::Authority;
use super::support::fake::{Fake, Refusing, Step, ok, response};

fn members(lists: &[&[&str]]) -> Vec<u8> {
    let members: Vec<String> = lists
        .iter()
        .map(|urls| {
            format!(r#"{{"id":"a","name":"n","peerURLs":["http://p:1"],"clientURLs":{urls:?}}}"#)
        })
        .collect();
    let body = format!(r#"{{"members":[{}]}}"#, members.join(","));
    response("200 OK", &[], &body)
}

fn shown(client: &Client) -> Vec<String> {
    client.endpoints().iter().map(Endpoint::to_string).collect()
}

#[tokio::test]
async fn the_urls_of_all_members_replace_ours() {
    let server = Fake::always(members(&[
        &["http://a:1", "https://a:2"],
        &[],
        &[
            "http://b:1/",
            "http://a:1",
            "unix:///run/etcd.sock",
            "::",
            "",
        ],
    ]));
    let dead = Refusing::new();
    let client = client([dead.endpoint(), server.endpoint()]);
    assert_eq!(soon(client.sync()).await.unwrap(), Sync::Replaced);
    assert_eq!(shown(&client), ["http://a:1", "https://a:2", "http://b:1"]);
    assert_eq!(server.lines(), ["GET /v2/members"]);
}

#[tokio::test]
async fn the_endpoint_that_answered_stays_in_use_when_it_is_a_member() {
    let other = Fake::always(ok("other"));
    let own = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = own.clone();
    let first = other.url();
    let server = Fake::start(move |request| {
        let url = known.get().expect("it is set before the first request");
        vec![Step::Send(if request.target == "/v2/members" {
            members(&[&[&first], &[url]])
        } else {
            ok("own")
        })]
    });
    own.set(server.url()).unwrap();
    let client = client([server.endpoint()]);
    soon(client.sync()).await.unwrap();
    assert_eq!(shown(&client), [other.url(), server.url()]);
    let event = soon(client.get(&Key::from("/k"), GetOptions::default())).await;
    assert_eq!(event.unwrap().node.value, "own");
    assert_eq!(server.connections(), 1, "the connection of the sync serves");
}

#[tokio::test]
async fn members_without_urls_leave_ours_alone() {
    for answer in [
        members(&[&[], &[]]),
        members(&[]),
        members(&[&["unix:///run/etcd.sock", "ftp://h"]]),
        response("200 OK", &[], "{}"),
    ] {
        let server = Fake::always(answer);
        let client = client([server.endpoint()]);
        assert_eq!(soon(client.sync()).await.unwrap(), Sync::Unpublished);
        assert_eq!(shown(&client), [server.url()]);
    }
}

#[tokio::test]
async fn a_server_of_0_4_is_asked_in_its_words() {
    let server = Fake::start(|request| {
        vec![Step::Send(match request.target.as_str() {
            "/v2/machines" => response("200 OK", &[], "http://b:4001, http://a:4001"),
            _ => response("404 Not Found", &[], "404 page not found\n"),
        })]
    });
    let client = client([server.endpoint()]);
    assert_eq!(soon(client.sync()).await.unwrap(), Sync::Replaced);
    assert_eq!(shown(&client), ["http://b:4001", "http://a:4001"]);
    assert_eq!(server.lines(), ["GET /v2/members", "GET /v2/machines"]);
}

#[tokio::test]
async fn a_failure_leaves_ours_alone_and_says_what_it_was() {
    let unauthorized = r#"{"message":"Insufficient credentials"}"#;
    for (answer, words) in [
        (
            response("401 Unauthorized", &[], unauthorized),
            "unexpected status code 401",
        ),
        (
            response("401 Unauthorized", &[], "ask the proxy"),
            "unexpected status code 401: ask the proxy",
        ),
        (
            response("403 Forbidden", &[], "no"),
            "unexpected status code 403: no",
        ),
        (
            response("404 Not Found", &[], "no"),
            "client: response is invalid json",
        ),
        (
            response("200 OK", &[], "<html>"),
            "client: response is invalid json",
        ),
        (
            response("503 Service Unavailable", &[], ""),
            "has no leader",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec(),
            "unexpected EOF",
        ),
    ] {
        let server = Fake::answering(vec![vec![Step::Send(answer), Step::Close]]);
        let client = client([server.endpoint()]);
        let error = soon(client.sync()).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.is_connection(), "{error}");
        assert_eq!(shown(&client), [server.url()]);
    }
    let dead = Refusing::new();
    let client = client([dead.endpoint()]);
    let error: Error = soon(client.sync()).await.unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert_eq!(client.endpoints(), [dead.endpoint()]);
}

#[tokio::test]
async fn whoever_asked_under_tls_is_not_led_out_of_it() {
    let authority = Authority::new("ours");
    for (urls, outcome, kept) in [
        (["http://a:1", "http://b:2"], Sync::Kept, None),
        (
            ["http://a:1", "https://b:2"],
            Sync::Replaced,
            Some("https://b:2"),
        ),
    ] {
        let answer = members(&[&urls]);
        let server = Fake::start_tls(authority.acceptor(), move |_| {
            vec![Step::Send(answer.clone())]
        });
        let client = Client::new(ClientOptions {
            tls: Tls::load(&authority.trust()).unwrap(),
            ..options([server.endpoint()])
        });
        assert_eq!(soon(client.sync()).await.unwrap(), outcome, "{urls:?}");
        let given = server.url();
        assert_eq!(shown(&client), [kept.unwrap_or(&given)], "{urls:?}");
    }
}
