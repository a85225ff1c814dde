//! One server process from configuration to exit: recover, found, listen, serve, stop.
//!
//! Listening comes last: a client that can connect finds a node that has applied all it had acknowledged. The ports
//! are claimed first all the same, so that a port in use is reported before a long recovery. Stopping is bounded, whatever
//! hangs: `stopping` has the table.

mod descriptors;
mod file_size;
mod founding;
mod ground;
mod listen;
mod phase;
mod spared;
mod start;
mod stopping;
mod threads;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wal::fs::OsFs;

use crate::config::{Config, Vocabulary};
use crate::http;
use crate::logging::LoggingError;
use crate::node::reserve;
use crate::node::runtime::Runtime;
use crate::node::status::Status;
use crate::service::{Service, ServiceError};
use crate::systemd;
use crate::version::SERVER_VERSION;

use descriptors::Shares;
pub use start::StartError;
use stopping::{DRAIN, Stop};

/// How long local reads go on after the disk failed, so that operators and clients can look.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The start was refused: configuration, ports, a directory in use.
pub const EXIT_REFUSED: u8 = 1;
/// The data is damaged, or not ours.
pub const EXIT_DATA: u8 = 65;
/// The disk failed while the server ran, or kept it from its end: start it again, it recovers from the log.
pub const EXIT_STORAGE: u8 = 74;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The log could not be set up.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// The node could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A port cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// A start writes a little, and the disk has no room for that.
    #[error("{error}; the disk of {directory} has {lacks}, then start again; nothing is lost")]
    NoRoom {
        /// Where the start met it.
        error: Box<start::StartError>,
        /// The data directory.
        directory: String,
        /// What it lacks, and what to do.
        lacks: String,
    },
    /// The first writes of a new node failed.
    #[error("the cluster could not be founded: {0}")]
    Found(String),
    /// Open files.
    #[error(transparent)]
    Descriptors(#[from] descriptors::TooFew),
    /// Files that are too small.
    #[error(transparent)]
    FileSize(#[from] file_size::FileSizeError),
    /// Threads, signals.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl ServerError {
    /// The process's exit status.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Start(error) if error.is_about_data() => EXIT_DATA,
            _ => EXIT_REFUSED,
        }
    }
}

/// Runs a server until it is told to stop, or fails.
pub fn run(mut config: Config) -> Result<ExitCode, ServerError> {
    let begun = Instant::now();
    for notice in &config.notices {
        tracing::warn!("{notice}");
    }
    // The log's files, which are not ours alone, are open by now: from here on everything is made below the data directory.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    file_size::claim()?;
    stopping::outlive_user_signals()?;
    let shares = descriptors::claim(&mut config)?;
    // Accepts, listens to signals and founds; connections are served by `http::Workers`.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let _inside = runtime.enter();
    let sockets = listen::claim(&config)?;
    let node = start::node(&config, shares).map_err(|error| with_room(error, &config.data_dir))?;
    let outcome = runtime.block_on(serve(&config, node, sockets, shares, begun));
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

/// Says how much room is needed where that is what the start lacked.
fn with_room(error: start::StartError, data_dir: &Path) -> ServerError {
    let full = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
        error.source()
    })
    .any(|error| error.to_string().contains("No space left on device"));
    if !full {
        return error.into();
    }
    ServerError::NoRoom {
        directory: data_dir.display().to_string(),
        lacks: reserve::lacks(data_dir),
        error: Box::new(error),
    }
}

async fn serve(
    config: &Config,
    node: start::Started,
    sockets: listen::Claimed,
    shares: Shares,
    begun: Instant,
) -> Result<ExitCode, ServerError> {
    let start::Started {
        service,
        runtime,
        hub,
        status,
        data_dir: _data_dir,
    } = node;
    let stop = Stop::listen(status.clone())?;
    let founded = match &runtime {
        // Nothing is written any more, the rows of this member neither.
        None => Ok(Published::No),
        Some(_) => tokio::select! {
            founded = founding::publish(&service, &status, config) => served_anyway(&status, founded),
            () = stop.told() => Err(ServiceError::Stopped),
        },
    };
    let founded = match founded {
        Ok(published) => published,
        Err(error) => {
            stop.bound();
            end(runtime, &stop).await;
            return match error {
                ServiceError::Stopped => Ok(ExitCode::SUCCESS),
                ServiceError::StorageFailed(reason) => {
                    tracing::error!("ending after a storage failure: {reason}");
                    Ok(ExitCode::from(EXIT_STORAGE))
                }
                error => Err(ServerError::Found(error.to_string())),
            };
        }
    };
    let (stopping, stopped) = watch::channel(false);
    let tasks = listen::serve(sockets, config, shares, &service, &stopped)?;
    announce(config, &service, begun);
    announce_published(config, &service, founded);
    let failure = tokio::select! {
        () = stop.told() => None,
        reason = status.failure() => Some(reason),
    };
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
    // What failed only now was not flushed either.
    Ok(match failure.or_else(|| status.reason_of_failure()) {
        None => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Some(reason) if status.removed_log().is_some() && !status.has_failed() => {
            tracing::error!(
                "ending, with everything flushed: {reason}; start again, the log begins anew behind the store"
            );
            ExitCode::from(EXIT_STORAGE)
        }
        Some(reason) => {
            tracing::error!(
                "ending after a storage failure ({reason}): start again to recover from the log"
            );
            ExitCode::from(EXIT_STORAGE)
        }
    })
}

