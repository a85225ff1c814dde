//! Ports: claimed before recovery, opened after it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::descriptors::Shares;
use super::{ServerError, http_options};
use crate::config::{Config, ListenAddress};
use crate::http::{self, Workers};
use crate::service::Service;

/// Connections the kernel queues while the accept loop is busy.
const BACKLOG: u32 = 1_024;

/// Bound sockets that do not listen yet: a client is refused until the node is ready.
pub(super) struct Claimed {
    clients: Vec<TcpSocket>,
    metrics: Vec<TcpSocket>,
}

/// Binds every address of the configuration.
pub(super) fn claim(config: &Config) -> Result<Claimed, ServerError> {
    let bind_all = |addresses: &[ListenAddress]| -> Result<Vec<TcpSocket>, ServerError> {
        addresses
            .iter()
            .map(|address| bind(address, config.reuse_port))
            .collect()
    };
    Ok(Claimed {
        clients: bind_all(&config.listen_client)?,
        metrics: bind_all(&config.metrics_listen)?,
    })
}

fn bind(address: &ListenAddress, reuse_port: bool) -> Result<TcpSocket, ServerError> {
    let mut last = std::io::Error::other("no address");
    for candidate in address.candidates() {
        match bind_one(candidate, reuse_port) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(ServerError::Listen {
        address: address.to_string(),
        source: last,
    })
}

fn bind_one(address: SocketAddr, reuse_port: bool) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for old connections to time out.
    socket.set_reuseaddr(true)?;
    if reuse_port {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}

/// Starts to accept.
pub(super) fn serve(
    sockets: Claimed,
    config: &Config,
    shares: Shares,
    service: &Service,
    stopped: &watch::Receiver<bool>,
) -> Result<JoinSet<()>, ServerError> {
    let mut tasks = JoinSet::new();
    let options = Arc::new(http_options(config, shares));
    let only_metrics = Arc::new(http_options(config, shares).only_metrics());
    let workers = Arc::new(Workers::start(shares.workers)?);
    let clients = sockets.clients.into_iter().map(|socket| (socket, &options));
    let metrics = sockets
        .metrics
        .into_iter()
        .map(|socket| (socket, &only_metrics));
    for (socket, options) in clients.chain(metrics) {
        let address = socket
            .local_addr()
            .map_or_else(|_| "a client port".into(), |at| at.to_string());
        let listener = socket
            .listen(BACKLOG)
            .map_err(|source| ServerError::Listen { address, source })?;
        let (service, options) = (service.clone(), options.clone());
        tasks.spawn(http::serve(
            listener,
            service,
            options,
            workers.clone(),
            stopped.clone(),
        ));
    }
    Ok(tasks)
}
