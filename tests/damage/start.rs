//! One start of a real process on a directory, and what became of it within ten seconds.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::support::http::{Connection, Request, Response};
use super::support::server::{self, Launch, Server};

/// A start, an answer and a stop may each take this long; what takes longer hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(3);

/// Ports are found free and then bound: another process may be quicker, a few times in a row at most.
const PORT_TRIES: usize = 5;

/// What became of a start.
pub(crate) enum Started {
    /// It answers.
    Served(Box<Server>),
    /// It ended: how, and all that it printed.
    Ended(ExitStatus, String),
    /// Neither within [`LIMIT`]; it was killed, and this is what it had printed.
    Hung(String),
}

/// The server with this many un-flushed entries at most. It announces the same addresses at every start, whatever ports
/// it listens on: a start with others writes a key of its own.
pub(crate) fn launch(snapshot_count: u64) -> Launch {
    server::ours()
        .arg(format!("--snapshot-count={snapshot_count}"))
        .arg("--advertise-client-urls=http://127.0.0.1:2379")
        .arg("--initial-advertise-peer-urls=http://127.0.0.1:2380")
        .arg("--initial-cluster=default=http://127.0.0.1:2380")
}

/// Starts a server on `directory` and waits until it answers or ends.
pub(crate) fn start(launch: &Launch, directory: &Path) -> Started {
    for _ in 0..PORT_TRIES {
        let mut server = launch.clone().data_dir(directory).spawn();
        match settle(&mut server) {
            Some(None) => return Started::Served(Box::new(server)),
            Some(Some(_))
                if server
                    .log()
                    .to_lowercase()
                    .contains("address already in use") => {}
            Some(Some(status)) => return Started::Ended(status, server.log()),
            None => return Started::Hung(server.log()),
        }
    }
    panic!("no port stays free on this machine");
}

/// `Some(None)`: it answers; `Some(status)`: it ended; `None`: neither.
fn settle(server: &mut Server) -> Option<Option<ExitStatus>> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = server.poll_exit() {
            return Some(Some(status));
        }
        if ask(server.addr(), &Request::get("/health")).is_ok() {
            return Some(None);
        }
        std::thread::sleep(POLL);
    }
    None
}

/// One exchange on a new connection, within [`LIMIT`].
///
/// # Errors
/// What the socket says.
pub(crate) fn ask(addr: SocketAddr, request: &Request) -> std::io::Result<Response> {
    ask_on(&mut Connection::open(addr)?, request)
}

/// The same on an open connection.
///
/// # Errors
/// What the socket says.
pub(crate) fn ask_on(connection: &mut Connection, request: &Request) -> std::io::Result<Response> {
    connection.send(request)?;
    connection.read_response(LIMIT)
}

/// How a process ended, in words: `exit 65`, `signal 6`.
pub(crate) fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
