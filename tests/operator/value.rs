//! A value typed at the terminal: everything up to Ctrl-D, seen while it is typed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;

use super::run::line;
use super::support::server;
use super::terminal::{Streams, Terminal};

#[test]
fn a_value_is_typed_up_to_ctrl_d() {
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

/// Reads a request and answers it; the connection is left as it is.
fn serve_one(stream: &mut TcpStream, status: &str, body: &str) -> String {
    let mut heard = Vec::new();
    let mut block = [0; 4096];
    while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
        let taken = stream.read(&mut block).expect("the client speaks");
        assert_ne!(taken, 0, "the client hung up");
        heard.extend_from_slice(&block[..taken]);
    }
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .expect("the client listens");
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn a_value_that_takes_its_time_is_written_although_the_server_closed_meanwhile() {
    // `mk` is sent once and never again: it must not meet a connection that the server gave up while the value was
    // typed.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let members = format!(r#"{{"members":[{{"id":"1","name":"n","clientURLs":["{url}"]}}]}}"#);
    let (tell, closed) = sync_channel(1);
    let server = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().expect("the client connects");
        serve_one(&mut first, "200 OK", &members);
        drop(first);
        tell.send(()).expect("the test waits");
        let (mut second, _) = listener.accept().expect("the client connects again");
        let created = r#"{"action":"create","node":{"key":"/k","value":"late"}}"#;
        serve_one(&mut second, "201 Created", created)
    });
    let mut mk = Command::new(env!("CARGO_BIN_EXE_etcdctl"))
        .args(["--endpoints", &url, "mk", "/k"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client starts");
    closed.recv().expect("the server closes");
    let mut value = mk.stdin.take().expect("it is piped");
    value.write_all(b"late").expect("the client reads");
    drop(value);
    let left = mk.wait_with_output().expect("the client ends");
    assert_eq!(String::from_utf8_lossy(&left.stderr), "");
    assert_eq!(
        (left.status.code(), &*left.stdout),
        (Some(0), &b"late\n"[..])
    );
    let request = server.join().expect("the server is content");
    assert!(
        request.starts_with("PUT /v2/keys/k?prevExist=false "),
        "{request}"
    );
}
