//! A writer of many kinds of requests, which remembers every answer.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::model::{self, Ack, Tree};
use super::support::http::{Connection, Request};
use super::support::seed::Rng;

/// The acknowledged writes of all writers.
pub(crate) type Acks = Arc<Mutex<Vec<Ack>>>;

/// One connection and the keys below `/NAME`, which nobody else writes.
pub(crate) struct Writer {
    rng: Rng,
    connection: Connection,
    name: String,
    label: String,
    count: u64,
    tree: Tree,
    acks: Acks,
}

impl Writer {
    /// A writer below `/name`; every value holds `label`, so that two lives never write the same one.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn new(
        addr: SocketAddr,
        rng: Rng,
        name: &str,
        label: &str,
        acks: Acks,
    ) -> io::Result<Writer> {
        Ok(Writer {
            rng,
            connection: Connection::open(addr)?,
            name: name.to_owned(),
            label: label.to_owned(),
            count: 0,
            tree: Tree::new(),
            acks,
        })
    }

    /// Continues on another server, or after a restart; the keys are those that were there.
    pub(crate) fn go_on(&self, addr: SocketAddr, label: &str, acks: Acks) -> io::Result<Writer> {
        let mut next = Writer::new(addr, self.rng.clone(), &self.name, label, acks)?;
        next.tree = self.tree.clone();
        next.count = self.count;
        Ok(next)
    }

    /// Other requests from here on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.rng = Rng::new(seed);
    }

    /// Makes `count` writes.
    ///
    /// # Panics
    /// When one is refused: the writer knows its keys.
    pub(crate) fn write(&mut self, count: usize) {
        for _ in 0..count {
            self.step().expect("a running server answers");
        }
    }

    /// Makes one write.
    ///
    /// # Errors
    /// When the server went away.
    pub(crate) fn step(&mut self) -> io::Result<()> {
        let request = self.draw();
        self.send(&request)
    }

    /// Sets a key that expires after a second.
    ///
    /// # Errors
    /// When the server went away.
    pub(crate) fn expiring(&mut self) -> io::Result<()> {
        self.count += 1;
        let target = format!("/v2/keys/{}-gone/{}", self.name, self.count);
        self.send(&Request::put(&target, "value=short&ttl=1"))
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        let answer = self.connection.exchange(request)?;
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        let event = model::event(&answer.body).expect("a write is answered by an event");
        model::apply(&mut self.tree, &event);
        self.acks.lock().expect("no writer panicked").push(Ack {
            index: model::index(&event).unwrap_or(0),
            entry: answer
                .head
                .number("X-Raft-Index")
                .expect("a write tells its entry"),
            at: Instant::now(),
            event,
        });
        Ok(())
    }

    fn draw(&mut self) -> Request {
        self.count += 1;
        let base = format!("/v2/keys/{}", self.name);
        let form = self.form();
        let number = self.count;
        match self.rng.weighted(&[30, 30, 8, 10, 8, 8, 3, 3]) {
            1 => self.on_a_file(|key| Request::put(&target(key), &form)),
            2 => self.on_a_file(|key| Request::delete(&target(key))),
            3 => Some(Request::post(&format!("{base}/queue"), &form)),
            4 => self
                .on_a_file(|key| Request::put(&format!("{}?prevExist=true", target(key)), &form)),
            5 => Some(Request::put(
                &format!("{base}/kept/{number}?prevExist=false"),
                &format!("{form}&ttl={}", 3_000 + number),
            )),
            6 => Some(Request::put(&format!("{base}/empty{number}"), "dir=true")),
            7 => self.on_a_directory(),
            _ => None,
        }
        .unwrap_or_else(|| {
            let shelf = self.rng.below(9);
            Request::put(&format!("{base}/shelf{shelf}/{number}"), &form)
        })
    }

    fn on_a_file(&mut self, request: impl FnOnce(&str) -> Request) -> Option<Request> {
        let files: Vec<&String> = self
            .tree
            .iter()
            .filter(|(key, node)| node.get("value").is_some() && !key.contains("-gone/"))
            .map(|(key, _)| key)
            .collect();
        (!files.is_empty()).then(|| request(self.rng.pick::<&String>(&files)))
    }

    fn on_a_directory(&mut self) -> Option<Request> {
        let shelf = format!("/{}/shelf{}", self.name, self.rng.below(9));
        self.tree
            .contains_key(&shelf)
            .then(|| Request::delete(&format!("{}?recursive=true", target(&shelf))))
    }

    /// `value=…`, mostly short; what follows the label does not compress.
    fn form(&mut self) -> String {
        let length = match self.rng.weighted(&[60, 30, 10]) {
            0 => self.rng.between(1, 120),
            1 => self.rng.between(500, 3_000),
            _ => self.rng.between(6_000, 16_000),
        };
        let bytes = self.rng.bytes(length as usize);
        let letters: String = bytes
            .iter()
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        format!("value={}-{}-{letters}", self.label, self.count)
    }
}

fn target(key: &str) -> String {
    format!("/v2/keys{key}")
}