/// A node that cannot write just now (a full disk, a damaged store) serves reads; its rows are written by a later start.
/// So does one that meets damage with its very first write: the store fails for what touches it, the node has not failed.
fn served_anyway(
    status: &Status,
    founded: Result<bool, ServiceError>,
) -> Result<Published, ServiceError> {
    match founded {
        Ok(true) => Ok(Published::Founded),
        Ok(false) => Ok(Published::Again),
        Err(ServiceError::StorageFailed(reason)) if !status.has_failed() => {
            tracing::warn!("this member's rows could not be brought up to date: {reason}");
            Ok(Published::No)
        }
        Err(ServiceError::WritesRefused(refusal)) => {
            tracing::warn!("this member's rows could not be brought up to date: {refusal}");
            Ok(Published::No)
        }
        Err(error) => Err(error),
    }
}

/// Whether this member's rows are as its options say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Published {
    /// For the first time.
    Founded,
    Again,
    No,
}

/// The lines that scripts and test suites of the originals wait for, in their words: 2.x's and 3.4's at any rate, 0.4's
/// where it was spoken to in its words.
fn announce_published(config: &Config, service: &Service, published: Published) {
    if published == Published::No {
        return;
    }
    let minor = SERVER_VERSION
        .rsplit_once('.')
        .map_or(SERVER_VERSION, |(minor, _)| minor);
    if published == Published::Founded {
        tracing::info!("set the initial cluster version to {minor}");
    }
    tracing::info!("enabled capabilities for version {minor}");
    tracing::info!(
        "published {{Name:{} ClientURLs:[{}]}} to cluster {:x}",
        config.name,
        config.advertise_client.join(" "),
        service.cluster_id()
    );
    if config.vocabulary == Vocabulary::Classic {
        for (listen, url) in config.listen_client.iter().zip(&config.advertise_client) {
            let listen = listen.to_string();
            tracing::info!(
                "etcd server [name {}, listen on {}, advertised url {url}]",
                config.name,
                listen.trim_start_matches("http://")
            );
        }
    }
    tracing::info!("ready to serve client requests");
}

fn announce(config: &Config, service: &Service, begun: Instant) {
    let addresses = config
        .listen_client
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    tracing::info!(
        "member {} ({:x}) of cluster {:x} serves clients on {addresses}, {:?} after it was started",
        config.name,
        service.self_stats().id,
        service.cluster_id(),
        begun.elapsed()
    );
    let damaged = service.damage();
    if let Some(damage) = &damaged {
        tracing::error!("this node is damaged and serves what it can: {damage}");
    }
    let state = if damaged.is_some() { "damaged, " } else { "" };
    if let Err(error) = systemd::ready(&format!("{state}serving clients on {addresses}")) {
        tracing::warn!("systemd could not be told that the node serves: {error}");
    }
}

/// In this order nothing acknowledged is cut off: no new connections, watches ended, requests answered, threads
/// joined, store flushed.
async fn shut_down(
    stopping: watch::Sender<bool>,
    mut tasks: JoinSet<()>,
    runtime: Option<Runtime<OsFs>>,
    hub: &Arc<crate::watch::Hub>,
    stop: &Stop,
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

async fn end(runtime: Option<Runtime<OsFs>>, stop: &Stop) {
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

/// The HTTP limits that a configuration asks for, and those that the descriptors set.
fn http_options(config: &Config, shares: Shares) -> http::HttpOptions {
    let mut options = http::HttpOptions::from_config(config);
    options.max_refusals = shares.refusals;
    options
}
