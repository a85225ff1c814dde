//! Which paths and methods there are, and what stands beside the keys.

use super::node::{ask, connect, get, json, put};
use super::support::http::Request;
use super::support::json::Raw;
use super::support::server;

#[test]
fn unknown_paths_are_404() {
    let server = server::ours().start();
    let mut client = connect(&server);
    for target in [
        "/",
        "/v2",
        "/v2/",
        "/v2/keysfoo",
        "/V2/keys/x",
        "/v1/keys/a",
        "/v2/stats",
        "/v2/stats/store/",
        "/version/",
        "/v2/speedTest",
        "/debug/requests",
    ] {
        let answer = ask(&mut client, &Request::get(target));
        let seen = (answer.status(), answer.text());
        assert_eq!(seen, (404, "404 page not found\n".to_owned()), "{target}");
    }
    assert_eq!(client.opened(), 1);
}

#[test]
fn wrong_methods_are_405_with_those_that_would_do() {
    let server = server::ours().start();
    let mut client = connect(&server);
    for (method, target, allow) in [
        ("PATCH", "/v2/keys/a", Some("HEAD,GET,PUT,POST,DELETE")),
        ("FROBNICATE", "/v2/keys", Some("HEAD,GET,PUT,POST,DELETE")),
        ("HEAD", "/version", Some("GET")),
        ("PUT", "/version", Some("GET")),
        ("POST", "/health", Some("GET")),
        ("DELETE", "/v2/machines", Some("GET,HEAD")),
        ("HEAD", "/debug/vars", Some("GET")),
        ("HEAD", "/v2/stats/store", Some("GET")),
        ("POST", "/v2/stats/self", Some("GET")),
        ("PATCH", "/v2/members", Some("GET,POST,DELETE,PUT")),
        ("DELETE", "/v2/members", None),
    ] {
        let answer = ask(&mut client, &Request::new(method, target));
        assert_eq!(answer.status(), 405, "{method} {target}");
        assert_eq!(answer.head.get("Allow"), allow, "{method} {target}");
        let text = if method == "HEAD" {
            ""
        } else {
            "Method Not Allowed\n"
        };
        assert_eq!(answer.text(), text, "{method} {target}");
        assert_eq!(answer.head.get("X-Etcd-Index"), None, "{method} {target}");
    }
    assert_eq!(client.opened(), 1);
}

#[test]
fn a_lone_node_tells_of_itself_to_who_looks_for_a_fault() {
    let server = server::ours().start();
    let answer = get(&server, "/debug/vars");
    assert_eq!(answer.status(), 200, "{}", answer.dump());
    assert_eq!(
        answer.head.get("Content-Type"),
        Some("application/json; charset=utf-8")
    );
    let text = answer.text();
    assert!(text.contains("\n\"etcd2.peers\": {},\n"), "{text}");
    assert!(
        text.contains("\"raftState\":\"StateLeader\"") && text.ends_with("\"progress\":{}}\n}\n"),
        "{text}"
    );
    let classic = server::ours().classic().start();
    assert_eq!(get(&classic, "/debug/vars").status(), 404);
}

#[test]
fn unclean_paths_are_301_for_every_method() {
    let server = server::ours().start();
    let mut client = connect(&server);
    for (target, location) in [
        ("//v2/keys/a?b=c&d", "/v2/keys/a?b=c&d"),
        ("/v2/keys/a//b/", "/v2/keys/a/b/"),
        ("/v2/keys/./a", "/v2/keys/a"),
        ("/v2/keys/%2e%2e/x", "/v2/x"),
        ("/v2/keys/a%2F%2Fb", "/v2/keys/a/b"),
        ("/v2/keys/../../../etc", "/etc"),
        ("/nope//x", "/nope/x"),
    ] {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
            let request = Request::new(method, target).form("value=lost");
            let answer = ask(&mut client, &request);
            assert_eq!(answer.status(), 301, "{method} {target}");
            let seen = answer.head.get("Location");
            assert_eq!(seen, Some(location), "{method} {target}");
            let (page, html) = match method {
                "GET" => {
                    let shown = location.replace('&', "&amp;");
                    let page = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
                    (page, Some("text/html; charset=utf-8"))
                }
                "HEAD" => (String::new(), Some("text/html; charset=utf-8")),
                _ => (String::new(), None),
            };
            assert_eq!(answer.text(), page, "{method} {target}");
            let seen = answer.head.get("Content-Type");
            assert_eq!(seen, html, "{method} {target}");
        }
    }
    let root = json(&get(&server, "/v2/keys"));
    assert_eq!(
        root.at(&["node", "nodes"]),
        None,
        "a redirected write was carried out"
    );
}

