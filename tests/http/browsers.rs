//! What a browser sends for pages of other sites is refused; no other client notices.

use super::node::{ask, assert_head, connect, get, put};
use super::support::http::{Request, Response};
use super::support::server::{self, Server};

const CROSS: (&str, &str) = ("Sec-Fetch-Site", "cross-site");
const REFUSED: &str = "a browser sent this request for a page of another site, and such requests are not served: \
                       the option cors names the origins that may use this node\n";
const MISNAMED: &str = "a browser sent this request to a name that is not known to be this node's: use its IP \
                        address, or list the name in the option host-whitelist\n";

fn marked(request: Request, lines: &[(&str, &str)]) -> Request {
    lines.iter().fold(request, |request, (name, value)| {
        request.header(name, value.as_bytes().to_vec())
    })
}

fn allowed(answer: &Response) -> Option<&str> {
    answer.head.get("Access-Control-Allow-Origin")
}

/// Nothing of what pages of other sites tried was done.
fn assert_untouched(server: &Server) {
    let read = get(server, "/v2/keys/a");
    assert!(
        read.text().contains("\"value\":\"1\",\"modifiedIndex\":3"),
        "{}",
        read.dump()
    );
    assert_eq!(read.etcd_index(), Some(3), "something else was written");
}

#[test]
fn pages_of_other_sites_are_refused_whatever_they_ask() {
    for launch in [server::ours(), server::ours().classic()] {
        let server = launch.start();
        put(&server, "/v2/keys/a", "value=1");
        let mut client = connect(&server);
        for request in [
            Request::post("/v2/keys/a", "value=2"),
            Request::put("/v2/keys/a", "value=2"),
            Request::delete("/v2/keys/a"),
            Request::get("/v2/keys/a"),
            Request::get("/v2/keys/a?wait=true"),
            Request::new("HEAD", "/v2/keys/a"),
            Request::get("/version"),
            Request::get("/v2/members"),
            Request::get("/metrics"),
            Request::get("/v2/keys//a"),
            Request::get("/nowhere"),
        ] {
            for lines in [
                &[CROSS][..],
                &[("Sec-Fetch-Site", "same-site")],
                &[
                    CROSS,
                    ("Sec-Fetch-Mode", "navigate"),
                    ("Sec-Fetch-Dest", "document"),
                ],
                &[("Origin", "http://evil.example")],
                &[("Origin", "null")],
            ] {
                let answer = ask(&mut client, &marked(request.clone(), lines));
                let head = request.method == "HEAD";
                assert_eq!(
                    answer.text(),
                    if head { "" } else { REFUSED },
                    "{request:?} {lines:?}"
                );
                assert_head(
                    &answer.head,
                    "403 Forbidden",
                    &[
                        "Content-Type: text/plain; charset=utf-8",
                        "X-Content-Type-Options: nosniff",
                        &format!("Content-Length: {}", REFUSED.len()),
                    ],
                );
            }
        }
        assert_untouched(&server);
    }
}

