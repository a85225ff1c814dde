//! Everything a server serves, read once: the whole tree, each key by itself, all of history. Each answer is right, or
//! a refusal that says why, or a fault.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use super::model::{self, Model, Tree};
use super::start::{LIMIT, ask_on};
use super::support::http::{Connection, Framing, Request, Response};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The highest `X-Etcd-Index` of any answer.
    pub(crate) index: u64,
    /// The whole tree, when the listing was served.
    pub(crate) tree: Option<Tree>,
    /// Single keys: the node, or none where there is none.
    pub(crate) keys: BTreeMap<String, Option<Value>>,
    /// The events that were delivered, by index.
    pub(crate) history: Vec<Value>,
    /// Whether all of history was delivered.
    pub(crate) history_whole: bool,
    /// What was refused, and the cause given (500 with error code 300).
    pub(crate) refused: Vec<(String, String)>,
    /// The listing was cut off after it had begun: the only way left to refuse the rest.
    pub(crate) cut: bool,
    /// What was neither served nor refused properly.
    pub(crate) faults: Vec<String>,
}

enum Got {
    Value(Value),
    Missing,
    Refused(String),
    Cut,
    Fault(String),
}

/// Reads everything that `model` may hold; history up to the index served.
pub(crate) fn read(addr: SocketAddr, model: &Model) -> Reading {
    let mut reading = Reading::default();
    reading.list(addr);
    reading.each_key(addr, model);
    reading.all_history(addr, model);
    reading
}

impl Reading {
    fn list(&mut self, addr: SocketAddr) {
        let target = "/v2/keys/?recursive=true&quorum=true";
        match self.get(addr, None, target) {
            Got::Value(value) => {
                self.tree = model::listing(value.to_string().as_bytes());
                if self.tree.is_none() {
                    self.faults.push("the listing is none".to_owned());
                }
            }
            Got::Cut => self.cut = true,
            other => self.keep("the listing", other),
        }
    }

    /// Every key that ever was, so that what was deleted must be gone.
    fn each_key(&mut self, addr: SocketAddr, model: &Model) {
        let keys = model
            .events
            .values()
            .filter_map(|event| event["node"]["key"].as_str());
        let mut keys: Vec<&str> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        let Ok(mut connection) = Connection::open(addr) else {
            self.faults.push("no connection is accepted".to_owned());
            return;
        };
        for key in keys {
            let target = format!("/v2/keys{key}");
            let got = self.get(addr, Some(&mut connection), &target);
            let node = match got {
                Got::Value(mut value) => {
                    let mut node = value["node"].take();
                    model::plain(&mut node);
                    Some(node)
                }
                Got::Missing => None,
                other => {
                    let ended = matches!(&other, Got::Fault(_) | Got::Cut);
                    self.keep(key, other);
                    if ended {
                        return; // One dead process is one fault.
                    }
                    continue;
                }
            };
            self.keys.insert(key.to_owned(), node);
        }
    }

    fn keep(&mut self, what: &str, got: Got) {
        match got {
            Got::Refused(cause) => self.refused.push((what.to_owned(), cause)),
            Got::Fault(fault) => self.faults.push(format!("{what}: {fault}")),
            Got::Missing => self.faults.push(format!("{what}: 404")),
            Got::Cut => self.faults.push(format!("{what}: cut off in the middle")),
            Got::Value(_) => {}
        }
    }

    fn get(&mut self, addr: SocketAddr, on: Option<&mut Connection>, target: &str) -> Got {
        let request = Request::get(target);
        let answer = match on {
            Some(connection) => ask_on(connection, &request),
            None => super::start::ask(addr, &request),
        };
        match answer {
            Ok(answer) => {
                self.index = self.index.max(answer.etcd_index().unwrap_or(0));
                understood(&answer)
            }
            Err(error) if error.to_string().contains("closed inside a chunk") => Got::Cut,
            Err(error) => Got::Fault(error.to_string()),
        }
    }

    /// One stream from the first event on. It ends with the last one expected, or with a reason.
    fn all_history(&mut self, addr: SocketAddr, model: &Model) {
        let wanted = model.events.range(..=self.index).next_back();
        let Some((&last, _)) = wanted else {
            self.history_whole = true;
            return;
        };
        if let Err(error) = self.stream(addr, last) {
            let seen = self.history.last().and_then(model::index).unwrap_or(0);
            let fault = format!("the watch ended after {seen} of {last}: {error}");
            self.faults.push(fault);
        }
    }

