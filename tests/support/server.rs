//! Server processes on loopback ports and temporary directories: started, waited for, killed by id, never left behind.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, PipeWriter};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use super::http::{self, Request};
use super::seed::Rng;

/// How long a server may take from `exec` to its first healthy answer.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(5);

/// The reference server that the differential proof measures against.
pub(crate) const DEBIAN_ETCD: &str = "/usr/bin/etcd";

/// Which program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The server of this repository.
    Ours,
    /// Debian's etcd 3.4.23 with `--enable-v2`.
    Debian,
}

/// In which words a server is told its name, its directory and its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// Options of 2.x and 3.4.
    Modern,
    /// Options of 0.4.
    Classic,
    /// The variables of 2.x and 3.4, and no option at all.
    Environment,
}

/// A server about to be started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    kind: Kind,
    program: PathBuf,
    words: Words,
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
    listens: Vec<String>,
    data: Option<PathBuf>,
    limits: Vec<String>,
    at_a_terminal: bool,
    errors: Option<Arc<PipeWriter>>,
    membership: Option<Membership>,
    namespace: Option<String>,
}

/// A place in a cluster of several, which the others know: it stays what it is over all starts.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) name: String,
    /// Where it serves clients.
    pub(crate) client: SocketAddr,
    /// Where the others reach it.
    pub(crate) peer: SocketAddr,
    /// `--initial-cluster`.
    pub(crate) cluster: String,
}

/// This repository's server, alone in its cluster.
pub(crate) fn ours() -> Launch {
    Launch::new(Kind::Ours, PathBuf::from(env!("CARGO_BIN_EXE_etcd")))
}

/// Debian's etcd 3.4.23, alone in its cluster, with the v2 API.
///
/// # Panics
/// When it is not installed: a proof that cannot run must not look like one that passed.
pub(crate) fn debian() -> Launch {
    let program = PathBuf::from(DEBIAN_ETCD);
    assert!(
        program.is_file(),
        "{DEBIAN_ETCD} is missing: this test compares with Debian's etcd-server 3.4; `make test` installs it"
    );
    Launch::new(Kind::Debian, program).arg("--enable-v2")
}

impl Launch {
    fn new(kind: Kind, program: PathBuf) -> Launch {
        Launch {
            kind,
            program,
            words: Words::Modern,
            arguments: Vec::new(),
            environment: Vec::new(),
            listens: Vec::new(),
            data: None,
            limits: Vec::new(),
            at_a_terminal: false,
            errors: None,
            membership: None,
            namespace: None,
        }
    }

    /// Makes it a member of several.
    pub(crate) fn member(mut self, membership: Membership) -> Launch {
        self.membership = Some(membership);
        self
    }

    /// Runs it in this network namespace.
    pub(crate) fn within(mut self, namespace: impl Into<String>) -> Launch {
        self.namespace = Some(namespace.into());
        self
    }

    /// Adds a command-line argument.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Launch {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable; the process gets no other but `PATH`.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Launch {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Has clients served at this URL too, beside the address that the tests use.
    pub(crate) fn listen(mut self, url: impl Into<String>) -> Launch {
        self.listens.push(url.into());
        self
    }

    /// Announces the same addresses wherever it listens: a member that moves writes its new ones into the log.
    pub(crate) fn settled(self) -> Launch {
        self.arg("--advertise-client-urls=http://127.0.0.1:2379")
            .arg("--initial-advertise-peer-urls=http://127.0.0.1:2380")
            .arg("--initial-cluster=default=http://127.0.0.1:2380")
    }

    /// Gives the process this pipe for its standard error.
    pub(crate) fn errors_to(mut self, pipe: PipeWriter) -> Launch {
        self.errors = Some(Arc::new(pipe));
        self
    }

    /// Lets the process open no more than `limit` files.
    pub(crate) fn open_files(mut self, limit: u32) -> Launch {
        self.limits.push(format!("ulimit -n {limit}"));
        self
    }

    /// Lets the process write no file beyond `limit` MiB.
    pub(crate) fn file_size(mut self, limit: u32) -> Launch {
        // In blocks of 512 bytes.
        self.limits.push(format!("ulimit -f {}", limit * 2_048));
        self
    }

    /// Lets the process use this many MiB of addresses.
    pub(crate) fn address_space(mut self, limit: u32) -> Launch {
        self.limits.push(format!("ulimit -v {}", limit * 1_024));
        self
    }

