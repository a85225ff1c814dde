//! Forms that are begun and never ended.

use std::sync::Mutex;
use std::thread;

use super::ground::Ground;
use super::memory::{OUTGROWN, Part, ROOM, UPLOADS, each};
use super::plan::Plan;
use super::scenario::Scenario;
use super::support::http::Connection;

/// What is announced, and what of it is sent.
const ANNOUNCED: usize = 10 << 20;
const SENT: usize = 9 << 20;

const SENDERS: usize = 8;

pub(crate) struct UnfinishedUploads {
    count: usize,
}

impl UnfinishedUploads {
    pub(crate) fn new(plan: &Plan) -> UnfinishedUploads {
        UnfinishedUploads {
            count: plan.size(40, 150),
        }
    }
}

impl Scenario for UnfinishedUploads {
    fn name(&self) -> &'static str {
        "unfinished_uploads"
    }

    fn size(&self) -> String {
        format!("{} forms of 10 MiB that stop at 9", self.count)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let head = format!(
            "PUT /v2/keys/load HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {ANNOUNCED}\r\n\r\nvalue=1&x=",
            ground.addr()
        );
        let bytes = [head.into_bytes(), vec![b'y'; SENT]].concat();
        let unfinished: Mutex<Vec<Connection>> = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let send = |share: usize| -> Result<(), String> {
                for _ in 0..share {
                    let mut connection = ground.connect()?;
                    // One that is refused cannot send all of it.
                    let _ = connection.send_raw(&bytes, "PUT");
                    unfinished.lock().expect("no panic").push(connection);
                }
                Ok(())
            };
            let shares = (0..SENDERS).map(|sender| (self.count + sender) / SENDERS);
            let senders: Vec<_> = shares
                .map(|share| scope.spawn(move || send(share)))
                .collect();
            senders
                .into_iter()
                .try_for_each(|sender| sender.join().expect("a sender does not panic"))
        })?;
        ground.hold();
        Ok(())
    }

    /// A body is read into blocks of the connection's buffer, 128 KiB, and its first 64 KiB are free.
    fn takes(&self) -> Vec<Part> {
        vec![
            UPLOADS,
            OUTGROWN,
            each(self.count, 192 << 10, "buffers"),
            ROOM,
        ]
    }

    fn keeps(&self) -> Vec<Part> {
        vec![ROOM]
    }
}
