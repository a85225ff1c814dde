//! Standard error is a pipe that nobody reads, and there is much to log: the log may wait, or lose lines, but nobody else.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::findings::Findings;
use super::ground::Ground;
use super::memory::{Part, ROOM};
use super::scenario::Scenario;
use super::support::http::Connection;
use super::support::server::{Launch, Server};
use super::support::wait;

/// Connections at a time; the load takes all that are left.
const CONNECTIONS: usize = 64;

/// Uploads whose body comes late.
const SLOW: usize = 40;

/// Longer than an answer may take before the log hears of it.
const LATE: Duration = Duration::from_millis(1_200);

/// Clients that break off in the middle of a request, one after the other.
const BROKEN: usize = 1_000;

pub(crate) struct UnreadErrors {
    /// Every level is logged, from the start on.
    verbose: bool,
    /// Open, so that a write to it is no error.
    _reader: PipeReader,
    writer: PipeWriter,
}

impl UnreadErrors {
    /// The usual level; the pipe is full once the server runs.
    pub(crate) fn filled() -> UnreadErrors {
        UnreadErrors::new(false)
    }

    /// Every level; the server fills the pipe itself.
    pub(crate) fn verbose() -> UnreadErrors {
        UnreadErrors::new(true)
    }

    fn new(verbose: bool) -> UnreadErrors {
        let (reader, writer) = pipe().expect("a pipe can be made");
        UnreadErrors {
            verbose,
            _reader: reader,
            writer,
        }
    }

    /// Writes until there is no room for a byte.
    fn fill(&self) -> std::io::Result<()> {
        // Opened anew: this end must not wait, while the server's has to.
        let mut end = File::options()
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(format!("/proc/self/fd/{}", self.writer.as_raw_fd()))?;
        for size in [4_096, 1] {
            loop {
                match end.write(&vec![b'\n'; size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// The head of a PUT, and none of the two bytes that it announces.
fn begun(ground: &Ground<'_>) -> Result<Connection, String> {
    let head = format!(
        "PUT /v2/keys/load HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 7\r\n\r\n",
        ground.addr()
    );
    let mut connection = ground.connect()?;
    // It may be refused already.
    let _ = connection.send_raw(head.as_bytes(), "PUT");
    Ok(connection)
}

impl Scenario for UnreadErrors {
    fn name(&self) -> &'static str {
        match self.verbose {
            false => "unread_errors",
            true => "unread_errors_verbose",
        }
    }

    fn size(&self) -> String {
        format!("{SLOW} late uploads, {CONNECTIONS} refused, {BROKEN} broken off")
    }

    fn only_ours(&self) -> bool {
        true
    }

    fn ours(&self, launch: Launch) -> Launch {
        let writer = self.writer.try_clone();
        let launch = launch
            .errors_to(writer.expect("a descriptor can be copied"))
            .arg(format!("--max-connections={CONNECTIONS}"));
        match self.verbose {
            false => launch,
            true => launch.arg("--log-level=trace"),
        }
    }

    fn prepare(&self, _ground: &Ground<'_>) -> Result<(), String> {
        if self.verbose {
            return Ok(());
        }
        self.fill()
            .map_err(|error| format!("the pipe cannot be filled: {error}"))
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        for _ in 0..BROKEN {
            drop(begun(ground)?);
        }
        let mut slow = (0..SLOW)
            .map(|_| begun(ground))
            .collect::<Result<Vec<_>, _>>()?;
        let refused = (0..CONNECTIONS)
            .map(|_| ground.connect())
            .collect::<Result<Vec<_>, _>>()?;
        thread::sleep(LATE);
        for late in &mut slow {
            // Some were refused, for want of a connection.
            let _ = late.send_raw(b"value=1", "PUT");
        }
        ground.hold();
        drop(refused);
        Ok(())
    }

    /// SIGTERM ends it as if the log were read.
    fn end(&self, server: &mut Server, findings: &Findings) {
        server.signal_term();
        let deadline = Instant::now() + wait::LIMIT;
        let status = loop {
            match server.poll_exit() {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        findings.expect(
            status.is_some_and(|status| status.success()),
            || match status {
                Some(status) => format!("after SIGTERM: {status}"),
                None => format!("no end within {:?} after SIGTERM", wait::LIMIT),
            },
        );
    }

    fn takes(&self) -> Vec<Part> {
        vec![ROOM]
    }

    fn keeps(&self) -> Vec<Part> {
        vec![ROOM]
    }
}
