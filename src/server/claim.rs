//! What a build for tests can be told to do otherwise: to say less of itself, and to have a slow disk.

use std::time::Duration;

use crate::command::NEWEST;

/// What this member says that it can apply: the highest format of commands. One that is told to say less, as an earlier release
/// does, applies everything all the same.
pub(super) fn applies() -> u8 {
    NEWEST.min(told("ETCD2_TEST_APPLIES").unwrap_or(NEWEST))
}

/// What each sync of the log takes longer than the disk does.
pub(super) fn sync_delay() -> Duration {
    Duration::from_millis(told("ETCD2_TEST_SYNC_DELAY_MS").unwrap_or(0))
}

/// A number in the environment that builds without debug assertions do not look for.
fn told<T: std::str::FromStr>(name: &str) -> Option<T> {
    match cfg!(debug_assertions) {
        true => std::env::var(name).ok()?.parse().ok(),
        false => None,
    }
}
