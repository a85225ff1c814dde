//! Keys with large values that are due together.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::bulk;
use super::ground::{Ground, put_quietly, value};
use super::memory::{EXPIRY, MEMTABLES, Part, ROOM, SMALL_CACHE, SMALL_CACHE_SIZE};
use super::plan::Plan;
use super::scenario::Scenario;
use super::support::http::Request;
use super::support::running;
use super::support::server::Launch;

const VALUE_BYTES: usize = 1_400_000;

/// Seconds.
const TTL: u64 = 2;

pub(crate) struct Expiry {
    keys: usize,
}

impl Expiry {
    pub(crate) fn new(plan: &Plan) -> Expiry {
        Expiry {
            keys: plan.size(140, 500),
        }
    }
}

impl Scenario for Expiry {
    fn name(&self) -> &'static str {
        "expiry"
    }

    fn size(&self) -> String {
        format!("{} keys of 1.4 MB", self.keys)
    }

    fn ours(&self, launch: Launch) -> Launch {
        launch.arg(SMALL_CACHE_SIZE)
    }

    fn restarts(&self) -> bool {
        true
    }

    fn prepare(&self, ground: &Ground<'_>) -> Result<(), String> {
        let value = value(&mut ground.rng(), VALUE_BYTES);
        let put = |number: usize| {
            let mut put = put_quietly(&format!("/load/{number}"), &value);
            put.body.extend_from_slice(b"&ttl=86400");
            put
        };
        bulk::send(ground.addr(), 4, self.keys, put, bulk::succeeded)
    }

    /// Their times are set anew in one go, and the process is stopped over the moment: so all are due when it goes on.
    fn arm(&self, ground: &Ground<'_>) -> Result<(), String> {
        let refresh = |number: usize| {
            let form = format!("refresh=true&prevExist=true&ttl={TTL}");
            let target = format!("/v2/keys/load/{number}?noValueOnSuccess=true");
            Request::put(&target, &form)
        };
        bulk::send(ground.addr(), 4, self.keys, refresh, bulk::succeeded)?;
        running::send(ground.pid(), Signal::STOP);
        thread::sleep(Duration::from_secs(TTL + 1));
        running::send(ground.pid(), Signal::CONT);
        Ok(())
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let mut reader = ground.connect()?;
        let mut last = String::new();
        let gone = ground.until(|| {
            // Without values: each key would be asked for by itself.
            let first = Request::get(&format!("/v2/keys/load/{}", self.keys - 1));
            let any = Request::get("/v2/keys/load/0");
            let answers = [first, any].map(|request| reader.exchange(&request));
            last = format!(
                "{:?}",
                answers.each_ref().map(|a| a.as_ref().map(|a| a.status()))
            );
            answers
                .iter()
                .all(|answer| answer.as_ref().is_ok_and(|answer| answer.status() == 404))
        });
        ground
            .findings
            .expect(gone, || format!("not all keys lapsed: {last}"));
        ground.hold();
        let listing = reader.exchange(&Request::get("/v2/keys/load"));
        let listing = listing.map_err(|error| format!("no listing: {error}"))?;
        ground
            .findings
            .expect(!listing.text().contains("/load/"), || listing.dump());
        Ok(())
    }

    /// Nobody watches, so no event waits.
    fn takes(&self) -> Vec<Part> {
        vec![SMALL_CACHE, MEMTABLES, EXPIRY, ROOM]
    }

    fn keeps(&self) -> Vec<Part> {
        vec![SMALL_CACHE, MEMTABLES, ROOM]
    }
}
