//! Watches over broken conversations, poll by poll: which index is asked for after which accident.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd2::client::{
    Cause, Client, ClientOptions, Error, GetOptions, Interruption, Key, KeyEvent, KeyWatcher,
    WatchOptions,
};
use tokio::sync::Notify;

use super::call::{client, options, soon};
use super::support::fake::{Fake, LIMIT, Refusing, Step, event, response};

const CLUSTER: &str = "cdf818194e3a8c32";

/// The head of a poll that the server took at `index`.
fn head(index: u64) -> Vec<u8> {
    head_of(CLUSTER, index)
}

fn head_of(cluster: &str, index: u64) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: {cluster}\r\nX-Etcd-Index: {index}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes()
}

/// The body of a poll: the event at `index`.
fn tail(index: u64) -> Vec<u8> {
    let event = event("set", "/k", &format!("v{index}"), index);
    format!("{:x}\r\n{event}\r\n0\r\n\r\n", event.len()).into_bytes()
}

/// A poll taken at `index` and answered with the event at `found`.
fn answered(index: u64, found: u64) -> Vec<Step> {
    vec![Step::Send(head(index)), Step::Send(tail(found))]
}

/// A poll taken at `index` whose connection ends before there is an event.
fn cut(index: u64) -> Vec<Step> {
    vec![Step::Send(head(index)), Step::Close]
}

fn from_now() -> WatchOptions {
    WatchOptions {
        reconnect: true,
        ..WatchOptions::default()
    }
}

fn watcher(servers: &[&Fake], options: WatchOptions) -> KeyWatcher {
    client(servers.iter().map(|server| server.endpoint())).watch(Key::from("/k"), options)
}

async fn next(watcher: &mut KeyWatcher) -> Result<KeyEvent, Error> {
    soon(watcher.next()).await
}

/// The indexes that a server was asked to begin at, poll by poll.
fn asked(server: &Fake) -> Vec<u64> {
    let lines = server.lines();
    let index = |line: &String| {
        let (before, index) = line.split_once("waitIndex=")?;
        assert_eq!(before, "GET /v2/keys/k?recursive=false&wait=true&");
        index.parse().ok()
    };
    lines
        .iter()
        .map(|line| index(line).unwrap_or_else(|| panic!("no poll: {line}")))
        .collect()
}

