//! What this member says that it can apply.

use crate::command::NEWEST;

/// The highest format of commands. A build for tests can be told to say less, as an earlier release does: it applies
/// everything all the same.
pub(super) fn applies() -> u8 {
    #[cfg(debug_assertions)]
    {
        let claimed = std::env::var("ETCD2_TEST_APPLIES").ok();
        if let Some(claimed) = claimed.and_then(|claimed| claimed.parse::<u8>().ok()) {
            return NEWEST.min(claimed);
        }
    }
    NEWEST
}
