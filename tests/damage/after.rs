//! What comes after the reading: writes over what was there, the stop, and the start that follows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::injection::Action;
use super::model::Model;
use super::reading::refusal;
use super::run::{Case, DAMAGED};
use super::start::{LIMIT, Started, ask, ask_on, ending, start};
use super::support::http::{Connection, Request};
use super::support::server::Server;
use super::table::short;
use super::verdict::{Fault, Outcome};
use super::words::trouble;

/// Keys that are written over, spread over the tree.
const OVERWRITES: usize = 40;

/// What the writes came to.
#[derive(Default)]
pub(crate) struct Written {
    /// Key and value of what was acknowledged.
    pub(crate) acked: BTreeMap<String, String>,
    /// Key and cause of what was refused.
    pub(crate) refused: Vec<(String, String)>,
}

impl Case<'_> {
    /// Writes over keys of the whole tree and makes new ones.
    pub(crate) fn write(&mut self, server: &mut Server, model: &Model, index: u64) -> Written {
        let tree = model.tree_at(index);
        let files: Vec<&String> = tree
            .iter()
            .filter(|(_, node)| node.get("value").is_some())
            .map(|(key, _)| key)
            .collect();
        let step = files.len().div_ceil(OVERWRITES).max(1);
        let over = files.iter().step_by(step).map(|key| (*key).clone());
        let keys = over.chain((0..8).map(|number| format!("/after/{number}")));
        let mut written = Written::default();
        let Ok(mut connection) = Connection::open(server.addr()) else {
            self.fault(Fault::Served, "no connection for a write".to_owned());
            return written;
        };
        for (number, key) in keys.enumerate() {
            let value = format!("after-{number}");
            let request = Request::put(&format!("/v2/keys{key}"), &format!("value={value}"));
            match ask_on(&mut connection, &request) {
                Ok(answer) if matches!(answer.status(), 200 | 201) => {
                    written.acked.insert(key, value);
                }
                Ok(answer) => match refusal(&answer.body) {
                    Some(cause) if answer.status() == 500 => written.refused.push((key, cause)),
                    _ => self.fault(Fault::Served, format!("PUT {key}: {}", answer.dump())),
                },
                Err(error) => {
                    self.fault(Fault::Served, format!("PUT {key}: {error}"));
                    break;
                }
            }
        }
        self.has(server, &written.acked, "right after it was written");
        if !written.refused.is_empty() {
            self.watch_ends(server);
        }
        self.ended_by_itself(server, "at a write");
        written
    }

    /// Where nothing is applied any more, who waits for an event is told so, and does not wait.
    fn watch_ends(&mut self, server: &Server) {
        let request = Request::get("/v2/keys/?wait=true&recursive=true");
        match ask(server.addr(), &request) {
            Ok(answer) => match refusal(&answer.body) {
                Some(cause) => self.check_causes(&[("a watch".to_owned(), cause)]),
                None => self.fault(Fault::Served, format!("a watch: {}", answer.dump())),
            },
            Err(error) => self.fault(Fault::Served, format!("a watch: {error}")),
        }
    }

    /// Whether every acknowledged value is served, or refused with the file.
    fn has(&mut self, server: &Server, acked: &BTreeMap<String, String>, when: &str) {
        let Ok(mut connection) = Connection::open(server.addr()) else {
            return;
        };
        for (key, value) in acked {
            let Ok(answer) = ask_on(&mut connection, &Request::get(&format!("/v2/keys{key}")))
            else {
                self.fault(Fault::Served, format!("GET {key}: no answer {when}"));
                return;
            };
            if let Some(cause) = refusal(&answer.body) {
                self.check_causes(&[(key.clone(), cause)]);
                continue;
            }
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if body["node"]["value"].as_str() != Some(value) {
                self.fault(
                    Fault::Lost,
                    format!("{key} is not {value} {when}: {}", answer.text()),
                );
            }
        }
    }

    /// Ends the server, by SIGKILL or by SIGTERM.
    pub(crate) fn stop(&mut self, server: &mut Server, kill: bool, outcome: &Outcome) {
        if server.pid().is_none() {
            return;
        }
        if kill {
            server.kill();
            return;
        }
        server.signal_term();
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = server.poll_exit() {
                let right = status.code() == Some(0)
                    || (self.may_be_met(outcome) && status.code() == Some(DAMAGED));
                if !right {
                    self.fault(Fault::Died, format!("{} after SIGTERM", ending(status)));
                }
                return;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self.fault(Fault::Hung, "no end within 10 s of SIGTERM".to_owned());
        server.kill();
    }

    /// Whether what was served may still run into the damage: it did already, or it lies in a block that nobody read.
    fn may_be_met(&self, outcome: &Outcome) -> bool {
        let latent = matches!(self.injection.action, Action::Bit(..));
        *outcome == Outcome::Damaged || (latent && self.injection.class == "table")
    }

    /// The start after: what was acknowledged now is there, or it is refused as damage because the first was.
    pub(crate) fn once_more(&mut self, acked: &BTreeMap<String, String>, outcome: &Outcome) {
        match start(&self.made.launch, self.home.path()) {
            Started::Hung(_) => self.fault(Fault::Hung, "the next start".to_owned()),
            Started::Ended(status, log) => {
                let said = trouble(&log);
                let refused = self.may_be_met(outcome)
                    && status.code() == Some(DAMAGED)
                    && self.injection.named_in(&said);
                if !refused {
                    let what = format!("the next start: {}: {}", ending(status), short(&said, 400));
                    self.fault(Fault::Died, what);
                }
            }
            Started::Served(server) => self.has(&server, acked, "after the next start"),
        }
    }
}
