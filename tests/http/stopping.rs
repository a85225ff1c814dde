//! SIGTERM: what is under way ends in order, what does not end is cut off, and the status is 0.

use std::io::ErrorKind;
use std::net::TcpStream;

use super::listings::{fill_beyond_socket_buffers, remainder, stalled_listing};
use super::node::{LIMIT, ask, connect, get, rest, sent, socket, watchers, written};
use super::support::http::Request;
use super::support::server;

/// A complete answer without an event would be a success to a script, and broken JSON to a library: where the connection
/// breaks, clients go to the next member.
#[test]
fn open_watches_are_broken_off() {
    let mut server = server::ours().start();
    let mut watches = Vec::new();
    for target in [
        "/v2/keys/w?wait=true",
        "/v2/keys/w?wait=true&stream=true",
        "/v2/keys/?wait=true&stream=true&recursive=true",
    ] {
        let mut client = connect(&server);
        client
            .send(&Request::get(target))
            .expect("the watch is sent");
        let head = client.read_head(LIMIT).expect("the head comes at once");
        assert_eq!(head.status, 200, "{target}");
        watches.push((target, client));
    }
    assert_eq!(watchers(&server), 3);
    let index = written(&server, "/v2/keys/other", "value=1");
    let mut idle = connect(&server);
    assert_eq!(ask(&mut idle, &Request::get("/version")).status(), 200);
    let mut silent = socket(&server);
    let status = server.terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{status}\n{}", server.log_tail());
    for (target, client) in &mut watches {
        if target.contains("recursive") {
            let event = client
                .read_chunk(LIMIT)
                .expect("what happened before is told");
            let event = event.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let wanted = format!(r#""modifiedIndex":{index},"#);
            assert!(
                event.as_ref().is_some_and(|event| event.contains(&wanted)),
                "{event:?}"
            );
        }
        let end = client.read_chunk(LIMIT).map_err(|error| error.kind());
        assert!(
            matches!(
                end,
                Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
            ),
            "{target}: {end:?}"
        );
    }
    assert_eq!(rest(&mut silent), b"");
    assert!(
        TcpStream::connect(server.addr()).is_err(),
        "the port is still open"
    );
    server.restart();
    assert_eq!(get(&server, "/v2/keys/other").etcd_index(), Some(index));
}

/// Clients that hold on to their connections do not keep the server from its end, and an answer that is cut off does not
/// look whole.
#[test]
fn what_does_not_end_is_cut_off() {
    let mut server = server::ours().start();
    fill_beyond_socket_buffers(&server);
    let mut stalled = stalled_listing(&server);
    let half = b"PUT /v2/keys/half HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: 9\r\n\r\nval";
    let mut slow = sent(&server, half);
    // Once a later connection is answered, the two before it were accepted.
    assert_eq!(get(&server, "/version").status(), 200);
    let status = server.terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{status}\n{}", server.log_tail());
    assert_eq!(rest(&mut slow), b"");
    let end = remainder(&mut stalled).map(|body| body.len());
    assert!(
        matches!(
            end,
            Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
        ),
        "{end:?}"
    );
    server.restart();
    assert_eq!(
        get(&server, "/v2/keys/half").status(),
        404,
        "half a request was carried out"
    );
}
