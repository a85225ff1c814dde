//! A value typed at the terminal: everything up to Ctrl-D, seen while it is typed.

use std::io::Write;
use std::process::{Command, Stdio};

use super::run::line;
use super::support::fake::{Fake, Step, response};
use super::support::{server, wait};
use super::terminal::{self, Streams, Terminal};

#[test]
fn a_value_is_typed_up_to_ctrl_d() {
    if !terminal::is_there() {
        return;
    }
    let server = server::ours().start();
    let set = line("--debug set /typed").at(server.url());
    let mut terminal = Terminal::start(&set, Streams::All);
    // The cluster has been reached: nobody types a value for nothing.
    terminal.wait_for("Cluster-Endpoints: ");
    assert!(terminal.echoes());
    terminal.press("first\rsecond\r\x04");
    let left = terminal.end();
    assert!(left.status.success() && left.echoes, "{left:?}");
    assert!(left.screen.contains("first\nsecond\n"), "{left:?}");
    let get = line("get /typed").at(server.url());
    assert_eq!(get.output(), "first\nsecond\n\n");
    // Ctrl-D at once is no value.
    let mut terminal = Terminal::start(&set, Streams::All);
    terminal.wait_for("Cluster-Endpoints: ");
    terminal.press("\x04");
    let left = terminal.end();
    assert!(
        left.screen.ends_with("Error:  value required\n"),
        "{left:?}"
    );
    assert_eq!(left.status.code(), Some(1));
    assert_eq!(get.output(), "first\nsecond\n\n");
}

#[test]
fn a_value_that_takes_its_time_is_written_although_the_server_closed_meanwhile() {
    // `mk` is sent once and never again: it must not meet a connection that the server gave up while the value was
    // typed.
    let server = Fake::start(|request| {
        let host = request.header("host").expect("every request has one");
        let members =
            format!(r#"{{"members":[{{"id":"1","name":"n","clientURLs":["http://{host}"]}}]}}"#);
        let created = r#"{"action":"create","node":{"key":"/k","value":"late"}}"#;
        match request.number {
            0 => vec![Step::Send(response("200 OK", &[], &members)), Step::Close],
            _ => vec![Step::Send(response("201 Created", &[], created))],
        }
    });
    let mut mk = Command::new(env!("CARGO_BIN_EXE_etcdctl"))
        .args(["--endpoints", &server.url(), "mk", "/k"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client starts");
    wait::until("the connection is never closed", || server.over() == 1);
    let mut value = mk.stdin.take().expect("it is piped");
    value.write_all(b"late").expect("the client reads");
    drop(value);
    let left = mk.wait_with_output().expect("the client ends");
    assert_eq!(String::from_utf8_lossy(&left.stderr), "");
    assert_eq!(
        (left.status.code(), &*left.stdout),
        (Some(0), &b"late\n"[..])
    );
    assert_eq!(server.lines()[1..], ["PUT /v2/keys/k?prevExist=false"]);
}
