//! The thread that reads entries for followers that are behind: it is there from the first that was, and waits for the disk
//! in the place of the consensus thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use wal::fs::Fs;

use crate::node::intake::Intake;
use crate::raft::Fetch;

/// Orders that wait; there is one at a time for each follower.
const WAITING_MAX: usize = 64;

/// See the module. Ends with this.
pub(super) struct Fetcher<F: Fs> {
    reader: wal::Reader<F>,
    intake: Arc<Intake>,
    // Held for a message.
    orders: Mutex<Option<SyncSender<Fetch>>>,
}

impl<F: Fs> Fetcher<F> {
    pub(super) fn new(reader: wal::Reader<F>, intake: Arc<Intake>) -> Self {
        Self {
            reader,
            intake,
            orders: Mutex::default(),
        }
    }

    /// Reads these, one after the other. There are no more under way than there are followers.
    pub(super) fn fetch(&self, fetches: Vec<Fetch>) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for fetch in fetches {
            let sent = match &*orders {
                Some(orders) => orders.try_send(fetch).is_ok(),
                None => false,
            };
            if !sent {
                *orders = self.start(fetch);
            }
        }
    }

    fn start(&self, first: Fetch) -> Option<SyncSender<Fetch>> {
        let (orders, ordered) = sync_channel(WAITING_MAX);
        let (reader, intake) = (self.reader.clone(), self.intake.clone());
        let body = move || run(first, &ordered, &reader, &intake);
        match thread::Builder::new().name("fetch".to_owned()).spawn(body) {
            Ok(_) => Some(orders),
            Err(error) => {
                tracing::warn!("no thread can be started that reads for followers: {error}");
                self.intake.fetched(first.read(&self.reader));
                None
            }
        }
    }
}

fn run<F: Fs>(first: Fetch, orders: &Receiver<Fetch>, reader: &wal::Reader<F>, intake: &Intake) {
    intake.fetched(first.read(reader));
    for fetch in orders {
        intake.fetched(fetch.read(reader));
    }
}
