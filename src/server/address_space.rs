//! The limit of the process's address space (`ulimit -v`). What the store's library cannot have it does not ask for twice: a
//! thread that cannot be made ends the process without a word, or leaves the start waiting for ever.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Stacks, tables, buffers and what the allocator sets aside. Measured on two cores: a start failed under 200 MiB, and a member whose disk
/// is slow while its leader takes large values died under 440 MiB, since what waits for its log is in memory.
const BASE: u64 = 448 << 20;
/// Threads and the allocator's arenas come by the core.
const PER_CORE: u64 = 32 << 20;

/// The limit is too low to run.
#[derive(Debug, thiserror::Error)]
#[error(
    "this process may use {} MiB of addresses, and a node needs {} MiB at least here: lift the limit ('ulimit -v unlimited', \
     or LimitAS=infinity in the systemd unit), then start again; what it may use of memory is better bounded by a cgroup",
    limit >> 20,
    least >> 20
)]
pub(super) struct TooSmall {
    /// In bytes.
    limit: u64,
    least: u64,
}

/// Raises the limit as far as this user may, before the first thread is made.
pub(super) fn claim() -> Result<(), TooSmall> {
    let limit = getrlimit(Resource::As);
    let highest = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::As, highest) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let least = BASE + PER_CORE * cores;
    match now {
        Some(limit) if limit < least => Err(TooSmall { limit, least }),
        _ => Ok(()),
    }
}
