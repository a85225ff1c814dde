//! Recursive stream watches whose clients read nothing while large values are written.

use super::ground::{Ground, put_quietly, status, value};
use super::memory::{CACHE, EVENTS, MEMTABLES, Part, ROOM, each, writes};
use super::plan::Plan;
use super::scenario::Scenario;
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};

const VALUE_BYTES: usize = 1_400_000;

pub(crate) struct SlowStreams {
    streams: usize,
    values: usize,
}

impl SlowStreams {
    pub(crate) fn new(plan: &Plan) -> SlowStreams {
        SlowStreams {
            streams: plan.size(12, 100),
            values: plan.size(140, 400),
        }
    }
}

impl Scenario for SlowStreams {
    fn name(&self) -> &'static str {
        "slow_streams"
    }

    fn size(&self) -> String {
        format!("{} streams, {} values of 1.4 MB", self.streams, self.values)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let watch = Request::get("/v2/keys/load?wait=true&stream=true&recursive=true");
        let mut streams: Vec<Connection> = (0..self.streams)
            .map(|_| ground.sent(&watch))
            .collect::<Result<_, _>>()?;
        ground.expect_watchers(self.streams as u64, "with all streams open");
        let value = value(&mut ground.rng(), VALUE_BYTES);
        let mut writer = ground.connect()?;
        for number in 0..self.values {
            let put = put_quietly(&format!("/load/{}", number % 8), &value);
            let answer = status(writer.exchange(&put));
            if !matches!(answer, Ok(200 | 201)) {
                return Err(format!("write {number} got {answer:?}"));
            }
        }
        ground.hold();
        // Whoever reads at last gets every event from the first on.
        if ground.is_ours() {
            let first = streams.first_mut().ok_or("there is a stream")?;
            let read = first
                .read_head(EXCHANGE_TIMEOUT)
                .and_then(|_| first.read_chunk(EXCHANGE_TIMEOUT));
            let begins = "{\"action\":\"set\",\"node\":{\"key\":\"/load/0\"";
            let right = matches!(&read, Ok(Some(event)) if event.starts_with(begins.as_bytes()));
            ground.findings.expect(right, || {
                let read = read.map(|event| event.map(|event| event.len()));
                format!("a slow stream begins with {read:?} bytes")
            });
        }
        Ok(())
    }

    /// The streams' own part is what the connection's library holds of one event.
    fn takes(&self) -> Vec<Part> {
        vec![
            EVENTS,
            CACHE,
            MEMTABLES,
            writes(1, VALUE_BYTES),
            each(self.streams, 256 << 10, "connections"),
            ROOM,
        ]
    }
}
