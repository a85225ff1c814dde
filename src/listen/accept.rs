//! The loop of a port: it accepts, refuses what is over the limit, and deals the others out to the workers.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::activity::Activity;
use super::connection;
use super::drain::OpenConnections;
use super::handler::Handler;
use super::limit::PortLimits;
use super::link::Peer;
use super::refusal::RefusedConnections;
use super::silent::SilentConnections;
use super::workers::Workers;

/// Silence after which a connection is probed, and time between two probes.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long the place of one that gives way is waited for.
const GIVES_WAY: Duration = Duration::from_millis(100);

/// Serves a port until `shutdown` becomes true or its sender is gone. Then no connection is accepted any more, the handler
/// ends what does not end by itself, requests in flight get [`PortLimits::drain_timeout`], and the rest is aborted. Accepts
/// inside the caller's Tokio runtime, serves on `workers`.
pub(crate) async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: PortLimits,
    workers: Arc<Workers>,
    mut shutdown: watch::Receiver<bool>,
) {
    let limits = Arc::new(limits);
    let connections = OpenConnections::new(limits.max_connections);
    let mut refused = RefusedConnections::new(&limits);
    let mut silent = SilentConnections::new(limits.max_connections);
    {
        let mut stop = pin!(shutdown.wait_for(|stop| *stop));
        loop {
            let (stream, address) = tokio::select! {
                biased;
                _ = &mut stop => break,
                accepted = accept(&listener, limits.whose) => accepted,
            };
            let admitted = match connections.admit() {
                None if silent.displace() => connections.admit_within(GIVES_WAY).await,
                admitted => admitted,
            };
            let Some((slot, stages)) = admitted else {
                handler.refused();
                refused.refuse(stream);
                continue;
            };
            let peer = Peer {
                address,
                certificate_name: None,
                secure: false,
            };
            let (handler, limits) = (Arc::clone(&handler), Arc::clone(&limits));
            let activity = Activity::connected();
            silent.add(&activity);
            // The stream leaves the accepting runtime's poller and enters that of its worker.
            let Ok(stream) = stream.into_std() else {
                continue;
            };
            workers.spawn(async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    connection::serve(stream, peer, handler, &limits, activity, stages).await;
                }
                drop(slot);
            });
        }
    }
    drop(listener);
    handler.stop();
    connections.drain(limits.drain_timeout, limits.whose).await;
}

/// The next connection. Errors of one connection are passed over; a lack of descriptors or memory is waited out.
async fn accept(listener: &TcpListener, whose: &str) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Small answers must not wait for an acknowledgement. A failure shows when the stream is used.
                drop(stream.set_nodelay(true));
                // A client whose machine vanished sends nothing for ever: its watch must not stay for ever.
                let _ = sockopt::set_socket_keepalive(&stream, true);
                let _ = sockopt::set_tcp_keepidle(&stream, KEEPALIVE);
                let _ = sockopt::set_tcp_keepintvl(&stream, KEEPALIVE);
                return (stream, address);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept {whose} connections, trying again");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
