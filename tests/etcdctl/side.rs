//! One side of the comparison: a client, a server of its own, and a directory to work in.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::support::client::Client;
use super::support::http::{self, Request};
use super::support::server::Server;
use super::support::transcript::Words;

/// Longer than any line takes on a busy machine; a client that hangs must not hang the test.
const LIMIT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(1);

/// Shell functions that the lines may use.
///
/// `first N COMMAND…` prints the first N lines of what COMMAND prints, then interrupts it and ends with its status: for
/// commands that go on for ever.
const FUNCTIONS: &str = r#"
first() {
    n=$1; shift; rm -f lines; mkfifo lines
    "$@" >lines & command=$!
    head -n "$n" <lines; kill -INT $command 2>kill; wait $command
}
"#;

/// What a line printed and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code; `None` when it was ended by a signal or by the limit.
    pub(crate) code: Option<i32>,
}

/// A variable of the shell, its placeholder in expectations, and its value.
pub(crate) type Variable = (&'static str, &'static str, String);

/// A client and its server.
pub(crate) struct Side {
    client: Client,
    server: Server,
    scratch: TempDir,
    words: Words,
    id: String,
    variables: Vec<Variable>,
}

impl Side {
    /// Puts `client` to work against `server`, which is fresh; the shell knows `variables` too.
    ///
    /// # Panics
    /// When the server does not say who it is.
    pub(crate) fn new(client: Client, server: Server, variables: &[Variable]) -> Side {
        let answer = server.exchange(&Request::get("/v2/members")).text();
        let id = answer
            .split("\"id\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let id = id.expect("a member has an id").to_owned();
        let words = Words::new(&server).with("client", server.addr().to_string());
        let words = variables.iter().fold(words, |words, (_, name, value)| {
            words.with(name, value.clone())
        });
        Side {
            client,
            server,
            scratch: tempfile::tempdir().expect("a temporary directory can be made"),
            words,
            id,
            variables: variables.to_vec(),
        }
    }

    /// What the placeholders of an expectation stand for here.
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The index of the last write; `None` when a guest may not ask.
    pub(crate) fn index(&self) -> Option<u64> {
        let answer = http::exchange(self.server.addr(), &Request::get("/v2/keys/")).ok()?;
        answer.etcd_index().filter(|index| *index > 0)
    }

    /// Writes to a hidden key until the last index is `index`.
    pub(crate) fn pad(&self, index: u64) {
        while self.index().is_some_and(|last| last < index) {
            self.server
                .exchange(&Request::put("/v2/keys/_pad", "value="));
        }
    }

    /// Gives `command` to `sh` and waits for its end.
    pub(crate) fn run(&self, command: &str) -> Ending {
        let place = self.scratch.path();
        let open = |name: &str| File::create(place.join(name)).expect("a file can be made");
        let url = self.server.url();
        let now = self.index().unwrap_or_default();
        // A test in the background ignores Ctrl-C, and what it starts would too: a line that ends by it would not end.
        let mut child = Command::new("env")
            .args(["--default-signal=INT,QUIT", "sh", "-c"])
            .arg(format!("{FUNCTIONS}\n{command}"))
            .env_clear()
            .env("PATH", self.client.path())
            .env("HOME", place)
            .env("LANG", "C.UTF-8")
            .env("NO_PROXY", "*")
            .env("ETCDCTL_API", "2")
            .env("ETCDCTL_ENDPOINTS", &url)
            .env("URL", &url)
            .env("PEER", format!("http://{}", self.server.peer_addr()))
            .env("ID", &self.id)
            .env("BASE", self.words.base().to_string())
            .env("NOW", now.to_string())
            .envs(self.variables.iter().map(|(name, _, value)| (name, value)))
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(open("stdout"))
            .stderr(open("stderr"))
            .process_group(0)
            .spawn()
            .expect("sh can be started");
        let deadline = Instant::now() + LIMIT;
        let code = loop {
            if let Some(status) = child.try_wait().expect("sh is our child") {
                break status.code();
            }
            if Instant::now() > deadline {
                let group = i32::try_from(child.id())
                    .ok()
                    .and_then(rustix::process::Pid::from_raw);
                let group = group.expect("a process id is a positive i32");
                // An error means that all of it has ended, which is what is wanted.
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                let _ = child.wait();
                break None;
            }
            std::thread::sleep(POLL);
        };
        Ending {
            stdout: text(&place.join("stdout")),
            stderr: text(&place.join("stderr")),
            code,
        }
    }

    /// `text` with what must differ between two servers replaced by its name.
    pub(crate) fn neutral(&self, text: &str) -> String {
        let form = |url: &str| url.replace(':', "%3A").replace('/', "%2F");
        let (client, peer) = (
            self.server.addr().to_string(),
            self.server.peer_addr().to_string(),
        );
        text.replace(&client, "<client>")
            .replace(&form(&client), "<client>")
            .replace(&peer, "<peer>")
            .replace(&form(&peer), "<peer>")
            .replace(&self.id, "<id>")
    }
}

/// The bytes of a file, those that are not UTF-8 as `\xNN`: two outputs are equal only if their bytes are.
fn text(path: &Path) -> String {
    let bytes = fs::read(path).expect("the output was written to it");
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
