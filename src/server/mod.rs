//! One server process from configuration to exit: start the node, publish this member, listen, serve, stop.
//!
//! Listening comes last: a client that can connect finds a node that has applied all it had acknowledged. The ports
//! are claimed first all the same, so that a port in use is reported before a long recovery. A member of several listens
//! before it is published: that needs a majority, and a service manager that starts one member after the other would wait
//! for ever. Stopping is bounded, whatever hangs: `stopping` has the table. Exit statuses are chosen in `exit`.

mod address_space;
mod announcement;
mod claim;
mod descriptors;
mod error;
mod exit;
mod file_size;
mod growth;
mod membership;
mod network;
mod option;
mod panic;
mod port;
mod publishing;
mod signal;
mod stopping;
mod systemd;
mod wall_clock;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::Mode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wal::fs::OsFs;

use crate::config::Config;
use crate::formation::{self, AdmissionError, Formation, Publication};
use crate::listen::Workers;
use crate::members::Member;
use crate::node::runtime::Runtime;
use crate::node::start::{StartedNode, start};
use crate::service::Service;
use crate::transport::{Network, PeerAddress};
use crate::watch::Hub;

use descriptors::Shares;
use error::ServerError;
pub use exit::EXIT_REFUSED;
use growth::GrowthRequests;
use membership::Membership;
use publishing::Publishing;
use stopping::{DRAIN, StopSignal};

/// How long local reads go on after the disk failed, so that operators and clients can look.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The network, and where it is to dial once the peer port listens. None for a server that only reads.
type WayToOthers = (Option<Arc<Network>>, Option<Vec<PeerAddress>>);

/// Runs a server until it is told to stop, or fails. The log is set up; its last lines say why the server ends.
pub fn run(config: Config) -> ExitCode {
    panic::set_hook();
    run_node(config).unwrap_or_else(|error| exit::refused(&error))
}

