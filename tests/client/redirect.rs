//! Redirects: method and body go along unchanged, credentials as far as they are safe, connections are used again.

use etcd2::client::{
    Cause, Client, ClientOptions, Credentials, DeleteOptions, Error, GetOptions, Key, PutOptions,
    Tls,
};

use super::call::{client, options, soon};
use super::support::authority::Authority;
use super::support::fake::{Fake, Refusing, Step, ok, response};

const ALL: [&str; 5] = [
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

fn to(status: &str, location: &str) -> Vec<u8> {
    let header = format!("Location: {location}");
    response(status, &[&header], "<a>moved</a>")
}

/// A server that redirects everything to the same target at `base`.
fn towards(base: String) -> Fake {
    Fake::start(move |request| {
        let location = format!("{base}{}", request.target);
        vec![Step::Send(to(ALL[3], &location))]
    })
}

async fn put(client: &Client) -> Result<String, Error> {
    let event = soon(client.put(&Key::from("/k"), b"a b", PutOptions::default())).await?;
    Ok(event.node.value)
}

#[tokio::test]
async fn method_body_and_type_survive_every_status() {
    let leader = Fake::always(ok("v"));
    for (number, status) in ALL.into_iter().enumerate() {
        let base = leader.url();
        let follower = Fake::start(move |request| {
            let location = format!("{base}{}", request.target);
            vec![Step::Send(to(status, &location))]
        });
        let client = client([follower.endpoint()]);
        let swap = PutOptions {
            ttl: Some(5),
            prev_index: Some(3),
            ..PutOptions::default()
        };
        soon(client.put(&Key::from("/k"), b"a b", swap))
            .await
            .unwrap();
        soon(client.create_in_order(&Key::from("/q"), b"x", None))
            .await
            .unwrap();
        soon(client.delete(&Key::from("/k"), DeleteOptions::default()))
            .await
            .unwrap();
        let seen = leader.requests().split_off(number * 3);
        let lines: Vec<String> = seen.iter().map(|request| request.line()).collect();
        assert_eq!(
            lines,
            [
                "PUT /v2/keys/k?prevIndex=3",
                "POST /v2/keys/q",
                "DELETE /v2/keys/k"
            ],
            "{status}"
        );
        let bodies: Vec<&str> = seen.iter().map(|request| request.body.as_str()).collect();
        assert_eq!(bodies, ["ttl=5&value=a+b", "value=x", ""], "{status}");
        let host = leader.address().to_string();
        for request in &seen {
            let form = Some("application/x-www-form-urlencoded");
            assert_eq!(request.header("Content-Type"), form, "{status}");
            assert_eq!(request.header("Host"), Some(host.as_str()), "{status}");
        }
    }
}

#[tokio::test]
async fn a_place_on_the_same_server_is_found_and_its_query_is_its_own() {
    let server = Fake::start(|request| {
        vec![Step::Send(match request.target.as_str() {
            "/v2/keys/k?recursive=false&sorted=false" => to(ALL[1], "/elsewhere?x=1#part"),
            "/elsewhere?x=1" => ok("found"),
            other => response("400 Bad Request", &[], other),
        })]
    });
    let client = client([server.endpoint()]);
    let event = soon(client.get(&Key::from("/k"), GetOptions::default())).await;
    assert_eq!(event.unwrap().node.value, "found");
    assert_eq!(server.connections(), 1, "the connection is used again");
}

#[tokio::test]
async fn ten_redirects_are_followed_and_no_more() {
    for (redirects, enough) in [(10, true), (11, false)] {
        let server = Fake::start(move |request| {
            vec![Step::Send(if request.number < redirects {
                to(ALL[3], &format!("/{}", request.number))
            } else {
                ok("v")
            })]
        });
        let outcome = put(&client([server.endpoint()])).await;
        if enough {
            assert_eq!(outcome.unwrap(), "v");
        } else {
            let error = outcome.unwrap_err();
            assert!(matches!(error.attempts()[0].cause, Cause::TooManyRedirects));
            assert!(error.to_string().contains("client: too many redirects"));
        }
        assert_eq!(server.requests().len(), 11);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_told() {
    for (headers, words) in [
        (&[][..], "location header not set"),
        (&["Location: ftp://h/x"][..], r#"redirected to "ftp://h/x""#),
        (&["Location: nowhere"][..], r#"redirected to "nowhere""#),
        (&["Location: /a b"][..], "redirected to"),
        (&["Location: http://[::1/"][..], "redirected to"),
    ] {
        let server = Fake::always(response(ALL[3], headers, ""));
        let error = put(&client([server.endpoint()])).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.is_connection(), "{error}");
        // The redirecting server has done nothing: even a one-shot request may go on.
        let other = Fake::always(ok("v"));
        let both = client([server.endpoint(), other.endpoint()]);
        soon(both.delete(&Key::from("/k"), DeleteOptions::default()))
            .await
            .unwrap();
        assert_eq!(other.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_dead_leader_is_told_by_its_own_address_and_the_next_endpoint_asked() {
    let leader = Refusing::new();
    let follower = towards(leader.endpoint().to_string());
    let client = client([follower.endpoint()]);
    let error = put(&client).await.unwrap_err();
    assert_eq!(error.attempts()[0].endpoint, leader.endpoint());
    assert_eq!(error.attempts()[0].to_string(), leader.words());
    let other = Fake::always(ok("v"));
    client.set_endpoints(vec![follower.endpoint(), other.endpoint()]);
    assert_eq!(put(&client).await.unwrap(), "v");
}

#[tokio::test]
async fn a_one_shot_request_is_sent_once_behind_a_redirect_too() {
    let leader = Fake::answering(vec![vec![Step::Close]]);
    let follower = towards(leader.url());
    let other = Fake::always(ok("v"));
    let client = client([follower.endpoint(), other.endpoint()]);
    let error = soon(client.delete(&Key::from("/k"), DeleteOptions::default())).await;
    assert!(matches!(error, Err(Error::Failed(_))), "{error:?}");
    assert_eq!(leader.requests().len(), 1);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn connections_are_used_again_for_redirects_and_requests() {
    let leader = Fake::always(ok("v"));
    let follower = towards(leader.url());
    let client = client([follower.endpoint()]);
    for _ in 0..5 {
        put(&client).await.unwrap();
    }
    assert_eq!((follower.requests().len(), leader.requests().len()), (5, 5));
    assert_eq!((follower.connections(), leader.connections()), (1, 1));
}

#[tokio::test]
async fn what_a_redirect_carries_is_not_waited_for_for_ever() {
    let leader = Fake::always(ok("v"));
    let head = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 99\r\nLocation: {}/x\r\n\r\nmov",
        leader.url()
    );
    let follower = Fake::answering(vec![vec![Step::Send(head.into_bytes()), Step::Hang]]);
    assert_eq!(put(&client([follower.endpoint()])).await.unwrap(), "v");
    follower.ended(1).await;
}

#[tokio::test]
async fn credentials_go_along_but_nothing_leaves_tls() {
    let authority = Authority::new("ours");
    let user = Credentials {
        user: "root".to_owned(),
        password: "secret".to_owned(),
    };
    let basic = Some("Basic cm9vdDpzZWNyZXQ=");
    for (from, to, sent) in [
        ("http", "http", true),
        ("http", "https", true),
        ("https", "https", true),
        ("https", "http", false),
    ] {
        let start = |scheme: &'static str, steps: Vec<u8>| {
            let acceptor = (scheme == "https").then(|| authority.acceptor());
            async move {
                let react = move |_: &_| vec![Step::Send(steps.clone())];
                match acceptor {
                    Some(acceptor) => Fake::start_tls(acceptor, react),
                    None => Fake::start(react),
                }
            }
        };
        let target = start(to, ok("v")).await;
        let location = format!("Location: {}/v2/keys/k", target.url());
        let source = start(from, response(ALL[3], &[&location], "")).await;
        let client = Client::new(ClientOptions {
            tls: Tls::load(&authority.trust()).unwrap(),
            credentials: Some(user.clone()),
            ..options([source.endpoint()])
        });
        let outcome = put(&client).await;
        assert_eq!(source.requests()[0].header("Authorization"), basic);
        if sent {
            assert_eq!(outcome.unwrap(), "v", "{from} to {to}");
            assert_eq!(target.requests()[0].header("Authorization"), basic);
        } else {
            // Not the user, and not the value either.
            let error = outcome.unwrap_err();
            assert!(
                matches!(error.attempts()[0].cause, Cause::Downgrade(_)),
                "{error:?}"
            );
            assert!(target.requests().is_empty(), "{from} to {to}");
        }
    }
}
