//! What a load is given: a server, the other clients, and a place for what it finds.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::findings::Findings;
use super::others::Others;
use super::plan::Plan;
use super::process;
use super::support::http::{Connection, Request};
use super::support::json::Raw;
use super::support::seed::Rng;
use super::support::server::{Kind, Server};

/// Answers that the other clients have had before a phase is long enough.
pub(crate) const ANSWERS: u64 = 400;

const POLL: Duration = Duration::from_millis(20);

pub(crate) struct Ground<'a> {
    pub(crate) server: &'a Server,
    pub(crate) findings: &'a Findings,
    /// Nobody but the load is there while it is `None`.
    pub(crate) others: Option<Others>,
    pub(crate) seed: u64,
    /// For one load, or one wait.
    pub(crate) patience: Duration,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(server: &'a Server, findings: &'a Findings, plan: &Plan) -> Ground<'a> {
        Ground {
            server,
            findings,
            others: None,
            seed: plan.seed,
            patience: plan.patience(),
        }
    }
}

impl Ground<'_> {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// # Panics
    /// When the server was not started.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid().expect("the server was started")
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.server.kind() == Kind::Ours
    }

    pub(crate) fn rng(&self) -> Rng {
        Rng::new(self.seed)
    }

    pub(crate) fn connect(&self) -> Result<Connection, String> {
        Connection::open(self.addr()).map_err(|error| format!("no connection: {error}"))
    }

    /// Sends a request that expects no answer yet.
    pub(crate) fn sent(&self, request: &Request) -> Result<Connection, String> {
        let mut connection = self.connect()?;
        let sent = connection.send(request);
        sent.map_err(|error| format!("a request cannot be sent: {error}"))?;
        Ok(connection)
    }

    /// Keeps the load up until the other clients have had some more answers. That they get none is counted as a failure
    /// of theirs.
    pub(crate) fn hold(&self) {
        if let Some(others) = &self.others {
            let answered = others.wait_for(ANSWERS, self.patience);
            self.findings.expect(answered, || {
                format!(
                    "the other clients did not get {ANSWERS} answers within {:?}",
                    self.patience
                )
            });
        }
    }

    /// Asks again and again; false when it does not get there within the patience, or the server has ended.
    pub(crate) fn until(&self, mut reached: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + self.patience;
        while !reached() {
            if Instant::now() > deadline || process::figures(self.pid()).is_none() {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }

    /// The number of watchers that the server reports.
    pub(crate) fn watchers(&self) -> Result<u64, String> {
        let answer = self
            .connect()?
            .exchange(&Request::get("/v2/stats/store"))
            .map_err(|error| format!("no statistics: {error}"))?;
        let statistics = Raw::parse(answer.body.trim_ascii_end())?;
        let watchers = statistics.get("watchers").and_then(Raw::number);
        watchers.ok_or_else(|| format!("no watchers in {statistics}"))
    }

    /// Waits for a number of watchers, and complains when it is not reached.
    pub(crate) fn expect_watchers(&self, wanted: u64, when: &str) {
        let mut last = Err("never asked".to_owned());
        let reached = self.until(|| {
            last = self.watchers();
            last == Ok(wanted)
        });
        self.findings.expect(reached, || {
            format!("{when}: {last:?} watchers instead of {wanted}")
        });
    }
}

/// The answer's status, or the error in words.
pub(crate) fn status(answer: io::Result<super::support::http::Response>) -> Result<u16, String> {
    answer
        .map(|answer| answer.status())
        .map_err(|error| error.to_string())
}

/// The request that writes a value without having it sent back.
pub(crate) fn put_quietly(key: &str, value: &str) -> Request {
    let target = format!("/v2/keys{key}?noValueOnSuccess=true");
    Request::put(&target, &format!("value={value}"))
}

/// A value of letters, drawn anew for each seed.
pub(crate) fn value(rng: &mut Rng, bytes: usize) -> String {
    (0..bytes)
        .map(|_| char::from(b'a' + rng.below(26) as u8))
        .collect()
}
