//! A client that asks whichever member it likes, gives up soon, and writes down what it knows: every answer, and every write
//! of which it never heard again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::http::{Connection, Request, Response};
use super::support::linearizable::{Action, Call, Reply};
use super::support::seed::Rng;

/// Milliseconds that a client waits for an answer. Sometimes shorter than an election takes: an answer that comes to nobody
/// is a write that may have taken effect.
const PATIENCE: (u64, u64) = (100, 2_000);

/// What all clients of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    began: Instant,
    pub(crate) answered: AtomicU64,
    pub(crate) over: AtomicBool,
}

/// A call, which key it was for, and the index of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) key: usize,
    pub(crate) call: Call,
    /// `X-Etcd-Index` of the answer.
    pub(crate) index: Option<u64>,
    /// Of the event, where it made one.
    pub(crate) wrote: Option<u64>,
}

/// What an answer says.
enum Answer {
    /// The value that was found, and the index of the event that the call made.
    Found(Option<String>, Option<u64>),
    /// The call had no effect, and will have none.
    Refused,
    Unknown,
}

pub(crate) struct Client {
    number: u64,
    rng: Rng,
    members: Vec<SocketAddr>,
    connection: Option<Connection>,
    sequence: u64,
    /// What it last saw of each key, to compare with.
    seen: Vec<Option<String>>,
    noted: Vec<Noted>,
}

impl Run {
    pub(crate) fn begin() -> Run {
        Run {
            began: Instant::now(),
            answered: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }
}

impl Client {
    pub(crate) fn new(seed: u64, number: u64, keys: usize, members: Vec<SocketAddr>) -> Client {
        Client {
            number,
            rng: Rng::new(seed ^ (number + 1).wrapping_mul(0x5851_f42d_4c95_7f2d)),
            members,
            connection: None,
            sequence: 0,
            seen: vec![None; keys],
            noted: Vec::new(),
        }
    }

    /// Asks until the run is over.
    ///
    /// # Panics
    /// When an answer is none that a member gives.
    pub(crate) fn run(mut self, run: &Run) -> Vec<Noted> {
        while !run.over.load(Ordering::SeqCst) {
            let key = self.rng.below(self.seen.len() as u64) as usize;
            let action = self.draw(key);
            self.call(run, key, action);
        }
        self.noted
    }

    fn draw(&mut self, key: usize) -> Action {
        self.sequence += 1;
        let value = format!("c{}-{}", self.number, self.sequence);
        match self.rng.below(10) {
            0..=3 => Action::Read,
            4..=6 => Action::Set(value),
            7..=8 => {
                let wanted = self.seen[key].clone();
                Action::Swap(wanted.unwrap_or_else(|| "nobody's".to_owned()), value)
            }
            _ => Action::Delete,
        }
    }

    fn call(&mut self, run: &Run, key: usize, action: Action) {
        // Now and then elsewhere, also while all is well.
        if self.rng.chance(5) {
            self.connection = None;
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match Connection::open(self.rng.choose(&self.members)) {
                Ok(connection) => connection,
                // Nothing was sent. Some other member is there.
                Err(_) => return std::thread::yield_now(),
            },
        };
        let patience = self.rng.between(PATIENCE.0, PATIENCE.1);
        let began = run.now();
        let request = request(key, &action);
        let answer = connection
            .send(&request)
            .and_then(|()| connection.read_response(Duration::from_millis(patience)));
        let at = run.now();
        let index = answer.as_ref().ok().and_then(Response::etcd_index);
        let answer = match answer {
            Ok(response) => {
                self.connection = Some(connection);
                understood(&action, &response)
            }
            Err(_) => Answer::Unknown,
        };
        let (reply, wrote) = match answer {
            Answer::Found(found, wrote) => {
                run.answered.fetch_add(1, Ordering::SeqCst);
                self.seen[key] = match &action {
                    Action::Set(value) => Some(value.clone()),
                    Action::Swap(wanted, value) if found.as_ref() == Some(wanted) => {
                        Some(value.clone())
                    }
                    Action::Delete => None,
                    _ => found.clone(),
                };
                (Some(Reply { at, found }), wrote)
            }
            Answer::Refused => {
                self.connection = None;
                return;
            }
            Answer::Unknown => {
                self.connection = None;
                (None, None)
            }
        };
        let call = Call {
            action,
            began,
            reply,
        };
        self.noted.push(Noted {
            key,
            call,
            index,
            wrote,
        });
    }
}

fn request(key: usize, action: &Action) -> Request {
    let target = format!("/v2/keys/h/{key}");
    match action {
        Action::Read => Request::get(&target),
        Action::Set(value) => Request::put(&target, &format!("value={value}")),
        Action::Swap(wanted, value) => {
            Request::put(&target, &format!("value={value}&prevValue={wanted}"))
        }
        Action::Delete => Request::delete(&target),
    }
}

fn understood(action: &Action, response: &Response) -> Answer {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let value = |node: &str| body[node]["value"].as_str().map(str::to_owned);
    let wrote = body["node"]["modifiedIndex"].as_u64();
    match (response.status(), body["errorCode"].as_u64()) {
        (200, None) if *action == Action::Read => Answer::Found(value("node"), None),
        (200 | 201, None) => {
            if let Action::Swap(wanted, _) = action {
                let found = value("prevNode");
                assert_eq!(found.as_ref(), Some(wanted), "{}", response.dump());
            }
            Answer::Found(value("prevNode"), wrote)
        }
        (404, Some(100)) if !matches!(action, Action::Set(_)) => Answer::Found(None, None),
        (412, Some(101)) => {
            // [wanted != found]
            let cause = body["cause"].as_str().unwrap_or_default();
            let found = cause.trim_end_matches(']').split(" != ").nth(1);
            let found = found.unwrap_or_else(|| panic!("{}", response.dump()));
            Answer::Found(Some(found.to_owned()), None)
        }
        (500, Some(300)) => match body["cause"].as_str() {
            Some(
                "etcdserver: this member is still catching up" | "etcdserver: too many requests",
            ) => Answer::Refused,
            _ => Answer::Unknown,
        },
        _ => panic!("{action:?} was answered with\n{}", response.dump()),
    }
}
