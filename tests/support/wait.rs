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
    until_or(complaint, || {
        reached().then_some(()).ok_or_else(String::new)
    });
}

/// Asks again and again until there is an answer, and gives it.
///
/// # Panics
/// With `complaint` and the last reason when that takes longer than [`LIMIT`].
pub(crate) fn until_or<T>(complaint: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) if Instant::now() > deadline => panic!("{complaint}: {reason}"),
            Err(_) => std::thread::sleep(POLL),
        }
    }
}