    /// Starts the process with this umask, in octal digits.
    pub(crate) fn umask(mut self, mask: &str) -> Launch {
        self.limits.push(format!("umask {mask}"));
        self
    }

    /// Starts the process as `nohup` does: SIGHUP is ignored.
    pub(crate) fn nohup(mut self) -> Launch {
        self.limits.push("trap '' HUP".to_owned());
        self
    }

    /// Starts the process as a shell at a terminal does: SIGHUP ends it, whatever the tests themselves were started by.
    pub(crate) fn at_a_terminal(mut self) -> Launch {
        self.at_a_terminal = true;
        self
    }

    fn command(&self) -> Command {
        if let Some(namespace) = &self.namespace {
            // It becomes the server: the process id stays.
            let mut command = Command::new("ip");
            command
                .args(["netns", "exec", namespace])
                .arg(&self.program);
            return command;
        }
        if self.at_a_terminal {
            // No shell gives a signal back that was ignored when it began.
            let mut command = Command::new("/usr/bin/env");
            command.arg("--default-signal=HUP").arg(&self.program);
            return command;
        }
        if self.limits.is_empty() {
            return Command::new(&self.program);
        }
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(format!(
                "{} && exec \"$0\" \"$@\"",
                self.limits.join(" && ")
            ))
            .arg(&self.program);
        command
    }

    /// Names directory and addresses by the options of 0.4.
    pub(crate) fn classic(mut self) -> Launch {
        self.words = Words::Classic;
        self
    }

    /// Names directory and addresses by environment variables.
    pub(crate) fn by_environment(mut self) -> Launch {
        self.words = Words::Environment;
        self
    }

    /// Uses `directory` instead of a temporary one; it is left in place afterwards.
    pub(crate) fn data_dir(mut self, directory: impl Into<PathBuf>) -> Launch {
        self.data = Some(directory.into());
        self
    }

    /// Starts the server and waits until it answers `/health` with true.
    ///
    /// # Panics
    /// When it does not get there within [`START_TIMEOUT`]; the message holds the end of its log.
    pub(crate) fn start(self) -> Server {
        let mut server = self.spawn();
        if let Err(why) = server.wait_ready() {
            panic!("{why}\n{}", server.log_tail());
        }
        server
    }

    /// Starts the server without waiting: for tests of refused starts, and of how long a start takes.
    pub(crate) fn spawn(self) -> Server {
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        let data = match &self.data {
            Some(directory) => directory.clone(),
            None => scratch.path().join("data"),
        };
        let (client, peer) = match &self.membership {
            Some(place) => (place.client, place.peer),
            None => free_ports(),
        };
        let log = scratch.path().join("log");
        let mut server = Server {
            launch: self,
            data,
            client,
            peer,
            log,
            child: None,
            scratch,
        };
        server.spawn();
        server
    }
}

/// A server process; dropping it kills the process and removes its temporary directory.
#[derive(Debug)]
pub(crate) struct Server {
    launch: Launch,
    data: PathBuf,
    client: SocketAddr,
    peer: SocketAddr,
    log: PathBuf,
    child: Option<Child>,
    scratch: TempDir,
}

impl Server {
    /// Which program it is.
    pub(crate) fn kind(&self) -> Kind {
        self.launch.kind
    }

