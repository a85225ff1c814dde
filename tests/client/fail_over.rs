//! Which endpoint is asked after which, and what is told when none gives an answer.

use std::time::Duration;

use etcd2::client::{
    Cause, Client, ClientOptions, Endpoint, Error, GetOptions, Key, PutOptions, Tls,
};

use super::call::{client, options, soon};
use super::support::authority::Authority;
use super::support::fake::{Fake, LIMIT, Refusing, Step, ok, response};

/// The time-out of the head where a server is silent.
const SHORT: Duration = Duration::from_millis(200);

async fn get(client: &Client) -> Result<String, Error> {
    let event = soon(client.get(&Key::from("/k"), GetOptions::default())).await?;
    Ok(event.node.value)
}

/// The error of a client that has no other endpoint.
async fn failure(options: ClientOptions) -> Error {
    get(&Client::new(options)).await.unwrap_err()
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over() {
    let dead = Refusing::new();
    let alive = Fake::always(ok("v"));
    let client = client([dead.endpoint(), alive.endpoint()]);
    assert_eq!(get(&client).await.unwrap(), "v");
    assert_eq!(alive.requests().len(), 1);
}

#[tokio::test]
async fn the_endpoint_that_answered_is_asked_first_from_then_on() {
    let first = Fake::answering(vec![
        vec![Step::Send(ok("first"))],
        vec![Step::Send(response("503 Service Unavailable", &[], ""))],
        vec![Step::Send(ok("first again"))],
    ]);
    let second = Fake::answering(vec![
        vec![Step::Send(ok("second"))],
        vec![Step::Send(ok("second"))],
        vec![Step::Send(response("500 Internal Server Error", &[], ""))],
    ]);
    let client = client([first.endpoint(), second.endpoint()]);
    let mut values = Vec::new();
    for _ in 0..4 {
        values.push(get(&client).await.unwrap());
    }
    // The list is a ring: after its end comes its beginning.
    assert_eq!(values, ["first", "second", "second", "first again"]);
    assert_eq!((first.requests().len(), second.requests().len()), (3, 3));
}

#[tokio::test]
async fn a_failing_server_is_passed_over_whatever_its_status() {
    for status in [
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "599 Whatever",
    ] {
        let failing = Fake::always(response(status, &[], "no"));
        let alive = Fake::always(ok("v"));
        let client = client([failing.endpoint(), alive.endpoint()]);
        assert_eq!(get(&client).await.unwrap(), "v", "{status}");
        let written = client
            .put(&Key::from("/k"), b"x", PutOptions::default())
            .await
            .unwrap();
        assert_eq!(written.node.value, "v", "{status}");
        assert_eq!(failing.requests().len(), 1, "{status}");
        assert_eq!(alive.requests().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn every_attempt_is_told_with_what_the_server_said() {
    let dead = Refusing::new();
    let no_leader = Fake::always(response(
        "503 Service Unavailable",
        &[],
        "  raft: stopped\n",
    ));
    let gateway = Fake::always(response("502 Bad Gateway", &[], ""));
    let error = failure(options([
        dead.endpoint(),
        no_leader.endpoint(),
        gateway.endpoint(),
    ]))
    .await;
    assert_eq!(
        error.to_string(),
        format!(
            "client: etcd cluster is unavailable or misconfigured; error #0: {}\n\
             ; error #1: client: etcd member {} has no leader\n\
             ; error #2: client: etcd member {} returns server error [Bad Gateway]\n",
            dead.words(),
            no_leader.url(),
            gateway.url()
        )
    );
    let attempts = error.attempts();
    let said: Vec<&str> = attempts.iter().map(|attempt| attempt.said()).collect();
    assert_eq!(said, ["", "raft: stopped", ""]);
    let sent: Vec<bool> = attempts.iter().map(|attempt| attempt.sent).collect();
    assert_eq!(sent, [false, true, true]);
    assert_eq!(attempts[1].endpoint, no_leader.endpoint());
    assert!(!error.is_connection(), "two of them have answered");
}

#[tokio::test]
async fn a_long_explanation_is_cut_and_an_endless_one_is_not_waited_for() {
    let long = "why ".repeat(100_000);
    let talkative = Fake::always(response("500 Internal Server Error", &[], &long));
    let endless = Fake::answering(vec![vec![
        Step::Send(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 99\r\n\r\nbecause".to_vec(),
        ),
        Step::Hang,
    ]]);
    let error = failure(ClientOptions {
        header_timeout: Some(SHORT),
        ..options([talkative.endpoint(), endless.endpoint()])
    })
    .await;
    let [first, second] = error.attempts() else {
        panic!("{error}");
    };
    assert!(first.said().starts_with("why why why"), "{}", first.said());
    assert!(first.said().len() < long.len());
    assert_eq!(second.said(), "because");
}

#[tokio::test]
async fn a_silent_server_is_passed_over_after_the_time_out() {
    let silent = Fake::answering(vec![vec![Step::Hang]]);
    let alive = Fake::always(ok("v"));
    let short = ClientOptions {
        header_timeout: Some(SHORT),
        ..options([silent.endpoint(), alive.endpoint()])
    };
    assert_eq!(get(&Client::new(short)).await.unwrap(), "v");
    silent.ended(1).await; // Nobody keeps the connection of an unanswered request.

    let error = failure(ClientOptions {
        header_timeout: Some(SHORT),
        ..options([silent.endpoint()])
    })
    .await;
    assert_eq!(
        error.to_string(),
        format!(
            "client: etcd cluster is unavailable or misconfigured; error #0: client: endpoint {} exceeded header timeout\n",
            silent.url()
        )
    );
    assert!(!error.is_connection());
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    for status in [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "412 Precondition Failed",
        "413 Payload Too Large",
    ] {
        let body = r#"{"errorCode":100,"message":"Key not found","cause":"/k","index":7}"#;
        let refusing = Fake::always(response(status, &[], body));
        let other = Fake::always(ok("v"));
        let client = client([refusing.endpoint(), other.endpoint()]);
        let error = get(&client).await.unwrap_err();
        assert_eq!(error.api_code(), Some(100), "{status}");
        assert!(error.attempts().is_empty() && !error.is_connection());
        let Error::Api(error) = error else {
            panic!("{status}: {error}");
        };
        assert_eq!(error.status.to_string(), status[..3]);
        assert_eq!(refusing.requests().len(), 1, "{status}");
        assert_eq!(other.requests().len(), 0, "{status}");
    }
}

#[tokio::test]
async fn when_all_are_dead_every_one_is_told() {
    let dead = [Refusing::new(), Refusing::new(), Refusing::new()];
    let error = failure(options(dead.iter().map(Refusing::endpoint))).await;
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(error.is_connection());
    let told: Vec<String> = error.attempts().iter().map(|a| a.to_string()).collect();
    assert_eq!(told, dead.each_ref().map(Refusing::words));
}

#[tokio::test]
async fn nobody_to_ask_is_an_error_of_its_own() {
    let error = failure(options([])).await;
    assert!(matches!(error, Error::NoEndpoints), "{error:?}");
    assert_eq!(error.to_string(), "client: no endpoints available");
    assert!(!error.is_connection());
}

#[tokio::test]
async fn only_a_network_that_fails_counts_as_no_connection() {
    let closing = Fake::answering(vec![vec![Step::Close]]);
    let resetting = Fake::answering(vec![vec![Step::Reset]]);
    let cut = Fake::answering(vec![vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        Step::Close,
    ]]);
    let broken = Fake::answering(vec![vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        Step::Reset,
    ]]);
    let refusing = Refusing::new();
    let refused = refusing.words();
    for (endpoint, words, connection) in [
        (refusing.endpoint(), refused.as_str(), true),
        (closing.endpoint(), "EOF", false),
        (cut.endpoint(), "unexpected EOF", false),
        (resetting.endpoint(), "read: connection reset by peer", true),
        (broken.endpoint(), "read: connection reset by peer", true),
    ] {
        let error = failure(options([endpoint.clone()])).await;
        let [attempt] = error.attempts() else {
            panic!("{error:?}");
        };
        assert_eq!(attempt.to_string(), words);
        assert_eq!(error.is_connection(), connection, "{words}");
        let both = failure(options([refusing.endpoint(), endpoint])).await;
        assert_eq!(both.is_connection(), connection, "refused, then {words}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_no_failure_of_the_network() {
    let (theirs, ours) = (Authority::new("theirs"), Authority::new("ours"));
    let stranger = Fake::start_tls(theirs.acceptor(), |_| vec![Step::Send(ok("lies"))]);
    let tls = Tls::load(&ours.trust()).unwrap();
    let alone = ClientOptions {
        tls: tls.clone(),
        ..options([stranger.endpoint()])
    };
    let error = failure(alone).await;
    let text = error.attempts()[0].to_string();
    assert_eq!(text, "x509: certificate signed by unknown authority");
    assert!(!error.is_connection());
    let alive = Fake::start_tls(ours.acceptor(), |_| vec![Step::Send(ok("v"))]);
    let both = ClientOptions {
        tls,
        ..options([stranger.endpoint(), alive.endpoint()])
    };
    assert_eq!(get(&Client::new(both)).await.unwrap(), "v");
    assert_eq!(stranger.requests().len(), 0);
}

#[tokio::test]
async fn an_unknown_host_is_passed_over_and_told() {
    // No label of a name is longer than 63 bytes (RFC 1035, 2.3.4): the resolver refuses it without asking anybody.
    let host = "n".repeat(64);
    let nowhere = Endpoint::parse(&format!("http://{host}:2379")).unwrap();
    let alive = Fake::always(ok("v"));
    let with_other = client([nowhere.clone(), alive.endpoint()]);
    assert_eq!(get(&with_other).await.unwrap(), "v");
    let error = failure(options([nowhere])).await;
    let Some(Cause::Dial(cause)) = error.attempts().first().map(|attempt| &attempt.cause) else {
        panic!("{error:?}");
    };
    assert_eq!(
        cause.to_string(),
        format!("dial tcp: lookup {host}: no such host")
    );
    assert!(error.is_connection());
}

#[tokio::test]
async fn clones_share_the_choice_and_a_new_list_keeps_it() {
    let failing = Fake::always(response("500 Internal Server Error", &[], ""));
    let alive = Fake::always(ok("v"));
    let client = client([failing.endpoint(), alive.endpoint()]);
    let clone = client.clone();
    get(&clone).await.unwrap();
    get(&client).await.unwrap();
    assert_eq!(failing.requests().len(), 1);
    client.set_endpoints(vec![
        failing.endpoint(),
        Refusing::new().endpoint(),
        alive.endpoint(),
    ]);
    get(&clone).await.unwrap();
    assert_eq!(failing.requests().len(), 1);
    clone.set_endpoints(vec![failing.endpoint()]);
    assert!(get(&client).await.is_err());
    assert_eq!(failing.requests().len(), 2);
    assert_eq!(client.endpoints(), [failing.endpoint()]);
}

#[tokio::test]
async fn the_path_of_an_endpoint_stands_before_every_other() {
    let server = Fake::always(ok("v"));
    let behind = Endpoint::parse(&format!("{}/a/b/", server.url())).unwrap();
    get(&client([behind])).await.unwrap();
    assert_eq!(
        server.lines(),
        ["GET /a/b/v2/keys/k?recursive=false&sorted=false"]
    );
}

#[tokio::test]
async fn many_requests_at_once_do_not_mix_up_their_answers() {
    let server = Fake::start(|request| {
        let value = request.target.split(['/', '?']).nth(3).unwrap_or_default();
        vec![Step::Send(ok(value))]
    });
    let client = client([server.endpoint()]);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let client = client.clone();
        calls.spawn(async move {
            let key = Key::from(number.to_string().as_str());
            let event = client.get(&key, GetOptions::default()).await.unwrap();
            (number.to_string(), event.node.value)
        });
    }
    let mut answered = 0;
    while let Some(call) = tokio::time::timeout(LIMIT, calls.join_next())
        .await
        .unwrap()
    {
        let (asked, told) = call.unwrap();
        assert_eq!(asked, told);
        answered += 1;
    }
    assert_eq!(answered, 100);
}