#[test]
fn a_name_that_was_made_to_lead_here_is_refused() {
    let server = server::ours().arg("--host-whitelist=*").start();
    put(&server, "/v2/keys/a", "value=1");
    for lines in [
        [
            ("Host", "evil.example:2379"),
            ("Origin", "http://evil.example:2379"),
        ],
        [("Host", "evil.example"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let request = Request::put("/v2/keys/a", "value=2");
        let answer = server.exchange(&marked(request, &lines));
        assert_eq!(answer.status(), 403, "{lines:?}");
        assert_eq!(answer.text(), MISNAMED, "{lines:?}");
        assert_eq!(allowed(&answer), None, "{lines:?}");
    }
    // The target says where a request goes, whatever stands beside it.
    let target = "http://evil.example/v2/keys/a";
    let request = marked(
        Request::put(target, "value=2"),
        &[("Host", "localhost"), ("Sec-Fetch-Site", "same-origin")],
    );
    assert_eq!(server.exchange(&request).text(), MISNAMED);
    assert_untouched(&server);
}

#[test]
fn the_owners_browser_is_served_under_the_nodes_names() {
    let server = server::ours()
        .arg("--host-whitelist=127.0.0.1,localhost,listed.example")
        .start();
    let machine = server.addr();
    for host in [
        machine.to_string(),
        "LOCALHOST.:2379".to_owned(),
        "listed.example".to_owned(),
    ] {
        for (name, value) in [
            ("Sec-Fetch-Site", "none".to_owned()),
            ("Sec-Fetch-Site", "same-origin".to_owned()),
            ("Origin", format!("http://{host}")),
        ] {
            let request = Request::put("/v2/keys/own", "value=1")
                .header("Host", host.clone())
                .header(name, value.clone());
            let answer = server.exchange(&request);
            // The whitelist itself takes a name as it is written.
            let served = if host.starts_with("LOCAL") { 421 } else { 200 };
            let status = if answer.status() == 201 {
                200
            } else {
                answer.status()
            };
            assert_eq!(status, served, "{host} {name} {value}");
        }
    }
    let any = server::ours().start();
    for host in ["LOCALHOST.:2379", "[::1]:2379", "10.1.2.3"] {
        let request = Request::get("/version")
            .header("Host", host)
            .header("Sec-Fetch-Site", "none");
        let answer = any.exchange(&request);
        assert_eq!(
            (answer.status(), allowed(&answer)),
            (200, Some("*")),
            "{host}"
        );
    }
}

#[test]
fn options_stays_200_and_tells_strangers_nothing() {
    let server = server::ours().start();
    let ask = |lines: &[(&str, &str)]| {
        let request =
            Request::new("OPTIONS", "/v2/keys/a").header("Access-Control-Request-Method", "PUT");
        server.exchange(&marked(request, lines))
    };
    for lines in [
        &[CROSS][..],
        &[("Origin", "http://evil.example")],
        &[("Host", "evil.example"), ("Origin", "http://evil.example")],
    ] {
        assert_head(&ask(lines).head, "200 OK", &["Content-Length: 0"]);
    }
    for lines in [
        &[][..],
        &[("Host", "localhost"), ("Origin", "http://localhost")],
    ] {
        assert_eq!(allowed(&ask(lines)), Some("*"), "{lines:?}");
    }
}

#[test]
fn named_origins_open_the_node_as_in_the_original() {
    let foreign = [
        CROSS,
        ("Origin", "http://a.example"),
        ("Host", "any.example"),
    ];
    for (cors, seen) in [
        ("*", Some("*")),
        ("http://a.example", Some("http://a.example")),
        ("http://b:1", None),
    ] {
        let server = server::ours().arg(format!("--cors={cors}")).start();
        let request = marked(Request::put("/v2/keys/a", "value=1"), &foreign);
        let answer = server.exchange(&request);
        assert_eq!((answer.status(), allowed(&answer)), (201, seen), "{cors}");
    }
    let server = server::ours().arg("--cors=").start();
    let answer = server.exchange(&marked(Request::get("/version"), &foreign));
    assert_eq!(answer.text(), REFUSED, "an empty list names nobody");
}

/// What no browser marks is served as ever, under whatever name.
#[test]
fn other_clients_notice_nothing() {
    let server = server::ours().start();
    for lines in [
        &[("Host", "any.example")][..],
        &[
            ("Referer", "http://evil.example/"),
            ("Sec-Fetch-Mode", "cors"),
        ],
        &[("User-Agent", "curl/8"), ("Accept", "*/*")],
    ] {
        let answer = server.exchange(&marked(Request::put("/v2/keys/a", "value=1"), lines));
        assert!(
            matches!(answer.status(), 200 | 201),
            "{lines:?} {}",
            answer.dump()
        );
        assert_eq!(allowed(&answer), Some("*"), "{lines:?}");
    }
}
