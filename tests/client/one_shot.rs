//! Requests that would do harm if they took effect twice: sent once at most, counted at the servers.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use etcd2::client::{
    Cause, Client, ClientOptions, DeleteOptions, Endpoint, Error, Key, KeyEvent, PutOptions,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::call::{client, options, soon};
use super::support::fake::{Fake, Refusing, Step, ok, response};

type Call = for<'a> fn(&'a Client) -> Pin<Box<dyn Future<Output = Result<KeyEvent, Error>> + 'a>>;

/// How the error of an unanswered request looks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// The bare cause.
    Failed,
    /// That of the whole cluster.
    Unavailable,
}

/// `prevExist=false` and DELETE, whose errors are bare causes; POST and compare-and-swap, whose are not.
const ONE_SHOT: [(&str, Call, Form); 7] = [
    ("create", |c| Box::pin(create(c, false)), Form::Failed),
    (
        "create a directory",
        |c| Box::pin(create(c, true)),
        Form::Failed,
    ),
    (
        "delete",
        |c| Box::pin(delete(c, DeleteOptions::default())),
        Form::Failed,
    ),
    (
        "compare and delete",
        |c| {
            Box::pin(delete(
                c,
                DeleteOptions {
                    prev_index: Some(7),
                    ..DeleteOptions::default()
                },
            ))
        },
        Form::Failed,
    ),
    ("create in order", |c| Box::pin(post(c)), Form::Unavailable),
    (
        "swap by index",
        |c| {
            Box::pin(put(
                c,
                PutOptions {
                    prev_index: Some(7),
                    ..PutOptions::default()
                },
            ))
        },
        Form::Unavailable,
    ),
    (
        "swap by value",
        |c| {
            Box::pin(put(
                c,
                PutOptions {
                    prev_value: Some(b"old".to_vec()),
                    prev_exist: Some(true),
                    ..PutOptions::default()
                },
            ))
        },
        Form::Unavailable,
    ),
];

async fn put(client: &Client, options: PutOptions) -> Result<KeyEvent, Error> {
    soon(client.put(&Key::from("/k"), b"v", options)).await
}

async fn create(client: &Client, dir: bool) -> Result<KeyEvent, Error> {
    let options = PutOptions {
        dir,
        prev_exist: Some(false),
        ..PutOptions::default()
    };
    put(client, options).await
}

async fn delete(client: &Client, options: DeleteOptions) -> Result<KeyEvent, Error> {
    soon(client.delete(&Key::from("/k"), options)).await
}

async fn post(client: &Client) -> Result<KeyEvent, Error> {
    soon(client.create_in_order(&Key::from("/k"), b"v", None)).await
}

fn assert_form(error: &Error, form: Form, what: &str) {
    match (error, form) {
        (Error::Failed(_), Form::Failed) | (Error::Unavailable(_), Form::Unavailable) => {}
        _ => panic!("{what}: not {form:?}: {error:?}"),
    }
}

