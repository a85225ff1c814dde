//! The other clients: they read and write small keys of their own, wait a moment, and go on, whatever else happens.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::latency::Latencies;
use super::support::http::{Connection, Request};

/// Clients of each kind. The server deals connections out in turn, so each of its threads on a small machine has some.
const CLIENTS: usize = 2;

/// The key that is read: whoever starts them has written it.
pub(crate) const READ: &str = "/others/read";

/// Between two requests of one client: a load of their own is not what they are.
const PAUSE: Duration = Duration::from_millis(3);

/// After so many failures a client gives up: the server is gone.
const FAILURES_MOST: u64 = 200;

/// Failures that are told in words.
const TOLD: usize = 3;

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    reasons: Mutex<Vec<String>>,
}

/// Dropping them ends them, without waiting.
pub(crate) struct Others {
    shared: Arc<Shared>,
    puts: Vec<JoinHandle<Latencies>>,
    gets: Vec<JoinHandle<Latencies>>,
}

/// What they met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met {
    pub(crate) puts: Latencies,
    pub(crate) gets: Latencies,
    pub(crate) failed: u64,
    /// The first failures.
    pub(crate) reasons: Vec<String>,
}

impl Others {
    pub(crate) fn start(addr: SocketAddr) -> Others {
        let shared = Arc::new(Shared::default());
        let client = |request: Request| {
            let shared = Arc::clone(&shared);
            // Before the load is: a load may take every connection that is left.
            let connection = Connection::open(addr).ok();
            thread::spawn(move || shared.run(addr, connection, &request))
        };
        let key = |number: usize| format!("/v2/keys/others/{number}");
        let put = |number| client(Request::put(&key(number), "value=a+small+one"));
        let get = |_| client(Request::get(&format!("/v2/keys{READ}")));
        Others {
            puts: (0..CLIENTS).map(put).collect(),
            gets: (0..CLIENTS).map(get).collect(),
            shared,
        }
    }

    /// Waits until they have had so many more answers; false when they do not get them within `patience`.
    pub(crate) fn wait_for(&self, more: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let wanted = self.shared.answered.load(Ordering::Relaxed) + more;
        while self.shared.answered.load(Ordering::Relaxed) < wanted {
            if Instant::now() > deadline || self.given_up() {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }

    fn given_up(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed) >= FAILURES_MOST
    }

    pub(crate) fn stop(mut self) -> Met {
        self.shared.stop.store(true, Ordering::Relaxed);
        let all = |clients: Vec<JoinHandle<Latencies>>| {
            let mut all = Latencies::default();
            for client in clients {
                all.extend(client.join().expect("a client does not panic"));
            }
            all
        };
        Met {
            puts: all(std::mem::take(&mut self.puts)),
            gets: all(std::mem::take(&mut self.gets)),
            failed: self.shared.failed.load(Ordering::Relaxed),
            reasons: std::mem::take(&mut self.shared.reasons.lock().expect("no client panicked")),
        }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn run(
        &self,
        addr: SocketAddr,
        mut connection: Option<Connection>,
        request: &Request,
    ) -> Latencies {
        let mut took = Latencies::default();
        while !self.stop.load(Ordering::Relaxed)
            && self.failed.load(Ordering::Relaxed) < FAILURES_MOST
        {
            let begun = Instant::now();
            match exchange(&mut connection, addr, request) {
                Ok(()) => {
                    took.add(begun.elapsed());
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(reason) => {
                    connection = None;
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    let mut reasons = self.reasons.lock().expect("no client panicked");
                    if reasons.len() < TOLD {
                        let after = begun.elapsed();
                        reasons.push(format!("{} after {after:.1?}: {reason}", request.method));
                    }
                }
            }
            thread::sleep(PAUSE);
        }
        took
    }
}

fn exchange(
    connection: &mut Option<Connection>,
    addr: SocketAddr,
    request: &Request,
) -> Result<(), String> {
    let open = match connection {
        Some(open) => open,
        none => none.insert(Connection::open(addr).map_err(|error| error.to_string())?),
    };
    let answer = open.exchange(request).map_err(|error| error.to_string())?;
    if matches!(answer.status(), 200 | 201) {
        return Ok(());
    }
    Err(answer.dump().chars().take(300).collect())
}
