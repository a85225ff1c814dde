//! A client that runs while the test goes on: its lines as they come, the signals it gets, how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::client::Client;
use super::http::Request;
use super::server::Server;

/// Longer than anything a test waits for takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Lines a test may leave unread before the process has to wait: more than any of them makes it print.
const UNREAD_LINES: usize = 1_000;

/// A running process; dropping it kills it and the processes it started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts `command` with both outputs caught, nothing on its standard input, and a process group of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Running {
        use std::os::unix::process::CommandExt as _;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the command can be started");
        let stdout = child.stdout.take().expect("the output is a pipe");
        let (sender, lines) = sync_channel(UNREAD_LINES);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Running { child, lines }
    }

    /// Starts `client ARGUMENTS` and returns once `server` has its watcher.
    pub(crate) fn watch(client: &Client, server: &Server, arguments: &[&str]) -> Running {
        let before = watchers(server);
        let running = Running::start(command(client, server).args(arguments));
        wait_for_watchers(server, before + 1);
        running
    }

    /// The next line it prints.
    ///
    /// # Panics
    /// When there is none within [`LIMIT`].
    pub(crate) fn line(&self) -> String {
        self.lines
            .recv_timeout(LIMIT)
            .expect("the process prints a line")
    }

    /// The next line, if it has been printed already.
    pub(crate) fn line_if_any(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Waits for its end; returns the lines not read yet, its errors and its status.
    ///
    /// # Panics
    /// When it does not end within [`LIMIT`].
    pub(crate) fn end(mut self) -> (Vec<String>, String, ExitStatus) {
        let status = self.wait();
        let errors = self.errors();
        (self.lines.iter().collect(), errors, status)
    }

    /// Sends Ctrl-C, waits for its end, then kills the processes that it left behind, which would hold its outputs
    /// open; returns its errors and its status.
    ///
    /// # Panics
    /// When it does not end within [`LIMIT`].
    pub(crate) fn interrupted_with_children(mut self) -> (String, ExitStatus) {
        self.interrupt();
        let status = self.wait();
        // Its children keep the group alive, so the number is still theirs.
        kill_group(self.pid());
        (self.errors(), status)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            thread::yield_now();
        }
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        let stderr = self.child.stderr.as_mut().expect("the errors are a pipe");
        stderr
            .read_to_string(&mut errors)
            .expect("the process writes text");
        errors
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// What Ctrl-C sends.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be another's.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        kill_group(self.pid());
        let _ = self.child.wait();
    }
}

fn kill_group(leader: u32) {
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // An error means that all of it has ended, which is what is wanted.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Sends a signal to a process that a test started.
///
/// # Panics
/// When there is no such process.
pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.expect("a process id is a positive i32");
    kill_process(pid, signal).expect("the process is ours to signal");
}

/// `client` about to talk to `server`.
pub(crate) fn command(client: &Client, server: &Server) -> Command {
    let mut command = Command::new(client.program());
    command
        .env("PATH", client.path())
        .env("ETCDCTL_API", "2")
        .env("ETCDCTL_ENDPOINTS", server.url())
        .env("NO_PROXY", "*");
    command
}

/// The number of registered watchers the server reports.
///
/// # Panics
/// When it reports none.
pub(crate) fn watchers(server: &Server) -> u64 {
    let answer = server.exchange(&Request::get("/v2/stats/store")).text();
    let (_, number) = answer
        .rsplit_once("\"watchers\":")
        .expect("the statistics end with the watchers");
    number
        .trim_end()
        .trim_end_matches('}')
        .parse()
        .expect("the number of watchers is one")
}

/// Waits until the server reports that number of watchers.
///
/// # Panics
/// When it does not get there within [`LIMIT`].
pub(crate) fn wait_for_watchers(server: &Server, wanted: u64) {
    let deadline = Instant::now() + LIMIT;
    while watchers(server) != wanted {
        assert!(
            Instant::now() < deadline,
            "the server does not get to {wanted} watchers"
        );
    }
}

/// Writes a key; `form` is the body.
///
/// # Panics
/// When the server refuses.
pub(crate) fn put(server: &Server, key: &str, form: &str) {
    let answer = server.exchange(&Request::put(&format!("/v2/keys{key}"), form));
    assert!(answer.status() < 300, "{}", answer.dump());
}

/// Removes a key; `target` may have a query.
///
/// # Panics
/// When the server refuses.
pub(crate) fn delete(server: &Server, target: &str) {
    let answer = server.exchange(&Request::delete(&format!("/v2/keys{target}")));
    assert!(answer.status() < 300, "{}", answer.dump());
}
