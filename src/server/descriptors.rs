//! How the descriptors of the process are shared out.
//!
//! Clients must not take the last one: a log that cannot begin its next segment, or a store that cannot flush, refuses
//! every write. So the engine's share is set aside at the start, within bounds that the engine is told, and the
//! connections of all listeners together get what is left.
//!
//! | share | of the limit | at least | at most |
//! |---|---|---|---|
//! | pollers: four for each thread that serves connections, one such thread for 64 | 1/16 | one thread | one thread for each core |
//! | segments of the log, each of which stays open | 1/8 | 16 | 4,096 |
//! | tables of the store; more are opened when they are needed | 1/8 | 32 | 1,000 |
//! | connections of one listener that are being refused with 503 | 1/32 | 4 | 64 |
//! | directories, locks, the files that are made next | | 40 | 40 |
//! | connections | the rest | 4 for each listener | `--max-connections` for each listener |

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, LogOutput};

/// Directories, locks, the witness, standard streams; the files that store and log are making beside their shares.
const OWN: u64 = 40;
/// Poller, its copy, its waker and the socket for signals.
const PER_RUNTIME: u64 = 4;
/// What runs beside the threads that serve connections: the one that accepts, the one for signals.
const OTHER_RUNTIMES: u64 = 2;
/// Below it a node is not worth starting.
const LEAST: u64 = 128;
/// A listener with fewer connections serves nobody.
const CONNECTIONS_LEAST: u64 = 4;
/// The limit that is asked for where the options need no more: the default ones need 12,000, and what is counted above is
/// no more than an estimate.
const USUAL: u64 = 20_000;

/// Who may have how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// Threads that serve connections.
    pub(super) workers: usize,
    /// Segments of the log.
    pub(super) log_segments: usize,
    /// Tables that the store keeps open.
    pub(super) tables: i32,
    /// Connections of one listener that are being refused.
    pub(super) refusals: usize,
    /// Connections of one listener.
    connections: u64,
}

/// What asks for descriptors, beside the engine.
#[derive(Debug, Clone, Copy)]
struct DescriptorDemand {
    listeners: u64,
    /// Of each listener.
    connections: u64,
    /// Threads that can run at a time.
    cores: u64,
    log_files: u64,
}

/// The limit of open files is too low to run.
#[derive(Debug, thiserror::Error)]
#[error(
    "this process may open {limit} files, and a node needs {least} at least: raise the limit ('ulimit -n', or LimitNOFILE= \
     of the systemd unit), then start again"
)]
pub(super) struct TooFew {
    limit: u64,
    least: u64,
}

/// Raises the limit to what the options need, as far as this user may, and lowers the most connections to what that leaves.
pub(super) fn claim(config: &mut Config) -> Result<Shares, TooFew> {
    let demand = DescriptorDemand::of(config);
    let limit = raised(demand.limit());
    let shares = demand.share(limit)?;
    let connections = usize::try_from(shares.connections).unwrap_or(usize::MAX);
    let line = format!(
        "of {limit} files that this process may open {} are for tables, {} for the log, {} for the connections of a port",
        shares.tables,
        shares.log_segments,
        connections.min(config.max_connections)
    );
    if connections < config.max_connections {
        tracing::warn!(
            "{line}, and not {}: this process may open only {limit} files ('ulimit -n', or LimitNOFILE= of the systemd \
             unit)",
            config.max_connections
        );
        config.max_connections = connections;
    } else {
        tracing::info!("{line}");
    }
    Ok(shares)
}

/// The soft limit is 1,024 by tradition, for programs that cannot count further; the hard one is what the operator set. No
/// more is taken than is needed: what such a limit allows is also what a mistake may use up.
fn raised(demand: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(u64::MAX);
    let higher = demand.min(limit.maximum.unwrap_or(u64::MAX));
    if higher <= now {
        return now;
    }
    let asked = Rlimit {
        current: Some(higher),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, asked) {
        Ok(()) => higher,
        Err(_) => now,
    }
}

impl DescriptorDemand {
    fn of(config: &Config) -> Self {
        let file = |output: &&LogOutput| matches!(output, LogOutput::File(_));
        Self {
            listeners: (config.listen_client.len() + config.metrics_listen.len()).max(1) as u64,
            connections: config.max_connections as u64,
            cores: std::thread::available_parallelism().map_or(1, usize::from) as u64,
            log_files: config.log.outputs.iter().filter(file).count() as u64,
        }
    }

