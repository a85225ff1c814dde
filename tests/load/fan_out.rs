//! Many watchers of one key, and one event.

use std::time::Instant;

use super::ground::{Ground, status};
use super::memory::{EVENTS, Part, ROOM, each};
use super::plan::Plan;
use super::process;
use super::scenario::Scenario;
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};
use super::support::server::Launch;

const KEY: &str = "/v2/keys/load/watched";

pub(crate) struct FanOut {
    watchers: usize,
}

impl FanOut {
    pub(crate) fn new(plan: &Plan) -> FanOut {
        let wanted = plan.size(1_000, 10_000);
        FanOut {
            watchers: wanted.min(process::connections_left()),
        }
    }
}

impl Scenario for FanOut {
    fn name(&self) -> &'static str {
        "fan_out"
    }

    fn size(&self) -> String {
        format!("{} watchers, one event", self.watchers)
    }

    /// The default of 10,000 connections would leave none for the others.
    fn ours(&self, launch: Launch) -> Launch {
        launch.arg(format!("--max-connections={}", self.watchers + 500))
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let watch = Request::get(&format!("{KEY}?wait=true"));
        let mut watchers: Vec<Connection> = (0..self.watchers)
            .map(|_| ground.sent(&watch))
            .collect::<Result<_, _>>()?;
        ground.expect_watchers(self.watchers as u64, "with all watchers there");
        let begun = Instant::now();
        let put = ground.connect()?.exchange(&Request::put(KEY, "value=now"));
        let put = status(put);
        ground
            .findings
            .expect(put == Ok(201), || format!("the one write got {put:?}"));
        let mut without = 0;
        for watcher in &mut watchers {
            let event = watcher.read_response(EXCHANGE_TIMEOUT);
            without +=
                usize::from(!event.is_ok_and(|event| event.text().contains("\"value\":\"now\"")));
        }
        let took = begun.elapsed();
        ground.findings.expect(without == 0, || {
            format!("{without} of {} watchers have no event", self.watchers)
        });
        ground
            .findings
            .remark(format!("all watchers had the event after {took:.1?}"));
        ground.hold();
        Ok(())
    }

    /// A watcher is a connection, a task, a place in the hub, and an answer of some 300 bytes.
    fn takes(&self) -> Vec<Part> {
        vec![each(self.watchers, 40 << 10, "watchers"), EVENTS, ROOM]
    }

    fn keeps(&self) -> Vec<Part> {
        vec![ROOM]
    }
}