    fn stream(&mut self, addr: SocketAddr, last: u64) -> io::Result<()> {
        let mut connection = Connection::open(addr)?;
        let target = "/v2/keys/?wait=true&recursive=true&stream=true&waitIndex=1";
        connection.send(&Request::get(target))?;
        let head = connection.read_head(LIMIT)?;
        if head.status != 200 || head.framing != Framing::Chunked {
            let answer = connection.read_body(&head, LIMIT)?;
            self.keep("history", understood(&answer));
            return Ok(());
        }
        loop {
            let Some(chunk) = connection.read_chunk(LIMIT)? else {
                return Err(io::Error::other("an end without a word"));
            };
            if let Some(cause) = refusal(&chunk) {
                self.refused.push(("history".to_owned(), cause));
                return Ok(());
            }
            let Some(event) = model::event(&chunk) else {
                let text = String::from_utf8_lossy(&chunk).into_owned();
                return Err(io::Error::other(format!("no event: {text}")));
            };
            let index = model::index(&event).unwrap_or(0);
            self.history.push(event);
            if index >= last {
                self.history_whole = true;
                return Ok(());
            }
        }
    }
}

fn understood(answer: &Response) -> Got {
    match answer.status() {
        200 => match serde_json::from_slice(&answer.body) {
            Ok(value) => Got::Value(value),
            Err(error) => Got::Fault(format!("200 and {error}")),
        },
        404 if answer.text().contains("\"errorCode\":100") => Got::Missing,
        500 => match refusal(&answer.body) {
            Some(cause) => Got::Refused(cause),
            None => Got::Fault(answer.dump()),
        },
        _ => Got::Fault(answer.dump()),
    }
}

/// The cause in a body with error code 300.
pub(crate) fn refusal(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let ours = value["errorCode"].as_u64() == Some(300);
    ours.then(|| value["cause"].as_str().unwrap_or("").to_owned())
}

/// Where what was read is not what `model` has at the index served.
pub(crate) fn mistakes(reading: &Reading, model: &Model) -> Vec<String> {
    let ended = ended_by_themselves(reading, model);
    let index = reading.index - ended.len() as u64;
    let mut tree = model.tree_at(index);
    for event in ended {
        tree.remove(event["node"]["key"].as_str().unwrap_or_default());
    }
    let mut out = Vec::new();
    if let Some(served) = &reading.tree {
        compare(&tree, served, &mut out);
    }
    for (key, node) in &reading.keys {
        if node.as_ref() != tree.get(key) && reading.tree.is_none() {
            out.push(format!("{key} is {node:?}, not {:?}", tree.get(key)));
        }
    }
    let expected: Vec<&Value> = model
        .events
        .range(..=index)
        .map(|(_, event)| event)
        .collect();
    let history = &reading.history[..reading.history.len() - ended.len()];
    let served = history.iter();
    if let Some((have, want)) = served.zip(&expected).find(|(have, want)| have != *want) {
        out.push(format!("history has {have} where {want} was"));
    }
    if reading.history_whole && history.len() != expected.len() {
        let (have, want) = (history.len(), expected.len());
        out.push(format!("history has {have} events, not {want}"));
    }
    out
}

/// The last events, where they end keys whose time is over and whose end, as the writer saw it, is lost.
fn ended_by_themselves<'a>(reading: &'a Reading, model: &Model) -> &'a [Value] {
    let own = |event: &&Value| {
        let key = event["node"]["key"].as_str().unwrap_or_default();
        let seen = model::index(event).and_then(|index| model.events.get(&index));
        event["action"] == "expire" && key.contains("-gone/") && seen != Some(*event)
    };
    let count = reading.history.iter().rev().take_while(own).count();
    &reading.history[reading.history.len() - count..]
}

fn compare(want: &Tree, have: &Tree, out: &mut Vec<String>) {
    let new = have
        .iter()
        .filter(|(key, node)| want.get(*key) != Some(node));
    let gone = want.keys().filter(|key| !have.contains_key(*key));
    let (new, gone): (Vec<_>, Vec<_>) = (new.collect(), gone.collect());
    if !new.is_empty() || !gone.is_empty() {
        let first: Vec<_> = new
            .iter()
            .take(2)
            .map(|(_, node)| node.to_string())
            .collect();
        let missing: Vec<_> = gone.iter().take(2).collect();
        out.push(format!(
            "{} nodes are not the model's ({}), {} are missing ({missing:?})",
            new.len(),
            super::table::short(&first.join(", "), 300),
            gone.len()
        ));
    }
}
