//! Clients that ask for a large listing and read it slowly, while another one lists as well.

use std::io::Read;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::bulk;
use super::ground::{Ground, put_quietly, value};
use super::memory::{CACHE, Part, ROOM, each};
use super::plan::Plan;
use super::scenario::Scenario;
use super::support::http::Request;

const SLOW: usize = 64;

/// Bytes of a value: with enough of them a listing is longer than what the kernel takes from the server.
const VALUE_BYTES: usize = 16 << 10;

/// What a slow client takes at a time.
const SIP_BYTES: usize = 2_048;

pub(crate) struct SlowListings {
    keys: usize,
    listings: usize,
}

impl SlowListings {
    pub(crate) fn new(plan: &Plan) -> SlowListings {
        SlowListings {
            keys: plan.size(900, 1_800),
            listings: plan.size(4, 40),
        }
    }
}

impl Scenario for SlowListings {
    fn name(&self) -> &'static str {
        "slow_listings"
    }

    fn size(&self) -> String {
        format!(
            "{SLOW} slow readers of {} MB, {} listings by another",
            self.keys * VALUE_BYTES / 1_000_000,
            self.listings
        )
    }

    fn prepare(&self, ground: &Ground<'_>) -> Result<(), String> {
        let value = value(&mut ground.rng(), VALUE_BYTES);
        let put = |number: usize| put_quietly(&format!("/load/{number:05}"), &value);
        bulk::send(ground.addr(), 8, self.keys, put, bulk::succeeded)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let list = Request::get("/v2/keys/load");
        let request = list.to_bytes(ground.addr());
        let mut slow = Vec::with_capacity(SLOW);
        for _ in 0..SLOW {
            slow.push(ask_slowly(ground, &request)?);
        }
        let done = AtomicBool::new(false);
        let (complete, read) = thread::scope(|scope| {
            let reader = scope.spawn(|| read_slowly(&mut slow, &done));
            let complete = self.list(ground, &list);
            ground.hold();
            done.store(true, Ordering::Relaxed);
            (complete, reader.join().expect("the reader does not panic"))
        });
        ground.findings.expect(complete == self.listings, || {
            format!(
                "{complete} of {} listings of another client while {SLOW} slow ones were read",
                self.listings
            )
        });
        ground.findings.remark(format!(
            "{complete} of {} listings of another client were complete, {read} of {SLOW} slow ones had begun",
            self.listings
        ));
        Ok(())
    }

    /// Each of the 64 listings that stream at a time has a thread that may block.
    fn threads(&self) -> u64 {
        64 + 8
    }

    /// A listing that streams has four chunks of 128 KiB ahead, one that is filled and one that is sent; each may be longer
    /// by a node.
    fn takes(&self) -> Vec<Part> {
        let chunk = (128 << 10) + 2 * VALUE_BYTES as u64;
        vec![each(SLOW + 1, 6 * chunk, "listings"), CACHE, ROOM]
    }
}

impl SlowListings {
    /// How many listings of another client were complete.
    fn list(&self, ground: &Ground<'_>, list: &Request) -> usize {
        let bytes = self.keys * VALUE_BYTES;
        let complete = |_: &usize| {
            let answer = ground.connect().map(|mut client| client.exchange(list));
            matches!(answer, Ok(Ok(answer)) if answer.status() == 200 && answer.body.len() > bytes)
        };
        (0..self.listings).filter(complete).count()
    }
}

/// With small buffers, so that what is not read stays with the server.
fn ask_slowly(ground: &Ground<'_>, request: &[u8]) -> Result<TcpStream, String> {
    let ask = || {
        let mut stream = TcpStream::connect(ground.addr())?;
        set_socket_recv_buffer_size(&stream, SIP_BYTES)?;
        std::io::Write::write_all(&mut stream, request)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    ask().map_err(|error: std::io::Error| format!("a slow client cannot ask: {error}"))
}

/// Takes a little of each, again and again. How many got anything.
fn read_slowly(slow: &mut [TcpStream], done: &AtomicBool) -> usize {
    let mut begun = vec![false; slow.len()];
    let mut sip = [0; SIP_BYTES];
    while !done.load(Ordering::Relaxed) {
        for (stream, begun) in slow.iter_mut().zip(&mut begun) {
            *begun |= matches!(stream.read(&mut sip), Ok(1..));
        }
        thread::sleep(Duration::from_millis(50));
    }
    begun.into_iter().filter(|begun| *begun).count()
}
