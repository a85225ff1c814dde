//! How the descriptors of the process are shared out.
//!
//! Clients must not take the last one: a flush of the store that finds none ends the node, and the log cannot go on to its
//! next segment. So the connections of all listeners together leave room for the store and for what the node opens itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Log segments, spares, the files of the data directory, listeners, and a poller for each thread.
const OWN: u64 = 64;
/// Connections of one listener that are being refused with 503.
const REFUSED: u64 = 64;
/// Half for the store and half for clients: less serves nobody.
const REST_LEAST: u64 = 64;
/// Tables are some 64 MiB at most, so this is far beyond any store of this kind.
const STORE_MOST: u64 = 1_000;

/// Who may have how many.
#[derive(Debug, PartialEq, Eq)]
struct Share {
    /// Files that the store keeps open.
    store: u64,
    /// Client connections of one listener.
    connections: u64,
}

/// The limit of open files is too low to run.
#[derive(Debug, thiserror::Error)]
#[error(
    "this process may open {limit} files, and a node needs {least} at least: raise the limit ('ulimit -n', or LimitNOFILE= \
     of the systemd unit), then start again"
)]
pub struct TooFew {
    limit: u64,
    least: u64,
}

/// Raises the limit as far as this user may, and lowers the most connections to what it leaves.
pub(super) fn claim(config: &mut Config) -> Result<(), TooFew> {
    let limit = raised();
    let share = divide(limit, listeners(config))?;
    let connections = usize::try_from(share.connections).unwrap_or(usize::MAX);
    if connections < config.max_connections {
        tracing::warn!(
            "a port takes at most {connections} client connections, and not {}: this process may open only {limit} files \
             ('ulimit -n', or LimitNOFILE= of the systemd unit)",
            config.max_connections
        );
        config.max_connections = connections;
    }
    Ok(())
}

/// Files that the store may keep open, under the limit that [`claim`] left; `usual` if there are plenty.
pub(super) fn for_store(config: &Config, usual: i32) -> i32 {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = divide(limit, listeners(config)).map_or(REST_LEAST / 2, |share| share.store);
    i32::try_from(share).map_or(usual, |share| share.min(usual))
}

/// The soft limit is 1,024 by tradition, for programs that cannot count further; the hard one is what the operator set.
fn raised() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, highest) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    now.unwrap_or(u64::MAX)
}

fn listeners(config: &Config) -> u64 {
    (config.listen_client.len() + config.metrics_listen.len()).max(1) as u64
}

fn divide(limit: u64, listeners: u64) -> Result<Share, TooFew> {
    let set_aside = OWN + REFUSED * listeners;
    let least = set_aside + REST_LEAST.max(2 * listeners);
    if limit < least {
        return Err(TooFew { limit, least });
    }
    let rest = limit - set_aside;
    // The store needs no more than this, however many there are.
    let store = (rest / 2).min(STORE_MOST);
    Ok(Share {
        store,
        connections: (rest - store) / listeners,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_more_than_there_is() {
        for limit in [192, 256, 1_024, 2_048, 65_536, 1 << 20, u64::MAX] {
            let share = divide(limit, 1).expect("it is enough");
            assert!(share.store >= 32 && share.connections >= 32, "{share:?}");
            let sum = u128::from(share.store) + u128::from(share.connections);
            assert!(
                sum + u128::from(OWN + REFUSED) <= u128::from(limit),
                "{share:?} of {limit}"
            );
        }
        let share = divide(1_024, 3).expect("it is enough");
        assert!(
            3 * share.connections + share.store + OWN + 3 * REFUSED <= 1_024,
            "{share:?}"
        );
    }

    #[test]
    fn plenty_changes_nothing() {
        let share = divide(65_536, 2).expect("it is enough");
        assert_eq!(share.store, STORE_MOST);
        assert!(share.connections > 10_000, "{share:?}");
    }

    #[test]
    fn too_low_a_limit_is_told_with_the_number() {
        let error = divide(191, 1).expect_err("too few");
        let text = error.to_string();
        assert!(text.contains("191") && text.contains("192"), "{text}");
    }
}
