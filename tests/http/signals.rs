//! Signals that a server gets by habit or by mistake: a terminal that goes away stops it in order, the others do nothing.

use rustix::process::Signal;

use super::node::{LIMIT, get, until, written};
use super::support::running::send;
use super::support::server::{self, Server};

fn signal(server: &Server, signal: Signal) {
    send(server.pid().expect("it runs"), signal);
}

#[test]
fn user_signals_are_ignored_with_a_line() {
    let mut server = server::ours().start();
    for (number, name) in [(Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        signal(&server, number);
        until("it is told", || {
            server
                .log()
                .contains(&format!("{name} has no meaning here"))
        });
        written(&server, "/v2/keys/a", "value=1");
    }
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
}

/// systemd sends SIGHUP behind SIGTERM, `timeout` tells a process and its group: the store is flushed all the same.
#[test]
fn signals_that_come_together_are_one() {
    for second in [Signal::HUP, Signal::TERM, Signal::INT] {
        let mut server = server::ours().start();
        written(&server, "/v2/keys/a", "value=1");
        signal(&server, Signal::TERM);
        signal(&server, second);
        assert_eq!(server.wait_exit(LIMIT).code(), Some(0), "{second:?}");
        assert!(!server.log().contains("again while"), "{}", server.log());
    }
}

#[test]
fn a_terminal_that_goes_away_stops_the_server_in_order() {
    let mut server = server::ours().at_a_terminal().start();
    written(&server, "/v2/keys/a", "value=1");
    signal(&server, Signal::HUP);
    assert_eq!(
        server.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        server.log_tail()
    );
    let log = server.log();
    assert!(
        log.contains("SIGHUP: stopping") && log.contains("stopped"),
        "{log}"
    );
    server.restart();
    assert_eq!(get(&server, "/v2/keys/a").status(), 200);
}

#[test]
fn under_nohup_it_goes_on() {
    let mut server = server::ours().nohup().start();
    signal(&server, Signal::HUP);
    signal(&server, Signal::USR1);
    until("the later one is heard", || {
        server.log().contains("SIGUSR1 has no meaning")
    });
    written(&server, "/v2/keys/a", "value=1");
    assert!(!server.log().contains("SIGHUP"));
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
}
