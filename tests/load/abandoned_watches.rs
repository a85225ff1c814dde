//! Watches from the past, on a key that is rarely changed, whose clients go at once: each would have a long history to
//! search.

use super::bulk;
use super::ground::Ground;
use super::memory::{EVENTS, Part, ROOM};
use super::plan::Plan;
use super::process;
use super::scenario::Scenario;
use super::support::http::{Request, Response};
use super::support::json::Raw;

const RARE: &str = "/v2/keys/load/rare/key";

/// Watches in the comparison of costs.
const COMPARED: usize = 1_000;

/// How many times as much a watch may cost that has all of history to search, which concerns it nowhere. One that looks at
/// each event costs hundreds of times as much.
const TIMES: u64 = 4;

/// Ticks of processor time beside it: what goes on anyway.
const BESIDE: u64 = 25;

pub(crate) struct AbandonedWatches {
    watches: usize,
    history: usize,
}

impl AbandonedWatches {
    pub(crate) fn new(plan: &Plan) -> AbandonedWatches {
        AbandonedWatches {
            watches: plan.size(400, 4_400),
            history: plan.size(12_000, 300_000),
        }
    }
}

impl Scenario for AbandonedWatches {
    fn name(&self) -> &'static str {
        "abandoned_watches"
    }

    fn size(&self) -> String {
        format!("{} watches over {} events", self.watches, self.history)
    }

    /// The rare key is written before all others and after them.
    fn prepare(&self, ground: &Ground<'_>) -> Result<(), String> {
        let rare = |_| Request::put(RARE, "value=rare");
        let often = |number: usize| {
            let key = format!("/v2/keys/load/often/{}", number % 1_000);
            Request::put(&key, "value=v")
        };
        let addr = ground.addr();
        bulk::send(addr, 1, 1, rare, bulk::succeeded)?;
        bulk::send(addr, 32, self.history, often, bulk::succeeded)?;
        bulk::send(addr, 1, 1, rare, bulk::succeeded)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let watch = watch(last_index(ground)? - self.history as u64);
        for _ in 0..self.watches {
            drop(ground.sent(&watch)?);
        }
        ground.hold();
        // The load has not ended before the server is done with them.
        ground.expect_watchers(0, "when all clients had gone");
        Ok(())
    }

    /// What a search costs, and that it finds what there is.
    fn afterwards(&self, ground: &Ground<'_>) -> Result<(), String> {
        if !ground.is_ours() {
            return Ok(());
        }
        let last = last_index(ground)?;
        let near = cost(ground, &watch(last))?;
        let far = cost(ground, &watch(last - self.history as u64))?;
        let sentence = format!(
            "{COMPARED} watches cost {near} ticks at their event, {far} with all history before it"
        );
        ground
            .findings
            .judge(far <= TIMES * near + BESIDE, sentence);
        Ok(())
    }

    /// What a search reads are pages of history, which count as events that wait. Everything it meets is in the caches
    /// already: it was just written.
    fn takes(&self) -> Vec<Part> {
        vec![EVENTS, ROOM]
    }

    fn keeps(&self) -> Vec<Part> {
        vec![ROOM]
    }
}

fn watch(from: u64) -> Request {
    Request::get(&format!("{RARE}?wait=true&waitIndex={from}"))
}

/// Of the rare key.
fn last_index(ground: &Ground<'_>) -> Result<u64, String> {
    let found = ground.server.exchange(&Request::get(RARE));
    let node = Raw::parse(found.body.trim_ascii_end())?;
    let index = node.at(&["node", "modifiedIndex"]).and_then(Raw::number);
    index.ok_or_else(|| format!("the rare key: {}", found.dump()))
}

/// Processor time for some watches by one client, each of which finds the rare key's last event.
fn cost(ground: &Ground<'_>, watch: &Request) -> Result<u64, String> {
    let ticks = || process::processor_ticks(ground.pid()).ok_or("the server has ended");
    let before = ticks()?;
    let found = |answer: &Response| match answer.text().contains("\"value\":\"rare\"") {
        true => Ok(()),
        false => Err(answer.dump()),
    };
    bulk::send(ground.addr(), 1, COMPARED, |_| watch.clone(), found)?;
    Ok(ticks()? - before)
}