#[test]
fn slashes_at_the_end_and_escaped_ones_do_not_make_other_keys() {
    let server = server::ours().start();
    let answer = put(&server, "/v2/keys/L%2Fa/", "value=1");
    assert_eq!(answer.status(), 201);
    let key = json(&answer).at(&["node", "key"]).and_then(Raw::text);
    assert_eq!(key.as_deref(), Some(&b"/L/a"[..]));
    assert_eq!(get(&server, "/v2/keys/L/a").status(), 200);
    assert_eq!(
        get(&server, "/v2/keys").body,
        get(&server, "/v2/keys/").body
    );
}

#[test]
fn the_endpoints_beside_the_keys_answer() {
    let server = server::ours().start();
    let members = get(&server, "/v2/members");
    let list = json(&members);
    let Some(Raw::Array(list)) = list.get("members") else {
        panic!("no list: {}", members.dump());
    };
    let [member] = list.as_slice() else {
        panic!("a node alone has one member: {}", members.dump());
    };
    let id = member
        .get("id")
        .and_then(Raw::text)
        .expect("a member has an id");
    let id = String::from_utf8(id).expect("an id is hexadecimal");
    let url = server.url();
    let peer = format!("http://{}", server.peer_addr());
    let shown =
        format!(r#"{{"id":"{id}","name":"default","peerURLs":["{peer}"],"clientURLs":["{url}"]}}"#);
    assert_eq!(members.text(), format!("{{\"members\":[{shown}]}}\n"));
    for (target, status, body) in [
        ("/v2/members/leader", 200, format!("{shown}\n")),
        (
            "/v2/members/zz",
            404,
            r#"{"message":"Not found"}"#.to_owned(),
        ),
        ("/v2/machines", 200, url.clone()),
        ("/v2/peers", 200, url),
        ("/v2/leader", 200, peer),
        ("/health", 200, r#"{"health":"true"}"#.to_owned()),
        ("/v2/auth/enable", 200, "{\"enabled\":false}\n".to_owned()),
        (
            "/v2/stats/leader",
            200,
            format!(r#"{{"leader":"{id}","followers":{{}}}}"#),
        ),
    ] {
        let answer = get(&server, target);
        assert_eq!((answer.status(), answer.text()), (status, body), "{target}");
    }
    let own = json(&get(&server, "/v2/stats/self"));
    let word = |path: &[&str]| own.at(path).and_then(Raw::text);
    assert_eq!(word(&["state"]).as_deref(), Some(&b"StateLeader"[..]));
    assert_eq!(word(&["id"]).as_deref(), Some(id.as_bytes()));
    assert_eq!(
        word(&["leaderInfo", "leader"]).as_deref(),
        Some(id.as_bytes())
    );
}

/// Statistics count what reached the store, each operation under its own name.
#[test]
fn store_statistics_count_operations() {
    let server = server::ours().start();
    let before = json(&get(&server, "/v2/stats/store"));
    for (request, status) in [
        (Request::put("/v2/keys/a", "value=1"), 201),
        (Request::put("/v2/keys/a", "value=2&prevValue=9"), 412),
        (Request::put("/v2/keys/a", "value=2&prevExist=true"), 200),
        (Request::put("/v2/keys/a", "value=2&prevExist=false"), 412),
        (Request::get("/v2/keys/a"), 200),
        (Request::get("/v2/keys/none"), 404),
        (Request::get("/v2/keys/a?wait=nonsense"), 400),
        (Request::delete("/v2/keys/a"), 200),
    ] {
        assert_eq!(server.exchange(&request).status(), status, "{request:?}");
    }
    let after = json(&get(&server, "/v2/stats/store"));
    let Raw::Object(counters) = &after else {
        panic!("not an object: {after}");
    };
    let risen: Vec<(&str, u64)> = counters
        .iter()
        .filter_map(|(name, value)| {
            let old = before.get(name).and_then(Raw::number);
            let risen = value.number()? - old.expect("counters stay");
            (risen > 0).then_some((name.as_str(), risen))
        })
        .collect();
    let wanted = [
        ("getsSuccess", 1),
        ("getsFail", 1),
        ("setsSuccess", 1),
        ("deleteSuccess", 1),
        ("updateSuccess", 1),
        ("createFail", 1),
        ("compareAndSwapFail", 1),
    ];
    assert_eq!(risen, wanted);
}