fn run_node(mut config: Config) -> Result<ExitCode, ServerError> {
    let begun = Instant::now();
    for notice in &config.notices {
        tracing::warn!("{notice}");
    }
    // The log's files, which are not ours alone, are open by now: from here on everything is made below the data directory.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    wall_clock::look(SystemTime::now())?;
    address_space::claim()?;
    file_size::claim()?;
    signal::outlive_user_signals()?;
    let shares = descriptors::claim(&mut config)?;
    // Accepts, listens to signals and publishes; connections are served by `listen::Workers`.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let _inside = runtime.enter();
    let sockets = port::claim(&config)?;
    let formed = formation::decide(&config);
    let Formation { founder, members } =
        runtime.block_on(formed).map_err(ServerError::Formation)?;
    let (connect, network) = network::connect(&config, &members);
    let node = start(option::node(&config, shares, founder, connect))
        .map_err(|error| ServerError::of_start(error, &config.data_dir))?;
    let way = network.get().cloned().unzip();
    let outcome = runtime.block_on(serve(&config, node, (way, members), sockets, shares, begun));
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

async fn serve(
    config: &Config,
    node: StartedNode,
    ((network, addresses), members): (WayToOthers, Vec<Member>),
    sockets: port::Claimed,
    shares: Shares,
    begun: Instant,
) -> Result<ExitCode, ServerError> {
    let StartedNode {
        context,
        identity,
        alone,
        learner,
        voters,
        disk,
        runtime,
        data_dir: _data_dir,
    } = node;
    let (hub, status) = (context.hub.clone(), context.status.clone());
    let settings = option::service(config, &identity, alone);
    let service = Service::new(settings, context.clone(), network.clone());
    let others = network.as_ref().filter(|_| {
        !alone || members.len() > 1 || service.members().is_ok_and(|members| members.len() > 1)
    });
    let stop = StopSignal::listen(status.clone())?;
    if let Some(error) = membership::refusal(&service, config) {
        stop.bound();
        end(runtime, &stop).await;
        return Err(error.into());
    }
    let nonce = getrandom::u64().map_err(std::io::Error::from)?;
    membership::tell_strangers(&service, config);
    if learner && !config.has_data {
        service.set_told(members.clone());
    }
    let publishing = Publishing {
        service: &service,
        status: &status,
        config,
        network: network.as_deref(),
        disk,
        nonce,
    };
    let published = match &runtime {
        // Nothing is written any more, the rows of this member neither.
        None => Ok(Some(Publication::Postponed)),
        Some(_) if alone => publishing.alone(&stop).await.map(Some),
        Some(_) => Ok(None),
    };
    let published = match published {
        Ok(published) => published,
        Err(error) => {
            stop.bound();
            end(runtime, &stop).await;
            return exit::before_serving(error);
        }
    };
    let (stopping, stopped) = watch::channel(false);
    let listeners = port::Listeners {
        config,
        shares,
        workers: Arc::new(Workers::start(shares.workers)?),
        service: &service,
        stopped,
    };
    let mut growth = GrowthRequests::of(&service);
    let mut tasks = match listeners.open(sockets, others) {
        Ok(tasks) => tasks,
        Err(error) => {
            // The node runs, and stops in order.
            stop.bound();
            drop(listeners);
            shut_down(stopping, JoinSet::new(), runtime, &hub, &stop).await;
            return Err(error);
        }
    };
    if let (Some(network), Some(addresses)) = (&network, addresses) {
        network.set_peers(addresses);
    }
    announcement::serving(config, &service, begun);
    let membership = network.as_deref().map(|network| Membership {
        service: &service,
        network,
        node: &context,
        config,
        listed: &members,
        learner,
        voters,
        disk,
    });
    let mut refused = None;
    let failure = tokio::select! {
        () = stop.told() => None,
        reason = status.failure() => Some(reason),
        error = kept(membership.as_ref()) => {
            refused = Some(error);
            None
        }
        never = publishing.announced(published) => match never {},
        () = growth.serve(&listeners, network.as_ref(), &mut tasks, others.is_some()) => None,
    };
    drop(listeners);
    // A removed log is no failure of the disk: what is still to be flushed does not wait.
    if failure.is_some() && status.removed_log().is_none() {
        // Writes and linearizable reads are refused by now; local reads go on for a moment.
        tokio::select! {
            () = stop.told() => {}
            () = tokio::time::sleep(AFTER_FAILURE) => {}
        }
    }
    stop.bound();
    shut_down(stopping, tasks, runtime, &hub, &stop).await;
    if let Some(network) = network {
        // Last: what the node had to say on its way down has left by then, or never will.
        network.stop();
    }
    match refused {
        Some(error) => Err(error.into()),
        None => Ok(exit::after_serving(&status, failure)),
    }
}

/// A lone node has no others to keep in step with.
async fn kept(membership: Option<&Membership<'_>>) -> AdmissionError {
    match membership {
        Some(membership) => membership.keep().await,
        None => std::future::pending().await,
    }
}

/// In this order nothing acknowledged is cut off: no new connections, watches ended, requests answered, threads
/// joined, store flushed.
async fn shut_down(
    stopping: watch::Sender<bool>,
    mut tasks: JoinSet<()>,
    runtime: Option<Runtime<OsFs>>,
    hub: &Hub,
    stop: &StopSignal,
) {
    if let Err(error) = systemd::stopping() {
        tracing::debug!("systemd could not be told that the node stops: {error}");
    }
    stopping.send_replace(true);
    hub.stop();
    let drained =
        tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("some requests did not finish in {DRAIN:?} and are cut off");
        tasks.abort_all();
    }
    end(runtime, stop).await;
}

async fn end(runtime: Option<Runtime<OsFs>>, stop: &StopSignal) {
    let Some(runtime) = runtime else { return };
    let stage = stop.stage();
    let joined = tokio::task::spawn_blocking(move || {
        runtime.stop(&stage);
        if let Some(lost) = runtime.lost_volume() {
            stopping::leave(format!("ending without closing the store: {lost}"));
        }
        stage("the store to close");
    })
    .await;
    if let Err(error) = joined {
        tracing::error!("the node's threads did not stop cleanly: {error}");
    }
}