#[tokio::test]
async fn each_poll_asks_for_what_comes_after_the_last_event() {
    let server = Fake::answering(vec![answered(10, 12), answered(12, 13), answered(20, 20)]);
    let mut watcher = watcher(&[&server], WatchOptions::default());
    assert_eq!(watcher.position(), None);
    for index in [12, 13, 20] {
        let event = next(&mut watcher).await.unwrap();
        assert_eq!(event.node.modified_index, index);
        assert_eq!(watcher.position(), Some(index));
    }
    assert_eq!(asked(&server), [0, 13, 14]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn key_depth_and_first_index_are_those_asked_for() {
    let server = Fake::answering(vec![answered(10, 12)]);
    let options = WatchOptions {
        recursive: true,
        after_index: Some(5),
        reconnect: false,
    };
    let client = client([server.endpoint()]);
    let mut watcher = client.watch(Key::from("/a b/"), options);
    next(&mut watcher).await.unwrap();
    assert_eq!(
        server.lines(),
        ["GET /v2/keys/a%20b/?recursive=true&wait=true&waitIndex=6"]
    );
}

#[tokio::test]
async fn the_largest_index_is_no_trap() {
    let server = Fake::answering(vec![answered(10, u64::MAX), answered(10, 12)]);
    let options = WatchOptions {
        after_index: Some(u64::MAX - 1),
        ..WatchOptions::default()
    };
    let mut watcher = watcher(&[&server], options);
    let event = next(&mut watcher).await.unwrap();
    assert_eq!(event.node.modified_index, u64::MAX);
    let error = next(&mut watcher).await.unwrap_err();
    assert!(
        matches!(error, Error::WentBack { found: 10, .. }),
        "{error:?}"
    );
    let polls = server.lines();
    let largest = format!("waitIndex={}", u64::MAX);
    assert!(
        polls[..2].iter().all(|line| line.ends_with(&largest)),
        "{polls:?}"
    );
}

#[tokio::test]
async fn a_watch_from_now_that_is_cut_goes_on_at_the_next_endpoint_where_it_began() {
    // The write at 11 happens after the cut and before the second poll: "from now" would miss it.
    let first = Fake::answering(vec![cut(10)]);
    let second = Fake::answering(vec![answered(11, 11)]);
    for reconnect in [false, true] {
        let options = WatchOptions {
            reconnect,
            ..WatchOptions::default()
        };
        let mut watcher = watcher(&[&first, &second], options);
        assert_eq!(next(&mut watcher).await.unwrap().node.value, "v11");
        assert_eq!(asked(&first).pop(), Some(0));
        assert_eq!(asked(&second).pop(), Some(11));
    }
}

#[tokio::test]
async fn a_watch_from_now_that_is_cut_goes_on_at_the_same_endpoint_where_it_began() {
    let half = tail(11)[..20].to_vec();
    for broken in [
        cut(10),
        vec![Step::Send(head(10)), Step::Reset],
        vec![Step::Send(head(10)), Step::Send(half.clone()), Step::Close],
        vec![Step::Send(head(10)), Step::Send(half), Step::Reset],
    ] {
        let server = Fake::answering(vec![broken, answered(11, 11)]);
        let mut watcher = watcher(&[&server], from_now());
        assert_eq!(next(&mut watcher).await.unwrap().node.value, "v11");
        assert_eq!(asked(&server), [0, 11]);
    }
}

#[tokio::test]
async fn without_a_head_there_is_no_position_yet() {
    let server = Fake::answering(vec![
        vec![Step::Close],
        vec![Step::Send(response(
            "503 Service Unavailable",
            &["X-Etcd-Index: 3"],
            "",
        ))],
        answered(10, 11),
    ]);
    let mut watcher = watcher(&[&server], from_now());
    assert_eq!(next(&mut watcher).await.unwrap().node.value, "v11");
    assert_eq!(asked(&server), [0, 0, 0], "a failing server took no watch");
}

#[tokio::test]
async fn without_reconnect_the_error_comes_out_and_the_position_stays() {
    let first = Fake::answering(vec![cut(10), answered(12, 11)]);
    let second = Fake::answering(vec![vec![Step::Close]]);
    let mut watcher = watcher(&[&first, &second], WatchOptions::default());
    let error = next(&mut watcher).await.unwrap_err();
    let causes: Vec<&Cause> = error.attempts().iter().map(|a| &a.cause).collect();
    assert!(
        matches!(causes[..], [Cause::Body(_), Cause::Head(_)]),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("error #0: unexpected EOF\n"),
        "{error}"
    );
    assert_eq!(watcher.position(), Some(10));
    // A caller who goes on by himself has no gap either.
    assert_eq!(next(&mut watcher).await.unwrap().node.value, "v11");
    assert_eq!(asked(&first), [0, 11]);
}

#[tokio::test]
async fn an_event_that_was_delivered_is_not_delivered_again() {
    let server = Fake::answering(vec![
        answered(10, 11),
        cut(11),
        vec![Step::Close],
        answered(15, 14),
        cut(15),
        answered(15, 15),
    ]);
    let mut watcher = watcher(&[&server], from_now());
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(next(&mut watcher).await.unwrap().node.modified_index);
    }
    assert_eq!(seen, [11, 14, 15]);
    assert_eq!(asked(&server), [0, 12, 12, 12, 15, 15]);
}

#[tokio::test]
async fn history_that_is_gone_is_told_even_to_a_watch_that_goes_on() {
    let body = r#"{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [203/12]","index":1202}"#;
    let cluster = format!("X-Etcd-Cluster-Id: {CLUSTER}");
    let gone = response("400 Bad Request", &[&cluster, "X-Etcd-Index: 1202"], body);
    let server = Fake::answering(vec![
        answered(10, 11),
        vec![Step::Close],
        vec![Step::Send(gone)],
    ]);
    let other = Refusing::new();
    let client = client([server.endpoint(), other.endpoint()]);
    let mut watcher = client.watch(Key::from("/k"), from_now());
    next(&mut watcher).await.unwrap();
    let error = next(&mut watcher).await.unwrap_err();
    assert_eq!(error.api_code(), Some(401), "{error}");
    assert_eq!(watcher.position(), Some(11));
}

#[tokio::test]
async fn another_cluster_is_noticed_before_its_first_event() {
    let api_error = r#"{"errorCode":401,"message":"outdated","cause":"","index":9000}"#;
    let other = "X-Etcd-Cluster-Id: f00d";
    for answer in [
        // Its index is far below ours: it would keep us waiting for ever, without a word.
        vec![Step::Send(head_of("f00d", 3)), Step::Hang],
        vec![Step::Send(head_of("f00d", 50)), Step::Send(tail(50))],
        vec![Step::Send(response("400 Bad Request", &[other], api_error))],
    ] {
        for before in [answered(10, 11), cut(10)] {
            let server = Fake::answering(vec![before.clone(), answer.clone()]);
            let mut watcher = watcher(&[&server], from_now());
            let outcome = match next(&mut watcher).await {
                Ok(_) => next(&mut watcher).await,
                early => early,
            };
            match outcome {
                Err(Error::OtherCluster { expected, found }) => {
                    assert_eq!((expected.as_str(), found.as_str()), (CLUSTER, "f00d"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_server_without_a_cluster_id_is_believed() {
    let anonymous =
        b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 12\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let server = Fake::answering(vec![
        answered(10, 11),
        vec![Step::Send(anonymous), Step::Send(tail(12))],
        answered(12, 13),
    ]);
    let mut watcher = watcher(&[&server], WatchOptions::default());
    for index in 11..=13 {
        assert_eq!(next(&mut watcher).await.unwrap().node.modified_index, index);
    }
}

/// What a listener was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn listen(&self, watcher: KeyWatcher) -> KeyWatcher {
        let told = self.0.clone();
        watcher.on_interruption(move |interruption| {
            told.lock().unwrap().push(match interruption {
                Interruption::Lost(error) => {
                    assert!(!error.attempts().is_empty(), "{error}");
                    "lost".to_owned()
                }
                Interruption::Resumed => "resumed".to_owned(),
            });
        })
    }

    fn words(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn each_outage_is_told_once_and_so_is_its_end() {
    let server = Fake::answering(vec![
        answered(10, 11),
        vec![Step::Close],
        vec![Step::Send(response("503 Service Unavailable", &[], ""))],
        vec![Step::Reset],
        answered(12, 12),
        cut(12),
        answered(12, 13),
        answered(13, 14),
    ]);
    let told = Told::default();
    let mut watcher = told.listen(watcher(&[&server], from_now()));
    let mut after_each = Vec::new();
    for index in 11..=14 {
        let event = next(&mut watcher).await.unwrap();
        assert_eq!(event.node.modified_index, index);
        after_each.push(told.words().len());
    }
    assert_eq!(told.words(), ["lost", "resumed", "lost", "resumed"]);
    assert_eq!(after_each, [0, 2, 4, 4]);
}

#[tokio::test]
async fn the_end_of_an_outage_is_told_when_a_server_takes_the_watch() {
    let event = Arc::new(Notify::new());
    let held = event.clone();
    let server = Fake::start(move |request| match request.number {
        0 => vec![Step::Close],
        _ => vec![
            Step::Send(head(10)),
            Step::Await(held.clone()),
            Step::Send(tail(11)),
        ],
    });
    let mut watcher = watcher(&[&server], from_now()).on_interruption(move |interruption| {
        if matches!(interruption, Interruption::Resumed) {
            // Only now the event happens: who waits for it to tell the end waits for ever.
            event.notify_one();
        }
    });
    assert_eq!(next(&mut watcher).await.unwrap().node.value, "v11");
}

#[tokio::test]
async fn dropping_a_watch_that_a_server_has_taken_loses_nothing() {
    let server = Fake::answering(vec![
        vec![Step::Close],
        vec![Step::Send(head(10)), Step::Hang],
        answered(12, 11),
        answered(12, 12),
    ]);
    let taken = Arc::new(Notify::new());
    let told = taken.clone();
    let mut watcher = watcher(&[&server], from_now()).on_interruption(move |interruption| {
        if matches!(interruption, Interruption::Resumed) {
            told.notify_one();
        }
    });
    tokio::select! {
        event = watcher.next() => panic!("{event:?}"),
        () = soon(taken.notified()) => {}
    }
    assert_eq!(watcher.position(), Some(10));
    for index in [11, 12] {
        let event = next(&mut watcher).await.unwrap();
        assert_eq!(event.node.modified_index, index);
    }
    assert_eq!(asked(&server), [0, 0, 11, 12]);
}

#[tokio::test]
async fn dropping_a_watch_again_and_again_asks_from_the_same_place() {
    let server = Fake::start(|request| match request.number {
        0..4 => vec![Step::Hang],
        4 => vec![
            Step::Send(head(10)),
            Step::Send(tail(7)[..9].to_vec()),
            Step::Hang,
        ],
        _ => answered(12, 7),
    });
    let options = WatchOptions {
        after_index: Some(6),
        ..WatchOptions::default()
    };
    let mut watcher = watcher(&[&server], options);
    for polls in 1..=5 {
        tokio::select! {
            event = watcher.next() => panic!("{event:?}"),
            () = server.asked(polls) => {}
        }
        server.ended(polls).await;
    }
    assert_eq!(next(&mut watcher).await.unwrap().node.value, "v7");
    assert_eq!(asked(&server), [7; 6]);
}

#[tokio::test]
async fn dropping_a_watch_while_nobody_answers_keeps_it_too() {
    let server = Fake::answering(vec![
        answered(10, 11),
        vec![Step::Close], // of a connection that was idle: it is replaced without a word
        vec![Step::Close],
        answered(12, 12),
    ]);
    let lost = Arc::new(Notify::new());
    let told = lost.clone();
    let mut watcher = watcher(&[&server], from_now()).on_interruption(move |interruption| {
        if matches!(interruption, Interruption::Lost(_)) {
            told.notify_one();
        }
    });
    next(&mut watcher).await.unwrap();
    tokio::select! {
        event = watcher.next() => panic!("{event:?}"),
        () = soon(lost.notified()) => {}
    }
    assert_eq!(next(&mut watcher).await.unwrap().node.value, "v12");
    assert_eq!(asked(&server), [0, 12, 12, 12]);
}

#[tokio::test]
async fn a_poll_that_ends_without_an_event_is_repeated_from_what_its_head_had_seen() {
    let mut empty = head(10);
    empty.extend_from_slice(b"0\r\n\r\n");
    let server = Fake::answering(vec![
        vec![Step::Send(empty)],
        vec![Step::Send(response("200 OK", &["X-Etcd-Index: 15"], ""))],
        answered(15, 17),
    ]);
    let told = Told::default();
    let options = WatchOptions::default(); // It is no failure: no leave to go on is needed.
    let mut watcher = told.listen(watcher(&[&server], options));
    assert_eq!(next(&mut watcher).await.unwrap().node.value, "v17");
    assert_eq!(asked(&server), [0, 11, 16]);
    assert_eq!(told.words(), [""; 0]);
}

#[tokio::test]
async fn a_refusal_ends_the_watch() {
    let body = r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#;
    let server = Fake::always(response("401 Unauthorized", &[], body));
    let mut watcher = watcher(&[&server], from_now());
    let error = next(&mut watcher).await.unwrap_err();
    assert_eq!(error.api_code(), Some(110));
    let web = Fake::always(response("200 OK", &[], "<html>"));
    let mut watcher = super::watch::watcher(&[&web], from_now());
    let error = next(&mut watcher).await.unwrap_err();
    assert!(matches!(error, Error::InvalidReply { .. }), "{error:?}");
    let mut watcher = super::watch::watcher(&[], from_now());
    let error = next(&mut watcher).await.unwrap_err();
    assert!(matches!(error, Error::NoEndpoints), "{error:?}");
}

#[tokio::test]
async fn the_time_out_of_the_head_does_not_end_a_watch() {
    let release = Arc::new(Notify::new());
    let held = release.clone();
    let server = Fake::start(move |request| {
        if request.target.contains("wait=true") {
            let mut steps = vec![Step::Await(held.clone())];
            steps.extend(answered(10, 11));
            steps
        } else {
            vec![Step::Hang]
        }
    });
    let client = Client::new(ClientOptions {
        header_timeout: Some(Duration::from_millis(20)),
        ..options([server.endpoint()])
    });
    let mut watcher = client.watch(Key::from("/k"), WatchOptions::default());
    let watch = tokio::spawn(async move { watcher.next().await });
    server.asked(1).await;
    let error = soon(client.get(&Key::from("/k"), GetOptions::default())).await;
    let error = error.unwrap_err();
    assert!(matches!(error.attempts()[0].cause, Cause::HeaderTimeout));
    release.notify_one();
    let event = tokio::time::timeout(LIMIT, watch).await.unwrap().unwrap();
    assert_eq!(event.unwrap().node.value, "v11");
}

#[tokio::test]
async fn a_member_that_lags_is_waited_for() {
    // The second member answers a poll with an older index; a linearizable read shows that the cluster is where it was.
    let leading = Fake::answering(vec![answered(10, 20), vec![Step::Close]]);
    let lagging = Fake::start(|request| {
        if request.target.contains("quorum=true") {
            let headers = ["X-Etcd-Index: 20", "X-Etcd-Cluster-Id: c"];
            let found = response("404 Not Found", &headers, "{}");
            return vec![Step::Send(found)];
        }
        answered(15, 21)
    });
    let mut watcher = watcher(&[&leading, &lagging], from_now());
    assert_eq!(next(&mut watcher).await.unwrap().node.modified_index, 20);
    assert_eq!(next(&mut watcher).await.unwrap().node.modified_index, 21);
}

/// A first member that shows index 20, then one that shows 15 and says `read` to a linearizable read.
async fn behind(read: Vec<u8>) -> (KeyWatcher, Fake, Fake) {
    let leading = Fake::answering(vec![answered(10, 20), vec![Step::Close]]);
    let lagging = Fake::start(move |request| {
        if request.target.contains("quorum=true") {
            return vec![Step::Send(read.clone())];
        }
        answered(15, 21)
    });
    let watcher = watcher(&[&leading, &lagging], from_now());
    (watcher, leading, lagging)
}

#[tokio::test]
async fn who_cannot_tell_whether_a_store_was_replaced_does_not_end_the_watch() {
    for read in [
        // 0.4 names no cluster, and answers such a read with the index of the node.
        response("200 OK", &["X-Etcd-Index: 7"], "{}"),
        // There is no leader.
        response("500 Internal Server Error", &[], "{}"),
        response("200 OK", &["X-Etcd-Cluster-Id: c"], "{}"),
    ] {
        let (mut watcher, _leading, _lagging) = behind(read).await;
        assert_eq!(next(&mut watcher).await.unwrap().node.modified_index, 20);
        assert_eq!(next(&mut watcher).await.unwrap().node.modified_index, 21);
    }
}

#[tokio::test]
async fn a_user_without_rights_is_told_that_and_nothing_else() {
    let body = r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#;
    let headers = ["X-Etcd-Index: 0", "X-Etcd-Cluster-Id: c"];
    let (mut watcher, _leading, _lagging) =
        behind(response("401 Unauthorized", &headers, body)).await;
    next(&mut watcher).await.unwrap();
    assert_eq!(next(&mut watcher).await.unwrap_err().api_code(), Some(110));
}

#[tokio::test]
async fn a_store_that_was_replaced_is_told() {
    let headers = ["X-Etcd-Index: 15", "X-Etcd-Cluster-Id: c"];
    let (mut watcher, _leading, _lagging) = behind(response("404 Not Found", &headers, "{}")).await;
    next(&mut watcher).await.unwrap();
    let error = next(&mut watcher).await.unwrap_err();
    let went_back = matches!(
        error,
        Error::WentBack {
            expected: 20,
            found: 15
        }
    );
    assert!(went_back, "{error:?}");
}
