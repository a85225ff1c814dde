//! `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, with names that nobody but the proxy knows.

use super::run::line;
use super::support::absent;
use super::support::authority::{Authority, Time};
use super::support::fake::{Fake, Step, answer, refusing};
use super::support::server;
use super::tls::secure;

/// A name that no resolver gives an address (RFC 2606).
const NAME: &str = "etcd.invalid:2379";

#[test]
fn a_proxy_leads_to_names_only_it_knows() {
    let server = server::ours().start();
    let real = server.addr();
    let proxy = Fake::start(move |_| vec![Step::Forward(real)]);
    let far = format!("http://{NAME}");
    for variable in ["HTTP_PROXY", "http_proxy"] {
        let command = |words: &str| {
            let asked = line(words).at(&far);
            asked.env(
                variable,
                proxy.url().replace("http://", "http://user:s3cret@"),
            )
        };
        let before = proxy.requests().len();
        assert_eq!(command("--no-sync set /k v").output(), "v\n");
        // The cluster announces an address on loopback, and loopback needs no proxy.
        assert_eq!(command("get /k").output(), "v\n");
        assert_eq!(
            proxy.lines()[before..],
            [
                format!("PUT {far}/v2/keys/k"),
                format!("GET {far}/v2/members"),
            ]
        );
        for heard in &proxy.requests()[before..] {
            assert_eq!(
                heard.header("proxy-authorization"),
                Some("Basic dXNlcjpzM2NyZXQ=")
            );
            assert_eq!(heard.header("host"), Some(NAME));
        }
        let debug = command("--debug --no-sync get /k").run();
        assert!(!debug.stderr.contains("s3cret"), "{debug:?}");
    }
    let before = proxy.requests().len();
    let direct = line("get /k").env("HTTP_PROXY", proxy.url());
    let mut near = vec![server.url()];
    if absent::has_localhost() {
        near.push(server.url().replace("127.0.0.1", "localhost"));
    }
    for near in near {
        assert_eq!(direct.clone().at(near).output(), "v\n");
    }
    // An https endpoint is not the business of HTTP_PROXY, nor a name that NO_PROXY covers.
    for (at, no_proxy) in [
        (format!("https://{NAME}"), ""),
        (far.clone(), "invalid"),
        (far.clone(), "etcd.invalid:2379"),
        (far.clone(), "*"),
    ] {
        let ended = direct.clone().at(at).env("NO_PROXY", no_proxy).run();
        assert!(
            ended.first().contains("dial tcp: lookup etcd.invalid: "),
            "{ended:?}"
        );
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
    assert_eq!(proxy.requests().len(), before);
}

#[test]
fn tls_goes_through_a_tunnel() {
    let ca = Authority::new("ours");
    let (server, url) = secure(
        &ca.issue("server", &["etcd.invalid", "127.0.0.1"], Time::Now),
        None,
    );
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    let real = (server.addr().ip(), port.expect("the URL ends with a port")).into();
    let proxy = Fake::start(move |_| vec![Step::Through(real)]);
    let far = line("--ca-file")
        .and([ca.file()])
        .at(format!("https://{NAME}"));
    let through = far.env("HTTPS_PROXY", proxy.url());
    assert_eq!(
        through
            .clone()
            .and(["--no-sync", "set", "/k", "v"])
            .output(),
        "v\n"
    );
    assert_eq!(through.and(["get", "/k"]).output(), "v\n");
    let connect = format!("CONNECT {NAME}");
    assert_eq!(proxy.lines(), [connect.clone(), connect]);
}

#[test]
fn a_proxy_that_fails_is_named() {
    let (_held, nobody) = refusing();
    let hint = "HTTP_PROXY or HTTPS_PROXY names this proxy; to go round it: NO_PROXY=etcd.invalid etcdctl …";
    let refusal = Fake::start(|_| answer(407, ""));
    let rows = [
        ("http", format!("http://{nobody}"), format!("proxyconnect tcp: dial tcp {nobody}: connect: connection refused"), 2),
        ("http", "socks5://127.0.0.1:1".to_owned(), "proxyconnect tcp: HTTP_PROXY names a socks5 proxy; only http:// and https:// proxies can be used".to_owned(), 4),
        ("https", refusal.url(), format!("proxy {} did not connect us to {NAME}: 407 Said", refusal.url()), 4),
    ];
    for (scheme, proxy, cause, code) in rows {
        let variable = format!("{}_PROXY", scheme.to_uppercase());
        let ended = line("get /k --hints=always")
            .at(format!("{scheme}://{NAME}"))
            .env(&variable, proxy)
            .run();
        assert!(
            ended.first().ends_with(&format!("error #0: {cause}")),
            "{ended:?}"
        );
        assert_eq!(
            (ended.hints(), ended.code),
            (vec![hint], Some(code)),
            "{ended:?}"
        );
    }
    let broken = line("get /k")
        .at(format!("http://{NAME}"))
        .env("HTTP_PROXY", "http://a b:s3cret@");
    let ended = broken.run();
    assert!(
        ended
            .first()
            .contains("error #0: proxyconnect tcp: HTTP_PROXY: "),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
    assert_eq!(ended.code, Some(4));
    // The hint's way round.
    if !absent::has_localhost() {
        return;
    }
    let server = server::ours().start();
    let direct = line("ls /").at(server.url().replace("127.0.0.1", "localhost"));
    direct
        .env("HTTP_PROXY", format!("http://{nobody}"))
        .env("NO_PROXY", "localhost")
        .output();
}
