//! `/metrics`: a well-formed exposition whose figures follow what happened, also on a port of its own.

use std::net::TcpListener;

use super::node::{get, written};
use super::open_metrics::{Exposition, parse};
use super::support::http::{Request, exchange};
use super::support::server::{self, Server};

fn scrape(server: &Server) -> Exposition {
    let answer = get(server, "/metrics");
    assert_eq!(answer.status(), 200, "{}", answer.dump());
    assert_eq!(
        answer.head.get("Content-Type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    parse(&answer.text())
}

#[test]
fn the_figures_are_open_metrics_and_follow_what_happened() {
    let server = server::ours().start();
    let before = scrape(&server);
    for number in 0..5 {
        written(&server, &format!("/v2/keys/m{number}"), "value=1");
    }
    assert_eq!(get(&server, "/v2/keys/none").status(), 404);
    assert_eq!(get(&server, "/health").status(), 200);
    let after = scrape(&server);
    let value = |exposition: &Exposition, name: &str| {
        let value = exposition.value(name);
        value.unwrap_or_else(|| panic!("{name} is missing"))
    };
    let risen = |name: &str| value(&after, name) - value(&before, name);
    assert_eq!(risen("etcd_debugging_store_writes_total"), 5.0);
    assert_eq!(risen("etcd_server_proposals_applied_total"), 5.0);
    assert!(risen("etcd_disk_wal_fsync_duration_seconds_count") >= 1.0);
    // The five writes, the read, the probe, and the first scrape.
    assert_eq!(risen("etcd2_http_requests_total"), 8.0);
    assert_eq!(risen("etcd_server_health_success"), 1.0);
    assert_eq!(value(&after, "etcd_server_health_failures"), 0.0);
    let missing = after
        .0
        .iter()
        .flat_map(|family| &family.samples)
        .find(|sample| {
            let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            sample.name == "etcd2_http_requests_total"
                && sample.labels.contains(&label("code", "404"))
                && sample.labels.contains(&label("method", "GET"))
        });
    assert_eq!(missing.map(|sample| sample.value), Some(1.0));
    for gauge in ["etcd_server_has_leader", "etcd_server_is_leader"] {
        assert_eq!(after.value(gauge), Some(1.0), "{gauge}");
    }
    assert!(value(&after, "etcd2_http_connections") >= 1.0);
    assert!(value(&after, "process_resident_memory_bytes") > 0.0);
    // Only a counter may be named like one, or its family would clash with a gauge's sample.
    let names: Vec<&str> = after.0.iter().map(|family| family.name.as_str()).collect();
    for name in &names {
        let counter = name.strip_suffix("_total");
        assert!(
            counter.is_none_or(|counter| !names.contains(&counter)),
            "{name}"
        );
    }
}

#[test]
fn a_metrics_port_serves_nothing_else() {
    // An address that nothing else of these tests binds or connects from.
    let free = TcpListener::bind("127.0.0.2:0").expect("a loopback port is free");
    let address = free.local_addr().expect("a bound socket has an address");
    drop(free);
    let server = server::ours()
        .arg(format!("--listen-metrics-urls=http://{address}"))
        .start();
    let ask = |request: Request| exchange(address, &request).expect("the port is served");
    let metrics = ask(Request::get("/metrics"));
    assert_eq!(metrics.status(), 200);
    assert!(parse(&metrics.text()).value("etcd_server_has_leader") == Some(1.0));
    let health = ask(Request::get("/health"));
    assert_eq!(
        (health.status(), health.text()),
        (200, r#"{"health":"true"}"#.to_owned())
    );
    for request in [
        Request::get("/v2/keys"),
        Request::put("/v2/keys/a", "value=1"),
        Request::get("/version"),
        Request::get("/v2/members"),
        Request::get("/v2/stats/store"),
        Request::get("/"),
    ] {
        let answer = ask(request.clone());
        let seen = (answer.status(), answer.text());
        assert_eq!(
            seen,
            (404, "404 page not found\n".to_owned()),
            "{request:?}"
        );
    }
    assert_eq!(get(&server, "/v2/keys/a").status(), 404);
    assert_eq!(get(&server, "/metrics").status(), 200);
}
