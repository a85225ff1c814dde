//! Waiting for something that another process does.

use std::time::{Duration, Instant};

/// Longer than anything a test waits for takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(5);

/// Asks again and again until `reached`.
///
/// # Panics
/// With `complaint` when that takes longer than [`LIMIT`].
pub(crate) fn until(complaint: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !reached() {
        assert!(Instant::now() < deadline, "{complaint} within {LIMIT:?}");
        std::thread::sleep(POLL);
    }
}