    /// The limit at which nothing has to be less than was asked for.
    fn limit(self) -> u64 {
        let Self {
            listeners,
            connections,
            ..
        } = self;
        // What the engine takes of a limit is at most 9/32 of it and a few hundred, so twice the connections is enough.
        connections
            .saturating_add(64)
            .saturating_mul(listeners)
            .saturating_mul(2)
            .clamp(USUAL, 1 << 30)
    }

    fn share(self, limit: u64) -> Result<Shares, TooFew> {
        self.shares(limit).ok_or_else(|| {
            // Some shares grow with the limit, so what is missing now is not all that is.
            let mut higher = limit.saturating_add(1)..USUAL;
            let least = higher.find(|higher| self.shares(*higher).is_some());
            TooFew {
                limit,
                least: least.unwrap_or(USUAL),
            }
        })
    }

    fn shares(self, limit: u64) -> Option<Shares> {
        let workers = self.cores.min(limit / 64).max(1);
        let log_segments = (limit / 8).clamp(16, 4_096);
        let tables = (limit / 8).clamp(32, 1_000);
        let refusals = (limit / 32).clamp(4, 64);
        let set_aside = OWN
            + self.log_files
            + PER_RUNTIME * (workers + OTHER_RUNTIMES)
            + log_segments
            + tables
            + self.listeners * (1 + refusals);
        if limit < LEAST.max(set_aside + self.listeners * CONNECTIONS_LEAST) {
            return None;
        }
        Some(Shares {
            workers: usize::try_from(workers).unwrap_or(1),
            log_segments: usize::try_from(log_segments).unwrap_or(usize::MAX),
            tables: i32::try_from(tables).unwrap_or(i32::MAX),
            refusals: usize::try_from(refusals).unwrap_or(usize::MAX),
            connections: (limit - set_aside) / self.listeners,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL_OPTIONS: DescriptorDemand = DescriptorDemand {
        listeners: 2,
        connections: 10_000,
        cores: 2,
        log_files: 0,
    };

    #[test]
    fn nobody_gets_more_than_there_is() {
        for limit in [128, 192, 256, 1_024, 2_048, 20_000, 65_536, 1 << 20] {
            for cores in [1, 2, 64, 512] {
                for listeners in [1, 2] {
                    let demand = DescriptorDemand {
                        listeners,
                        cores,
                        ..USUAL_OPTIONS
                    };
                    let shares = demand.share(limit).expect("it is enough");
                    assert!(shares.connections >= CONNECTIONS_LEAST, "{shares:?}");
                    let sum = shares.tables as u64
                        + shares.log_segments as u64
                        + listeners * (shares.connections + shares.refusals as u64 + 1)
                        + PER_RUNTIME * shares.workers as u64;
                    assert!(sum + OWN <= limit, "{shares:?} of {limit}");
                }
            }
        }
    }

    #[test]
    fn what_is_asked_for_is_enough_for_what_the_options_say() {
        assert_eq!(
            DescriptorDemand {
                listeners: 1,
                connections: 5_000,
                ..USUAL_OPTIONS
            }
            .limit(),
            USUAL
        );
        for (listeners, connections) in [(1, 10_000), (2, 10_000), (3, 10_000), (5, 100_000)] {
            let demand = DescriptorDemand {
                listeners,
                connections,
                ..USUAL_OPTIONS
            };
            let shares = demand.share(demand.limit()).expect("it is enough");
            assert!(shares.connections >= connections, "{shares:?}");
            assert_eq!((shares.tables, shares.refusals), (1_000, 64));
        }
        let endless = DescriptorDemand {
            connections: u64::MAX,
            ..USUAL_OPTIONS
        };
        assert_eq!(endless.limit(), 1 << 30);
    }

    #[test]
    fn a_thousand_files_are_mostly_for_connections() {
        let shares = USUAL_OPTIONS.share(1_024).expect("it is enough");
        assert!(2 * shares.connections > 600, "{shares:?}");
    }

    #[test]
    fn too_low_a_limit_is_told_with_the_number() {
        let error = USUAL_OPTIONS.share(127).expect_err("too few");
        let text = error.to_string();
        assert!(text.contains("127") && text.contains("128"), "{text}");
        let many = DescriptorDemand {
            listeners: 20,
            ..USUAL_OPTIONS
        };
        let TooFew { least, .. } = many.share(200).expect_err("too few for all of them");
        assert!(
            many.share(least)
                .is_ok_and(|shares| shares.connections >= CONNECTIONS_LEAST)
        );
    }
}
