//! Starts that make no member: each ends at once, says what is wrong and where, and leaves no data behind.

use std::net::TcpListener;

use super::support::cluster::memberships;
use super::support::server::{self, Launch, Server, lasting_ports};
use super::support::wait::LIMIT;

/// A launch with this list of members, and the peer URL that it has itself.
fn launch(list: impl Fn(&str) -> String) -> Launch {
    let ports = lasting_ports(2);
    let mut place = memberships(&ports[..1], &ports[1..]).remove(0);
    place.cluster = list(&format!("http://{}", place.peer));
    server::ours().member(place)
}

fn refused(launch: Launch) -> (String, Server) {
    let mut server = launch.spawn();
    let status = server.wait_exit(LIMIT);
    let log = server.log();
    assert_eq!(status.code(), Some(1), "{log}");
    (log, server)
}

fn assert_refused(list: impl Fn(&str) -> String, wanted: &str) {
    let (log, server) = refused(launch(list));
    assert!(log.contains(wanted), "{wanted:?} is not in:\n{log}");
    assert!(!server.data_dir().exists(), "data was left behind");
}

#[test]
fn lists_that_make_no_cluster_are_refused() {
    assert_refused(
        |own| {
            let others = (1..10).map(|port| format!(",o{port}=http://127.0.0.1:{port}"));
            format!("m0={own}{}", others.collect::<String>())
        },
        "a cluster has at most 9 members, and 10 are named: leave some out",
    );
    assert_refused(
        |_| "a=http://127.0.0.1:1,b=http://127.0.0.1:2".to_owned(),
        r#"couldn't find local name "m0" in the initial cluster configuration"#,
    );
    assert_refused(
        |own| format!("m0={own},b={own}"),
        "has duplicate url http://127.0.0.1:",
    );
    // It lists itself where another one is.
    assert_refused(
        |own| format!("m0=http://127.0.0.1:1,b={own}"),
        "m0=http://127.0.0.1:1 but missing from --initial-advertise-peer-urls",
    );
}

#[test]
fn a_peer_port_in_use_is_named() {
    let launch = {
        let ports = lasting_ports(4);
        let place = memberships(&ports[..2], &ports[2..]).remove(0);
        server::ours().member(place)
    };
    let server = launch.clone().spawn();
    let taken = server.peer_addr();
    drop(server);
    let holder = TcpListener::bind(taken).expect("nobody else has it");
    let (log, _server) = refused(launch);
    assert!(log.contains(&taken.to_string()), "{log}");
    assert!(
        log.to_lowercase().contains("address already in use"),
        "{log}"
    );
    drop(holder);
}
