//! Two servers that receive the same requests: each exchange is compared before the next one starts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::compare::{self, Origin};
use super::known::{Met, RESTART};
use super::op::Op;
use crate::support::http::{Connection, EXCHANGE_TIMEOUT, Framing, Request, Response, show};
use crate::support::json::Raw;
use crate::support::server::{Kind, Launch, Server};

/// One of the two servers.
#[derive(Debug)]
pub(crate) struct Side {
    /// The process.
    pub(crate) server: Server,
    /// What the comparison knows about it.
    pub(crate) origin: Origin,
    connection: Connection,
    statistics: Raw,
}

impl Side {
    fn start(launch: Launch, subject: bool) -> Side {
        let server = launch.start();
        if subject && server.kind() == Kind::Debian {
            // The reference compared with itself must not share its first index, or relative indexes prove nothing.
            server.exchange(&Request::put("/v2/keys/_shift", "value=1"));
        }
        let fresh = server.exchange(&Request::get("/v2/keys"));
        let statistics = server.exchange(&Request::get("/v2/stats/store"));
        let connection =
            Connection::open(server.addr()).expect("a healthy server takes connections");
        let origin = Origin {
            kind: server.kind(),
            base: fresh.etcd_index().expect("a read carries X-Etcd-Index"),
            cluster_id: None,
            raft: (0, 0),
            started: super::moment::now(),
            sent: super::moment::now(),
        };
        Side {
            server,
            origin,
            connection,
            statistics: Raw::parse(&statistics.body).expect("statistics are compact JSON"),
        }
    }

    /// Opens a connection of its own and sends `op` on it.
    pub(crate) fn open(&mut self, op: &Op) -> io::Result<Connection> {
        let mut connection = Connection::open(self.server.addr())?;
        self.origin.sent = super::moment::now();
        connection.send(&op.render(self.origin.base))?;
        Ok(connection)
    }

    /// A statistics counter's growth since the start.
    pub(crate) fn counted(&self, name: &str) -> Option<u64> {
        let now = self.server.exchange(&Request::get("/v2/stats/store"));
        let now = Raw::parse(&now.body).ok()?.get(name)?.number()?;
        now.checked_sub(self.statistics.get(name)?.number()?)
    }
}

/// What went wrong, with all that is needed to look at it.
#[derive(Clone, Debug)]
pub(crate) enum Difference {
    /// Two answers differ.
    Answer(String),
    /// A server did not answer.
    Silence(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Difference::Answer(text) | Difference::Silence(text) => out.write_str(text),
        }
    }
}

/// What both servers answered: the server under test first, the reference second.
pub(crate) type Answers = [Response; 2];

/// The server under test and the reference.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The server under test, then the reference.
    pub(crate) sides: [Side; 2],
    /// The chosen differences met so far.
    pub(crate) met: Met,
    /// The reference's index after the last exchange that showed one, relative to its first.
    pub(crate) newest: u64,
    /// Exchanges compared so far.
    pub(crate) compared: u64,
    /// How long an answer may take.
    pub(crate) patience: Duration,
}

impl Pair {
    /// Starts both servers fresh.
    pub(crate) fn start(subject: Launch, reference: Launch) -> Pair {
        let starting = std::thread::spawn(move || Side::start(subject, true));
        let reference = Side::start(reference, false);
        let subject = starting.join().expect("the server under test starts");
        Pair {
            sides: [subject, reference],
            met: Met::default(),
            newest: 0,
            compared: 0,
            patience: EXCHANGE_TIMEOUT,
        }
    }

    /// Sends `op` to both, and compares what comes back.
    ///
    /// # Errors
    /// The first difference, or a server that does not answer.
    pub(crate) fn exchange(&mut self, op: &Op) -> Result<Answers, Difference> {
        for side in &mut self.sides {
            side.origin.sent = super::moment::now();
            let request = op.render(side.origin.base);
            let sent = side.connection.send(&request);
            sent.map_err(|error| lost(side, op, &error))?;
        }
        let mut answers = Vec::with_capacity(2);
        for side in &mut self.sides {
            let answer = side.connection.read_response(self.patience);
            answers.push(answer.map_err(|error| lost(side, op, &error))?);
        }
        let answers: Answers = answers.try_into().expect("there are two sides");
        self.settle(op, &answers)?;
        if op.request.method == "HEAD" {
            self.check_head_length(op, &answers)?;
        }
        Ok(answers)
    }

