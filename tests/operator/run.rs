//! `etcdctl` as a process: what it is told, what it prints, how it ends.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No command of these tests takes longer, on any machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Time enough on any machine.
pub(crate) const PATIENCE: &str = "--timeout 20s --total-timeout 25s";

const POLL: Duration = Duration::from_millis(2);

/// Debian's client.
const DEBIAN: &str = "/usr/bin/etcdctl";

/// A command line with its environment and its standard input.
#[derive(Clone, Debug)]
pub(crate) struct Etcdctl {
    program: &'static str,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    input: Vec<u8>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
}

/// This repository's client with these words behind its name.
pub(crate) fn etcdctl<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Etcdctl {
    let arguments = arguments.into_iter();
    Etcdctl {
        program: env!("CARGO_BIN_EXE_etcdctl"),
        arguments: arguments.map(|word| word.as_ref().to_owned()).collect(),
        environment: Vec::new(),
        input: Vec::new(),
    }
}

/// A line of words, none of which holds a blank.
pub(crate) fn line(words: &str) -> Etcdctl {
    etcdctl(words.split_whitespace())
}

impl Etcdctl {
    /// The same command line for Debian's client.
    ///
    /// # Panics
    /// When it is not installed.
    pub(crate) fn by_debian(&self) -> Etcdctl {
        assert!(
            std::path::Path::new(DEBIAN).is_file(),
            "{DEBIAN} is missing: this test compares with Debian's etcd-client 3.4; `make test` installs it"
        );
        Etcdctl {
            program: DEBIAN,
            ..self.clone().env("ETCDCTL_API", "2")
        }
    }

    /// Names the cluster in the environment, and gives it time: a busy machine is not what these tests are about. A limit
    /// in the words of the command comes later and counts.
    pub(crate) fn at(mut self, endpoints: impl AsRef<str>) -> Etcdctl {
        let patience = PATIENCE.split(' ').map(OsString::from);
        self.arguments.splice(0..0, patience);
        self.env("ETCDCTL_ENDPOINTS", endpoints.as_ref())
    }

    /// Sets a variable; the process gets no other but `PATH`.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Etcdctl {
        let value = value.as_ref().to_owned();
        self.environment.push((name.to_owned(), value));
        self
    }

    /// Sets a variable that has not been set.
    pub(crate) fn env_unless(self, name: &str, value: &str) -> Etcdctl {
        if self.environment.iter().any(|(set, _)| set == name) {
            return self;
        }
        self.env(name, value)
    }

    /// Adds words at the end.
    pub(crate) fn and<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Etcdctl {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.arguments.extend(words);
        self
    }

    /// What it reads.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Etcdctl {
        self.input = input.into();
        self
    }

    /// The process, not started yet, run by another program when `above` names one with its arguments.
    pub(crate) fn command(&self, above: &[&str]) -> Command {
        let (first, rest) = above.split_first().unwrap_or((&self.program, &[]));
        let mut command = Command::new(first);
        command.args(rest);
        if !above.is_empty() {
            command.arg(self.program);
        }
        command
            .args(&self.arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end, both streams into pipes.
    ///
    /// # Panics
    /// When it does not end within [`LIMIT`].
    pub(crate) fn run(&self) -> Ended {
        self.run_by(&[])
    }

    /// Runs it by another program.
    pub(crate) fn run_by(&self, above: &[&str]) -> Ended {
        self.start_by(above).end()
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Running {
        self.start_by(&[])
    }

    fn start_by(&self, above: &[&str]) -> Running {
        let mut child = self
            .command(above)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{self:?} cannot be started: {error}"));
        let mut stdin = child.stdin.take().expect("it was asked for");
        let input = self.input.clone();
        // A command that does not read its input breaks the pipe, rightly.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        Running {
            stdout: child.stdout.take().map(collect),
            stderr: child.stderr.take().map(collect),
            child,
            shown: format!("{self:?}"),
        }
    }

    /// Runs it and asserts that it succeeds; gives its standard output.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) fn output(&self) -> String {
        let ended = self.run();
        assert_eq!(ended.code, Some(0), "{self:?}\n{ended:?}");
        ended.stdout
    }
}

/// A command under way; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    shown: String,
}

impl Running {
    /// Waits for the end.
    ///
    /// # Panics
    /// When there is none within [`LIMIT`].
    pub(crate) fn end(mut self) -> Ended {
        let status = wait(&mut self.child, &self.shown);
        let text = |stream: Option<JoinHandle<Vec<u8>>>| {
            let bytes = stream.map(JoinHandle::join).transpose();
            let bytes = bytes.expect("reading a pipe does not panic");
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        Ended {
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            code: status.code(),
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn runs(&mut self) -> bool {
        let ended = self.child.try_wait().expect("the process is our child");
        ended.is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is what there is.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// Waits for a child; one that takes too long is killed.
///
/// # Panics
/// When it took too long.
pub(crate) fn wait(child: &mut Child, shown: &str) -> ExitStatus {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().expect("the process is our child") {
            return status;
        }
        if Instant::now() > deadline {
            // An error means that it has just ended.
            let _ = child.kill();
            let _ = child.wait();
            panic!("no end within {LIMIT:?}: {shown}");
        }
        std::thread::sleep(POLL);
    }
}

/// Polls until there is a value.
///
/// # Panics
/// When there is none within [`LIMIT`].
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(POLL);
    }
}

impl Ended {
    /// The first line of standard error.
    pub(crate) fn first(&self) -> &str {
        self.stderr.lines().next().unwrap_or_default()
    }

    /// The hints, without the word that begins them.
    pub(crate) fn hints(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines
            .filter_map(|line| line.strip_prefix("hint: "))
            .collect()
    }
}
