//! Directories in which a listing has much to pass over: many hidden children, and many that were removed.

use super::bulk;
use super::ground::Ground;
use super::memory::{CACHE, Part, ROOM};
use super::plan::Plan;
use super::process;
use super::scenario::Scenario;
use super::support::http::{Request, Response};

/// Clients that list.
const CLIENTS: usize = 4;

/// Listings in the comparison of costs.
const COMPARED: usize = 500;

/// How many times as much a listing may cost that passes over all hidden children. One that looks at each of them costs
/// hundreds of times as much.
const TIMES: u64 = 4;

/// Ticks of processor time beside it: what goes on anyway.
const BESIDE: u64 = 25;

pub(crate) struct HiddenChildren {
    hidden: usize,
    removed: usize,
    listings: usize,
}

impl HiddenChildren {
    pub(crate) fn new(plan: &Plan) -> HiddenChildren {
        HiddenChildren {
            hidden: plan.size(20_000, 300_000),
            removed: plan.size(4_000, 50_000),
            listings: plan.size(150, 600),
        }
    }
}

fn put(key: &str) -> Request {
    Request::put(&format!("/v2/keys{key}"), "value=v")
}

fn shows_one(answer: &Response) -> Result<(), String> {
    let text = answer.text();
    let nodes = text.matches("\"key\":").count();
    if answer.status() == 200 && nodes == 2 && text.contains("/visible\"") {
        Ok(())
    } else {
        Err(format!(
            "a directory with one visible child: {}",
            answer.dump()
        ))
    }
}

impl HiddenChildren {
    /// Processor time for some listings by one client.
    fn cost(&self, ground: &Ground<'_>, directory: &str) -> Result<u64, String> {
        let ticks = || process::processor_ticks(ground.pid()).ok_or("the server has ended");
        let before = ticks()?;
        let list = |_| Request::get(&format!("/v2/keys/load/{directory}"));
        bulk::send(ground.addr(), 1, COMPARED, list, shows_one)?;
        Ok(ticks()? - before)
    }
}

impl Scenario for HiddenChildren {
    fn name(&self) -> &'static str {
        "hidden_children"
    }

    fn size(&self) -> String {
        format!(
            "{} hidden and {} removed children, {} listings",
            self.hidden, self.removed, self.listings
        )
    }

    fn prepare(&self, ground: &Ground<'_>) -> Result<(), String> {
        let addr = ground.addr();
        let made = ["hidden", "few", "emptied"].map(|name| put(&format!("/load/{name}/visible")));
        bulk::send(
            addr,
            1,
            made.len(),
            |number| made[number].clone(),
            bulk::succeeded,
        )?;
        let hidden = |number: usize| put(&format!("/load/hidden/_{number:06}"));
        bulk::send(addr, 32, self.hidden, hidden, bulk::succeeded)?;
        let key = |number: usize| format!("/load/emptied/{number:06}");
        bulk::send(
            addr,
            32,
            self.removed,
            |number| put(&key(number)),
            bulk::succeeded,
        )?;
        let delete = |number: usize| Request::delete(&format!("/v2/keys{}", key(number)));
        bulk::send(addr, 32, self.removed, delete, bulk::succeeded)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let list = |number: usize| {
            let directory = ["hidden", "emptied"][number % 2];
            Request::get(&format!("/v2/keys/load/{directory}"))
        };
        bulk::send(ground.addr(), CLIENTS, self.listings, list, shows_one)?;
        ground.hold();
        Ok(())
    }

    fn afterwards(&self, ground: &Ground<'_>) -> Result<(), String> {
        let few = self.cost(ground, "few")?;
        let many = self.cost(ground, "hidden")?;
        let sentence = format!(
            "{COMPARED} listings cost {few} ticks without hidden children, {many} with all of them"
        );
        ground
            .findings
            .judge(many <= TIMES * few + BESIDE, sentence);
        Ok(())
    }

    /// A listing that may have much to pass over has a thread that may block, 64 at most.
    fn threads(&self) -> u64 {
        64 + 8
    }

    fn takes(&self) -> Vec<Part> {
        vec![CACHE, ROOM]
    }
}