    /// Compares a pair of answers, whichever way they were read.
    pub(crate) fn settle(&mut self, op: &Op, answers: &Answers) -> Result<(), Difference> {
        self.compared += 1;
        let [left, right] = &mut self.sides;
        let origins = [&mut left.origin, &mut right.origin];
        let found = compare::responses(op, origins, [&answers[0], &answers[1]], &mut self.met);
        if let Some(index) = answers[1].etcd_index().filter(|index| *index != 0) {
            self.newest = index - self.sides[1].origin.base;
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(self.difference(op, answers.each_ref().map(Response::dump), &found))
    }

    /// The differences between two heads alone.
    pub(crate) fn compare_heads(&mut self, answers: &Answers) -> Vec<String> {
        self.compared += 1;
        let [left, right] = &mut self.sides;
        let heads = [&answers[0].head, &answers[1].head];
        compare::heads(&mut left.origin, &mut right.origin, heads, &mut self.met)
    }

    /// The message of a difference.
    pub(crate) fn difference(
        &self,
        op: &Op,
        received: [String; 2],
        found: &[String],
    ) -> Difference {
        let requests = self
            .sides
            .each_ref()
            .map(|side| show(&op.render(side.origin.base).to_bytes(side.server.addr())));
        Difference::Answer(format!(
            "{}\n\n=== sent to the server under test\n{}\n=== it answered\n{}\n\n=== sent to the reference\n{}\n=== it answered\n{}",
            found.join("\n"),
            requests[0],
            received[0],
            requests[1],
            received[1]
        ))
    }

    /// A HEAD's `Content-Length` is that of the GET's body, and missing only when that comes in chunks (keys-api 2.1).
    fn check_head_length(&mut self, op: &Op, answers: &Answers) -> Result<(), Difference> {
        let json = answers[1].head.get("Content-Type") == Some("application/json");
        if !json || op.mentions("wait") {
            return Ok(());
        }
        let mut found = Vec::new();
        for (side, head) in self.sides.iter_mut().zip(answers) {
            let mut request = op.render(side.origin.base);
            request.method = "GET".to_owned();
            let get = side.connection.exchange(&request);
            let get = get.map_err(|error| lost(side, op, &error))?;
            let expected = match get.head.framing {
                Framing::Length(length) => Some(length as u64),
                _ => None,
            };
            let shown = head.head.number("Content-Length");
            // A remaining time can lose a digit between the two requests.
            let moving = get.text().contains("\"ttl\":");
            let near = |(a, b): (u64, u64)| a == b || moving && a.abs_diff(b) <= 1;
            if shown != expected && !shown.zip(expected).is_some_and(near) {
                let who = side.origin.kind;
                found.push(format!(
                    "{who:?}: HEAD Content-Length {shown:?}, GET {expected:?}"
                ));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(self.difference(op, answers.each_ref().map(Response::dump), &found))
    }

    /// Kills both servers, and starts them again on their data. What one of them wrote by itself at its start, the
    /// other makes up for with a hidden key, so that the indexes to come are comparable again.
    pub(crate) fn restart(&mut self) {
        for side in &mut self.sides {
            side.server.restart();
            // Consensus numbers of the new run start above the old ones only in the log, not in what was last seen.
            side.origin.raft.0 = 0;
        }
        self.reconnect();
        let at = self.sides.each_ref().map(|side| {
            let answer = side.server.exchange(&Request::get("/v2/keys"));
            let index = answer.etcd_index().expect("a read carries X-Etcd-Index");
            index
                .checked_sub(side.origin.base)
                .expect("an index never goes back")
        });
        let furthest = at[0].max(at[1]);
        for (side, at) in self.sides.iter().zip(at) {
            for _ in at..furthest {
                self.met.count(RESTART);
                side.server
                    .exchange(&Request::put("/v2/keys/_shift", "value=1"));
            }
        }
        self.newest = furthest;
    }

    /// Sends the bytes as they are on a connection of their own, and compares as many whole responses as `methods` names.
    pub(crate) fn exchange_raw(
        &mut self,
        bytes: &[u8],
        methods: &[&str],
    ) -> Result<Vec<Answers>, Difference> {
        let op = Op::new(Request::new(
            methods[0],
            String::from_utf8_lossy(bytes).into_owned(),
        ));
        let mut lists = Vec::new();
        for side in &mut self.sides {
            side.origin.sent = super::moment::now();
            let received = read_raw(side.server.addr(), bytes, methods, self.patience);
            lists.push(received.map_err(|error| lost(side, &op, &error))?);
        }
        let [left, right] = lists.try_into().expect("there are two sides");
        let answers: Vec<Answers> = left
            .into_iter()
            .zip(right)
            .map(|(left, right)| [left, right])
            .collect();
        for pair in &answers {
            self.settle(&op, pair)?;
        }
        Ok(answers)
    }

    /// Drops both connections, whatever was under way on them.
    pub(crate) fn reconnect(&mut self) {
        for side in &mut self.sides {
            side.connection =
                Connection::open(side.server.addr()).expect("a healthy server takes connections");
        }
    }

    /// Compares the counters of `/v2/stats/store` that the reference counts as documented (keys-api 10.1).
    pub(crate) fn compare_statistics(&self, names: &[&str]) -> Result<(), Difference> {
        let differing: Vec<String> = names
            .iter()
            .map(|name| (name, self.sides.each_ref().map(|side| side.counted(name))))
            .filter(|(_, counts)| counts[0] != counts[1] || counts[0].is_none())
            .map(|(name, counts)| {
                format!("/v2/stats/store {name}: {:?} / {:?}", counts[0], counts[1])
            })
            .collect();
        match differing.is_empty() {
            true => Ok(()),
            false => Err(Difference::Answer(differing.join("\n"))),
        }
    }

    /// The end of both logs, for the message of a failure.
    pub(crate) fn logs(&self) -> String {
        self.sides
            .each_ref()
            .map(|side| side.server.log_tail())
            .join("\n")
    }
}

fn read_raw(
    addr: SocketAddr,
    bytes: &[u8],
    methods: &[&str],
    patience: Duration,
) -> io::Result<Vec<Response>> {
    let mut connection = Connection::open(addr)?;
    connection.send_raw(bytes, methods[0])?;
    let mut answers = Vec::new();
    for method in methods {
        connection.expect_answer_to(method);
        answers.push(connection.read_response(patience)?);
    }
    Ok(answers)
}

fn lost(side: &Side, op: &Op, error: &io::Error) -> Difference {
    let request = show(&op.render(side.origin.base).to_bytes(side.server.addr()));
    Difference::Silence(format!(
        "{:?}: no answer: {error}\n{request}",
        side.origin.kind
    ))
}
