//! Which ports this server has: claimed before recovery, opened after it.

use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::descriptors::Shares;
use super::error::ServerError;
use super::option;
use crate::config::{Config, ListenAddress};
use crate::http;
use crate::listen::{self, Workers};
use crate::service::Service;
use crate::transport::Network;

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
    listen::bind(&address.candidates(), reuse_port).map_err(|source| ServerError::Listen {
        address: address.to_string(),
        source,
    })
}

/// Starts to accept. The workers end with the last of the ports, before the node does.
pub(super) fn serve(
    sockets: Claimed,
    config: &Config,
    shares: Shares,
    workers: &Arc<Workers>,
    service: &Service,
    stopped: &watch::Receiver<bool>,
) -> Result<JoinSet<()>, ServerError> {
    let mut tasks = JoinSet::new();
    let options = Arc::new(option::http(config, shares));
    let only_metrics = Arc::new(option::http(config, shares).only_metrics());
    let clients = sockets.clients.into_iter().map(|socket| (socket, &options));
    let metrics = sockets
        .metrics
        .into_iter()
        .map(|socket| (socket, &only_metrics));
    for (socket, options) in clients.chain(metrics) {
        let address = socket
            .local_addr()
            .map_or_else(|_| "a client port".into(), |at| at.to_string());
        let listener =
            listen::listen(socket).map_err(|source| ServerError::Listen { address, source })?;
        let (service, options) = (service.clone(), options.clone());
        tasks.spawn(http::serve(
            listener,
            service,
            options,
            Arc::clone(workers),
            stopped.clone(),
        ));
    }
    Ok(tasks)
}

/// Binds the peer addresses, and starts to accept there. Only where there are others: a lone node leaves them alone.
pub(super) fn serve_peers(
    tasks: &mut JoinSet<()>,
    network: &Arc<Network>,
    config: &Config,
    shares: Shares,
    workers: &Arc<Workers>,
    service: &Service,
    stopped: &watch::Receiver<bool>,
) -> Result<(), ServerError> {
    for address in &config.listen_peer {
        let socket = bind(address, config.reuse_port)?;
        let listener = listen::listen(socket).map_err(|source| ServerError::Listen {
            address: address.to_string(),
            source,
        })?;
        tasks.spawn(http::serve_peers(
            listener,
            service.clone(),
            Arc::clone(network),
            option::peers(config, shares),
            Arc::clone(workers),
            stopped.clone(),
        ));
    }
    Ok(())
}