    /// Where clients connect.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.client
    }

    /// Where peers connect.
    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// `http://127.0.0.1:PORT` of the client side.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.client)
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data
    }

    /// The process id, `None` when it is not running.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Everything the process printed (both streams, all runs).
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last 40 lines of the log, for failure messages.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(40);
        format!(
            "--- end of the log of {} ---\n{}",
            self.launch.program.display(),
            lines[from..].join("\n")
        )
    }

    /// One exchange on a new connection.
    ///
    /// # Panics
    /// When the server does not answer.
    pub(crate) fn exchange(&self, request: &Request) -> http::Response {
        http::exchange(self.client, request).unwrap_or_else(|error| {
            let target = String::from_utf8_lossy(&request.target).into_owned();
            panic!(
                "{} {target}: no answer: {error}\n{}",
                request.method,
                self.log_tail()
            )
        })
    }

    /// The index of the last write so far.
    ///
    /// # Panics
    /// When the answer has no `X-Etcd-Index`.
    pub(crate) fn index(&self) -> u64 {
        let answer = self.exchange(&Request::get("/v2/keys/"));
        answer.etcd_index().expect("a read carries X-Etcd-Index")
    }

    /// Stops the process at once (SIGKILL) and waits for its end: the crash of the crash tests.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has already ended, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When it is not running, or does not end within `timeout`.
    pub(crate) fn terminate(&mut self, timeout: Duration) -> ExitStatus {
        self.signal_term();
        self.wait_exit(timeout)
    }

    /// Sends SIGTERM and does not wait.
    ///
    /// # Panics
    /// When it is not running.
    pub(crate) fn signal_term(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Stops the process where it stands (SIGSTOP), until [`Server::resume`].
    ///
    /// # Panics
    /// When it is not running.
    pub(crate) fn suspend(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Sends SIGKILL and does not wait.
    ///
    /// # Panics
    /// When it is not running.
    pub(crate) fn signal_kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it is not running.
    pub(crate) fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = self.pid().expect("the server is running");
        let pid = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a process id is a positive i32");
        rustix::process::kill_process(pid, signal).expect("the process is ours to signal");
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    /// When it does not end within `timeout`.
    pub(crate) fn wait_exit(&mut self, timeout: Duration) -> ExitStatus {
        let deadline = Instant::now() + timeout;
        loop {
            let child = self.child.as_mut().expect("the server is running");
            if let Some(status) = child.try_wait().expect("the process is our child") {
                self.child = None;
                return status;
            }
            if Instant::now() > deadline {
                panic!("no end within {timeout:?}\n{}", self.log_tail());
            }
            std::thread::sleep(POLL);
        }
    }

    /// How the process ended, `None` while it runs.
    ///
    /// # Panics
    /// When it was already waited for.
    pub(crate) fn poll_exit(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut().expect("the server was not waited for");
        let status = child.try_wait().expect("the process is our child");
        if status.is_some() {
            self.child = None;
        }
        status
    }

    /// Starts it again on the same directory and ports, and waits until it is healthy.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.spawn();
        if let Err(why) = self.wait_ready() {
            panic!("{why}\n{}", self.log_tail());
        }
    }

    /// As [`Server::restart`], this once with one more argument.
    pub(crate) fn restart_with(&mut self, argument: &str) {
        self.launch.arguments.push(argument.to_owned());
        self.restart();
        self.launch.arguments.pop();
    }

    /// Sets an environment variable for the starts to come, or takes it away.
    pub(crate) fn set_env(&mut self, name: &str, value: Option<&str>) {
        let environment = &mut self.launch.environment;
        environment.retain(|(known, _)| known != name);
        environment.extend(value.map(|value| (name.to_owned(), value.into())));
    }

    /// As [`Server::respawn`], this once with one more argument.
    pub(crate) fn respawn_with(&mut self, argument: &str) {
        self.launch.arguments.push(argument.to_owned());
        self.respawn();
        self.launch.arguments.pop();
    }

    /// Starts it again on the same directory and ports without waiting.
    pub(crate) fn respawn(&mut self) {
        self.kill();
        self.spawn();
    }

    /// Polls until `/health` says true; at most [`START_TIMEOUT`].
    pub(crate) fn wait_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(child) = self.child.as_mut() {
                match child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => {
                        self.child = None;
                        if !self.move_to_other_ports() {
                            return Err(format!("the server ended before it was ready: {status}"));
                        }
                    }
                    Err(error) => return Err(format!("the server cannot be waited for: {error}")),
                }
            }
            if self.healthy() && self.answers_itself() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("the server was not ready within {START_TIMEOUT:?}"));
            }
            std::thread::sleep(POLL);
        }
    }

    fn healthy(&self) -> bool {
        let says = |target: &str, holds: fn(&str) -> bool| {
            http::exchange(self.client, &Request::get(target))
                .is_ok_and(|answer| answer.status() == 200 && holds(&answer.text()))
        };
        // The original agrees on a version after it is healthy, and that takes an index: twins would differ by it.
        says("/health", |text| text.contains("true"))
            && (self.kind() == Kind::Ours || says("/version", |text| !text.contains("not_decided")))
    }

    /// Whether the port is this process's: another server may have taken it between finding and binding it, and would
    /// answer in its name until it has ended for that.
    fn answers_itself(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let local = format!("0100007F:{:04X}", self.client.port());
        let listening = sockets.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            (fields.get(1) == Some(&&*local) && fields.get(3) == Some(&"0A"))
                .then(|| format!("socket:[{}]", fields[9]))
        });
        let listening: Vec<String> = listening.collect();
        let held = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        let held = held
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok());
        let mut held = held.filter_map(|link| link.to_str().map(str::to_owned));
        listening.is_empty() || held.any(|link| listening.contains(&link))
    }

    /// Between finding a free port and binding it another process may take it: then a fresh server tries again.
    fn move_to_other_ports(&mut self) -> bool {
        let taken = self.log().contains("address already in use")
            || self.log().contains("Address already in use");
        if !taken || self.launch.data.is_some() || self.launch.membership.is_some() {
            return false;
        }
        let gone = match fs::remove_dir_all(&self.data) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !gone || fs::write(&self.log, b"").is_err() {
            return false;
        }
        (self.client, self.peer) = free_ports();
        self.spawn();
        true
    }

    fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.expect("the log file can be made in a temporary directory");
        let errors: io::Result<Stdio> = match &self.launch.errors {
            Some(pipe) => pipe.try_clone().map(Stdio::from),
            None => log.try_clone().map(Stdio::from),
        };
        let errors = errors.expect("a file handle can be copied");
        let mut command = self.launch.command();
        command
            .env_clear() // Both programs read their options from ETCD_* variables too.
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        self.tell_place(&mut command);
        command
            .args(&self.launch.arguments)
            .envs(
                self.launch
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(self.scratch.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{} cannot be started: {error}",
                self.launch.program.display()
            )
        });
        self.child = Some(child);
    }

    /// Tells the process its name, its directory and its addresses.
    fn tell_place(&self, command: &mut Command) {
        let data = self.data.display();
        if self.launch.words == Words::Classic {
            let (client, peer) = (self.client, self.peer);
            command
                .arg("-name=default")
                .arg(format!("-data-dir={data}"));
            // Without the second of each pair every interface would be bound.
            command
                .arg(format!("-addr={client}"))
                .arg(format!("-bind-addr={}", client.ip()));
            command
                .arg(format!("-peer-addr={peer}"))
                .arg(format!("-peer-bind-addr={}", peer.ip()));
            return;
        }
        let client = format!("http://{}", self.client);
        let peer = format!("http://{}", self.peer);
        let mut listens = vec![client.clone()];
        listens.extend_from_slice(&self.launch.listens);
        let (name, cluster) = match &self.launch.membership {
            Some(place) => (place.name.clone(), place.cluster.clone()),
            None => ("default".to_owned(), format!("default={peer}")),
        };
        let options = [
            ("name", name),
            ("data-dir", data.to_string()),
            ("listen-client-urls", listens.join(",")),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer),
            ("initial-cluster", cluster),
        ];
        for (name, value) in options {
            if self.launch.words == Words::Environment {
                let name = name.to_uppercase().replace('-', "_");
                command.env(format!("ETCD_{name}"), value);
            } else {
                command.arg(format!("--{name}={value}"));
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Loopback ports for servers that come back to them. They lie below those that outgoing connections get: one of those could
/// take a port while its server is down.
pub(crate) fn lasting_ports(count: usize) -> Vec<SocketAddr> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let outgoing = range
        .split_whitespace()
        .next()
        .and_then(|low| low.parse().ok());
    let outgoing: u64 = outgoing.unwrap_or(32_768);
    let mut given = GIVEN.lock().expect("who holds it does not panic");
    // Not the seed of the run: another run of the same seed may be under way.
    let mut rng = Rng::new(ports_seed());
    let mut found = Vec::new();
    while found.len() < count {
        let port = rng.between(10_000.min(outgoing - 1), outgoing - 1) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if !given.contains(&port) && TcpListener::bind(address).is_ok() {
            given.insert(port);
            found.push(address);
        }
    }
    found
}

fn ports_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_nanos() as u64;
    now ^ u64::from(std::process::id())
}

/// Two different loopback ports that were free a moment ago.
pub(crate) fn free_ports() -> (SocketAddr, SocketAddr) {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
    // Both are bound at once, so they differ.
    let (first, second) = (bind(), bind());
    let addr = |listener: &TcpListener| {
        listener
            .local_addr()
            .expect("a bound socket has an address")
    };
    (addr(&first), addr(&second))
}