#[tokio::test]
async fn a_refused_connection_leads_to_the_next_endpoint() {
    let dead = Refusing::new();
    for (what, call, _) in ONE_SHOT {
        let alive = Fake::always(ok("v"));
        let client = client([dead.endpoint(), alive.endpoint()]);
        assert_eq!(call(&client).await.expect(what).node.value, "v");
        assert_eq!(alive.requests().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_after_the_request_is_the_only_one_asked() {
    for end in [Step::Close, Step::Reset] {
        for (what, call, form) in ONE_SHOT {
            let hanging_up = Fake::answering(vec![vec![end.clone()]]);
            let other = Fake::always(ok("v"));
            let client = client([hanging_up.endpoint(), other.endpoint()]);
            let error = call(&client).await.unwrap_err();
            assert_form(&error, form, what);
            assert_eq!(error.attempts().len(), 1, "{what}");
            assert!(error.attempts()[0].sent, "{what}");
            assert_eq!(hanging_up.requests().len(), 1, "{what}");
            assert_eq!(other.connections(), 0, "{what}");
        }
    }
}

#[tokio::test]
async fn the_same_holds_for_a_failing_a_silent_and_a_cut_answer() {
    let failing = response("503 Service Unavailable", &[], "");
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec();
    // Only silence has to be waited for.
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(50));
    for (steps, timeout, words) in [
        (vec![Step::Send(failing)], long, "has no leader"),
        (vec![Step::Hang], short, "exceeded header timeout"),
        (vec![Step::Send(cut), Step::Close], long, "unexpected EOF"),
    ] {
        for (what, call, form) in ONE_SHOT {
            let first = Fake::answering(vec![steps.clone()]);
            let other = Fake::always(ok("v"));
            let client = Client::new(ClientOptions {
                header_timeout: Some(timeout),
                ..options([first.endpoint(), other.endpoint()])
            });
            let error = call(&client).await.unwrap_err();
            assert_form(&error, form, what);
            assert!(error.to_string().contains(words), "{what}: {error}");
            assert_eq!(first.requests().len(), 1, "{what}");
            assert_eq!(other.connections(), 0, "{what}");
        }
    }
}

#[tokio::test]
async fn the_bare_error_is_that_of_the_try_that_may_have_taken_effect() {
    let dead = Refusing::new();
    let hanging_up = Fake::answering(vec![vec![Step::Close]]);
    let client = client([dead.endpoint(), hanging_up.endpoint(), dead.endpoint()]);
    let error = delete(&client, DeleteOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "EOF");
    assert_eq!(error.attempts()[0].endpoint, hanging_up.endpoint());
    assert!(!error.is_connection());
}

#[tokio::test]
async fn without_any_listener_the_first_refusal_is_told() {
    let dead = [Refusing::new(), Refusing::new()];
    for (what, call, form) in ONE_SHOT {
        let error = call(&client(dead.iter().map(Refusing::endpoint)))
            .await
            .unwrap_err();
        assert_form(&error, form, what);
        assert!(error.is_connection(), "{what}");
        match form {
            Form::Failed => assert_eq!(error.to_string(), dead[0].words()),
            Form::Unavailable => assert_eq!(error.attempts().len(), 2),
        }
    }
}

#[tokio::test]
async fn writing_the_same_twice_does_no_harm_and_is_done() {
    let calls: [(&str, PutOptions); 4] = [
        ("set", PutOptions::default()),
        (
            "update",
            PutOptions {
                prev_exist: Some(true),
                ..PutOptions::default()
            },
        ),
        (
            "set a directory",
            PutOptions {
                dir: true,
                ..PutOptions::default()
            },
        ),
        (
            "set with a TTL",
            PutOptions {
                ttl: Some(5),
                ..PutOptions::default()
            },
        ),
    ];
    for (what, options) in calls {
        let hanging_up = Fake::answering(vec![vec![Step::Close]]);
        let alive = Fake::always(ok("v"));
        let client = client([hanging_up.endpoint(), alive.endpoint()]);
        put(&client, options).await.expect(what);
        let [first] = &hanging_up.requests()[..] else {
            panic!("{what}: {:?}", hanging_up.requests());
        };
        let [second] = &alive.requests()[..] else {
            panic!("{what}: {:?}", alive.requests());
        };
        assert_eq!(first.line(), second.line(), "{what}");
        assert_eq!(first.body, second.body, "{what}");
    }
}

/// A listener whose queue of connections is full: the kernel drops every further greeting, so that an attempt to
/// connect gets no answer at all.
struct Full {
    _listener: TcpListener,
    _queued: TcpStream,
    endpoint: Endpoint,
}

impl Full {
    async fn new() -> Full {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        Full {
            // One fits into a queue of length 0.
            _queued: TcpStream::connect(address).await.unwrap(),
            _listener: listener,
            endpoint: Endpoint::parse(&address.to_string()).unwrap(),
        }
    }
}

#[tokio::test]
async fn a_connection_attempt_that_hangs_has_sent_nothing() {
    let full = Full::new().await;
    for (what, call, form) in ONE_SHOT {
        let alive = Fake::always(ok("v"));
        let short = |endpoints: Vec<Endpoint>| {
            Client::new(ClientOptions {
                header_timeout: Some(Duration::from_millis(100)),
                ..options(endpoints)
            })
        };
        let client = short(vec![full.endpoint.clone(), alive.endpoint()]);
        assert_eq!(call(&client).await.expect(what).node.value, "v");
        assert_eq!(alive.requests().len(), 1, "{what}");

        let error = call(&short(vec![full.endpoint.clone()])).await.unwrap_err();
        assert_form(&error, form, what);
        assert!(matches!(error.attempts()[0].cause, Cause::HeaderTimeout));
        assert!(!error.attempts()[0].sent, "{what}");
    }
}
