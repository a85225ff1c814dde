//! What goes with every request: the user, and the word to the observer.

use std::sync::{Arc, Mutex};

use etcd2::client::{
    Client, ClientOptions, Credentials, DeleteOptions, GetOptions, HealthError, Key, Method,
    Observer, Payload, PutOptions, RightsChange,
};

use super::call::{options, soon};
use super::support::fake::{Fake, Refusing, Step, ok, response};

/// Base64 of `al:ice:pa ss` with a name and a password that need care.
const USER: &str = "al";
const PASSWORD: &str = "ice:pa ss\u{e9}";
const HEADER: &str = "Basic YWw6aWNlOnBhIHNzw6k=";

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn request(&self, method: &Method, url: &str, payload: &Payload) {
        let body = String::from_utf8(payload.bytes().to_vec()).unwrap();
        let note = format!("{method} {url} {body:?}");
        self.0.lock().unwrap().push(note);
    }
}

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn observed(options: ClientOptions) -> (Client, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let client = Client::new(ClientOptions {
        credentials: Some(Credentials {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
        }),
        observer: Some(notes.clone()),
        ..options
    });
    (client, notes)
}

/// Answers every call in the words it waits for.
fn obliging() -> Fake {
    Fake::start(|request| {
        let path = request.target.split('?').next().unwrap_or_default();
        let answer = match (request.method.as_str(), path) {
            ("GET", "/v2/members") => response("200 OK", &[], r#"{"members":[]}"#),
            (_, "/v2/members/leader") => response("200 OK", &[], r#"{"id":"1"}"#),
            ("POST", "/v2/members") => response("201 Created", &[], r#"{"id":"2"}"#),
            (_, "/v2/members/2") => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            (_, "/v2/auth/users") => response("200 OK", &[], r#"{"users":null}"#),
            (_, "/health") => response("200 OK", &[], r#"{"health":"true"}"#),
            (_, auth) if auth.starts_with("/v2/auth/") => {
                response("200 OK", &[], r#"{"user":"u","role":"r"}"#)
            }
            _ => ok("v"),
        };
        vec![Step::Send(answer)]
    })
}

async fn every_call(client: &Client) {
    let key = Key::from("/k");
    client.sync().await.unwrap();
    client.get(&key, GetOptions::default()).await.unwrap();
    client.put(&key, b"v", PutOptions::default()).await.unwrap();
    client.create_in_order(&key, b"v", None).await.unwrap();
    client.delete(&key, DeleteOptions::default()).await.unwrap();
    soon(
        client
            .watch(key, etcd2::client::WatchOptions::default())
            .next(),
    )
    .await
    .unwrap();
    client.members().await.unwrap();
    client.leader().await.unwrap();
    let urls = ["http://b:2".to_owned(), "http://a:1".to_owned()];
    client.add_member(&urls).await.unwrap();
    client.update_member("2", &urls).await.unwrap();
    client.remove_member("2").await.unwrap();
    client.users().await.unwrap();
    client.put_user("u", "p").await.unwrap();
    client
        .change_user("u", RightsChange::Grant, &["r".to_owned()])
        .await
        .unwrap();
    client.user("u").await.unwrap();
    client.role("r").await.unwrap();
    client.set_auth(true).await.unwrap();
}

#[tokio::test]
async fn the_user_goes_with_every_request_but_the_question_for_health() {
    let server = obliging();
    let (client, _) = observed(options([server.endpoint()]));
    every_call(&client).await;
    let before = server.requests();
    assert!(before.len() >= 17, "{}", before.len());
    for request in &before {
        assert_eq!(request.header("Authorization"), Some(HEADER), "{request:?}");
        let agent = request.header("User-Agent").unwrap_or_default();
        assert!(agent.starts_with("etcd2-client/"), "{agent}");
    }
    assert!(client.health(&server.endpoint()).await.unwrap());
    let health = server.requests().pop().unwrap();
    assert_eq!(health.line(), "GET /health");
    assert_eq!(health.header("Authorization"), None);
}

#[tokio::test]
async fn without_a_user_nothing_is_said_about_one() {
    let server = obliging();
    every_call(&Client::new(options([server.endpoint()]))).await;
    for request in server.requests() {
        assert_eq!(request.header("Authorization"), None, "{request:?}");
    }
}

#[tokio::test]
async fn the_observer_is_told_of_every_try_before_it_is_made() {
    let dead = Refusing::new();
    let target = obliging();
    let base = target.url();
    let failing = Fake::always(response("503 Service Unavailable", &[], ""));
    let moved = Fake::start(move |request| {
        let location = format!("Location: {base}{}", request.target);
        vec![Step::Send(response(
            "307 Temporary Redirect",
            &[&location],
            "",
        ))]
    });
    let (client, notes) = observed(options([
        dead.endpoint(),
        failing.endpoint(),
        moved.endpoint(),
    ]));
    let put = PutOptions {
        ttl: Some(9),
        ..PutOptions::default()
    };
    client.put(&Key::from("/a b"), b"x y", put).await.unwrap();
    let body = r#"/v2/keys/a%20b "ttl=9&value=x+y""#;
    assert_eq!(
        notes.take(),
        [
            format!("PUT {}{body}", dead.endpoint()),
            format!("PUT {}{body}", failing.url()),
            format!("PUT {}{body}", moved.url()),
            format!("PUT {}{body}", target.url()),
        ]
    );
    client.health(&target.endpoint()).await.unwrap();
    assert_eq!(notes.take(), [""; 0]);
}

#[tokio::test]
async fn health_is_what_the_member_itself_says() {
    for (answer, healthy) in [
        (response("200 OK", &[], r#"{"health":"true"}"#), true),
        (
            response("200 OK", &[], r#"{"health":true,"reason":""}"#),
            true,
        ),
        (response("200 OK", &[], r#"{"health": "false"}"#), false),
        (response("404 Not Found", &[], r#"{"health":false}"#), false),
    ] {
        let server = Fake::always(answer);
        let client = Client::new(options([]));
        assert_eq!(client.health(&server.endpoint()).await.unwrap(), healthy);
    }
    let client = Client::new(options([]));
    let other = Fake::always(response("200 OK", &[], "<html>"));
    let error = client.health(&other.endpoint()).await.unwrap_err();
    assert!(matches!(error, HealthError::Reply(_)), "{error:?}");
    let dead = Refusing::new();
    let error = client.health(&dead.endpoint()).await.unwrap_err();
    assert_eq!(error.to_string(), dead.words());
}
