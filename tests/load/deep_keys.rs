//! Keys that are as long and as deep as a key may be: each missing directory above a key gets rows of its own.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bulk;
use super::ground::Ground;
use super::memory::{CACHE, MEMTABLES, MIB, Part, ROOM, mib, writes};
use super::plan::Plan;
use super::scenario::Scenario;
use super::support::http::{Request, Response};

/// Bytes of a key, just below the limit of 16 KiB.
const KEY_BYTES: usize = 16_000;

/// Names in a key: near the limit of 512, which is refused for its bytes, and so few that names times bytes stay below
/// 64 KiB.
const NAMES: [usize; 2] = [500, 4];

const CLIENTS: usize = 4;

/// What one PUT may leave in the store: bytes times names, 64 KiB at most, in the rows of nodes, versions and events, half
/// of it on average since the directories above have shorter keys; and what has not been compacted yet.
const STORED_BYTES: u64 = 3 * MIB / 16;

/// Bytes in the store beside that: manifests, tables of the other clients.
const BESIDE: u64 = 32 * MIB;

pub(crate) struct DeepKeys {
    puts: usize,
}

impl DeepKeys {
    pub(crate) fn new(plan: &Plan) -> DeepKeys {
        DeepKeys {
            puts: plan.size(60, 600),
        }
    }
}

/// A key of its own from the second name on.
fn key(number: usize) -> String {
    let names = NAMES[number % NAMES.len()];
    let name = KEY_BYTES / names - 1;
    let mut key = format!("/load/{number:0>width$}", width = name);
    while key.len() + 1 + name <= KEY_BYTES {
        key.push('/');
        key.extend(std::iter::repeat_n('n', name));
    }
    key
}

fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let sizes = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let path = entry.path();
        // What goes away while it is looked at has no size.
        Some(match entry.metadata().ok()?.is_dir() {
            true => bytes_below(&path),
            false => entry.metadata().ok()?.len(),
        })
    });
    sizes.sum()
}

impl Scenario for DeepKeys {
    fn name(&self) -> &'static str {
        "deep_keys"
    }

    fn size(&self) -> String {
        format!("{} PUTs of 16 KB keys", self.puts)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let store = ground.server.data_dir().join("store");
        let before = bytes_below(&store);
        let (taken, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let put = |number: usize| Request::put(&format!("/v2/keys{}", key(number)), "value=v");
        let see = |answer: &Response| match answer.status() {
            201 => {
                taken.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            414 => {
                refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(answer.dump()),
        };
        // Debian's server breaks the connection where a request line has more than 4 KiB, and the load ends with that.
        bulk::send(ground.addr(), CLIENTS, self.puts, put, see)?;
        ground.hold();
        let (taken, refused) = (taken.into_inner(), refused.into_inner());
        let written = bytes_below(&store).saturating_sub(before);
        let sentence = format!(
            "{taken} keys taken, {refused} refused with 414, {} MiB more in store/",
            mib(written)
        );
        let most = taken as u64 * STORED_BYTES + BESIDE;
        ground
            .findings
            .judge(written <= most || !ground.is_ours(), sentence);
        Ok(())
    }

    fn takes(&self) -> Vec<Part> {
        vec![CACHE, MEMTABLES, writes(CLIENTS, 3 << 20), ROOM]
    }
}
