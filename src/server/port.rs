//! Which ports this server has: claimed before recovery, opened after it.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::descriptors::Shares;
use super::error::ServerError;
use super::option;
use crate::config::{Config, ListenAddress};
use crate::http;
use crate::http::HttpOptions;
use crate::listen::{self, Workers};
use crate::service::Service;
use crate::transport::Network;

/// Bound sockets that do not listen yet: a client is refused until the node is ready.
pub(super) struct Claimed {
    clients: Vec<TcpSocket>,
    metrics: Vec<TcpSocket>,
    /// Where the options name other members. A data directory may know of others too: see [`Listeners::open`].
    peers: Vec<TcpSocket>,
}

/// Binds every address of the configuration.
pub(super) fn claim(config: &Config) -> Result<Claimed, ServerError> {
    let bind_all = |addresses: &[ListenAddress]| bind_all(addresses, config.reuse_port);
    let peers: &[ListenAddress] = match config.initial_cluster.len() {
        // A lone node opens them when a member is added to it.
        0 | 1 => &[],
        _ => &config.listen_peer,
    };
    Ok(Claimed {
        peers: bind_all(peers)?,
        clients: bind_all(&config.listen_client)?,
        metrics: bind_all(&config.metrics_listen)?,
    })
}

fn bind_all(addresses: &[ListenAddress], reuse_port: bool) -> Result<Vec<TcpSocket>, ServerError> {
    let bound = addresses.iter().map(|address| bind(address, reuse_port));
    bound.collect()
}

fn bind(address: &ListenAddress, reuse_port: bool) -> Result<TcpSocket, ServerError> {
    listen::bind(&address.candidates(), reuse_port).map_err(|source| ServerError::Listen {
        address: address.to_string(),
        source,
    })
}

/// What the listeners are given.
pub(super) struct Listeners<'a> {
    pub(super) config: &'a Config,
    pub(super) shares: Shares,
    /// They end with the last of the ports, before the node does.
    pub(super) workers: Arc<Workers>,
    pub(super) service: &'a Service,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Listeners<'_> {
    /// Starts to accept: clients, those that watch figures, and members where there are others, with the way to them.
    pub(super) fn open(
        &self,
        sockets: Claimed,
        others: Option<&Arc<Network>>,
    ) -> Result<JoinSet<()>, ServerError> {
        let mut tasks = JoinSet::new();
        let options = Arc::new(option::http(self.config, self.shares));
        let only_metrics = option::http(self.config, self.shares).only_metrics();
        self.clients(&mut tasks, sockets.clients, &options)?;
        self.clients(&mut tasks, sockets.metrics, &Arc::new(only_metrics))?;
        if let Some(network) = others {
            self.members(&mut tasks, sockets.peers, network)?;
        }
        Ok(tasks)
    }

    fn clients(
        &self,
        tasks: &mut JoinSet<()>,
        sockets: Vec<TcpSocket>,
        options: &Arc<HttpOptions>,
    ) -> Result<(), ServerError> {
        for socket in sockets {
            let listener = listen_on(socket)?;
            tasks.spawn(http::serve(
                listener,
                self.service.clone(),
                Arc::clone(options),
                Arc::clone(&self.workers),
                self.stopped.clone(),
            ));
        }
        Ok(())
    }

    /// Addresses that were not claimed are bound now: the options of a restart need not name others.
    pub(super) fn members(
        &self,
        tasks: &mut JoinSet<()>,
        claimed: Vec<TcpSocket>,
        network: &Arc<Network>,
    ) -> Result<(), ServerError> {
        let sockets = match claimed.is_empty() {
            true => bind_all(&self.config.listen_peer, self.config.reuse_port)?,
            false => claimed,
        };
        for socket in sockets {
            let listener = listen_on(socket)?;
            tasks.spawn(http::serve_peers(
                listener,
                self.service.clone(),
                Arc::clone(network),
                option::peers(self.config, self.shares),
                Arc::clone(&self.workers),
                self.stopped.clone(),
            ));
        }
        Ok(())
    }
}

fn listen_on(socket: TcpSocket) -> Result<TcpListener, ServerError> {
    let address = socket
        .local_addr()
        .map_or_else(|_| "a port".into(), |at| at.to_string());
    listen::listen(socket).map_err(|source| ServerError::Listen { address, source })
}
