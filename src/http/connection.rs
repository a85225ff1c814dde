//! Accepting and serving connections: a bounded number of them, each with limits of time, and an orderly end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::activity::Activity;
use super::front::Front;
use super::options::HttpOptions;
use super::route::{self, Link};
use super::socket::Socket;
use super::turned_away::TurnedAway;
use super::watchman::Watchman;
use super::workers::Workers;
use crate::service::Service;

/// For what the HTTP library buffers of a connection in each direction: a request line of 64 KiB with its header fits.
const BUFFER_BYTES: usize = 128 * 1024;

/// Silence after which a connection is probed, and time between two probes.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long connections get to notice that they are to be aborted.
const ABORT_WITHIN: Duration = Duration::from_secs(1);

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Where it comes from.
    pub(super) address: SocketAddr,
    /// The common name of its verified certificate.
    pub(super) certificate_name: Option<String>,
    /// Whether the connection is encrypted; the host check is for those that are not (cluster-and-config 7.4).
    pub(super) secure: bool,
}

/// What connections are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Finish the request in flight.
    Draining,
    Aborting,
}

/// Serves the client API until `shutdown` becomes true or its sender is gone. Then no connection is accepted any
/// more, watches end, requests in flight get [`HttpOptions::drain_timeout`], and the rest is aborted. Accepts inside
/// the caller's Tokio runtime, serves on `workers`.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    options: Arc<HttpOptions>,
    workers: Arc<Workers>,
    mut shutdown: watch::Receiver<bool>,
) {
    let front = Front::new(service, Arc::clone(&options));
    let limit = u32::try_from(options.max_connections)
        .unwrap_or(u32::MAX)
        .min(Semaphore::MAX_PERMITS as u32);
    let slots = Arc::new(Semaphore::new(limit as usize));
    let mut away = TurnedAway::new(options.max_refusals);
    let (stage, stages) = watch::channel(Stage::Serving);
    {
        let mut stop = pin!(shutdown.wait_for(|stop| *stop));
        loop {
            let (stream, address) = tokio::select! {
                biased;
                _ = &mut stop => break,
                accepted = accept(&listener) => accepted,
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                away.refuse(stream, &front);
                continue;
            };
            let peer = Peer {
                address,
                certificate_name: None,
                secure: false,
            };
            let (front, stages) = (Arc::clone(&front), stages.clone());
            // The stream leaves the accepting runtime's poller and enters that of its worker.
            let Ok(stream) = stream.into_std() else {
                continue;
            };
            workers.spawn(async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    serve_stream(stream, peer, front, stages).await;
                }
                drop(slot);
            });
        }
    }
    drop(listener);
    front.stop();
    stage.send_replace(Stage::Draining);
    if timeout(options.drain_timeout, slots.acquire_many(limit))
        .await
        .is_err()
    {
        let open = limit as usize - slots.available_permits();
        tracing::warn!(
            open,
            "client connections did not end in time and are aborted"
        );
        stage.send_replace(Stage::Aborting);
        // Aborting needs no more than a poll of each connection.
        drop(timeout(ABORT_WITHIN, slots.acquire_many(limit)).await);
    }
}

/// The next connection. Errors of one connection are passed over; a lack of descriptors or memory is waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
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
                tracing::warn!(%error, "cannot accept client connections, trying again");
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

/// Serves one connection over any stream, until it ends or a limit of time has passed.
async fn serve_stream<T>(
    stream: T,
    peer: Peer,
    front: Arc<Front>,
    mut stages: watch::Receiver<Stage>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = Open::new(&front);
    let activity = Activity::connected();
    let mut watchman = Watchman::new(Arc::clone(&activity), &front.options);
    let budgets = [front.service.sending_bytes(), &front.answers].map(Arc::clone);
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&activity)));
    let link = Arc::new(Link {
        front,
        activity,
        peer,
    });
    let address = link.peer.address;
    let service = service_fn(move |request| {
        let link = Arc::clone(&link);
        let turn = route::begin(&link, &request);
        async move { Ok::<_, Infallible>(route::answer(&link, turn, request).await) }
    });
    let mut builder = Builder::new();
    builder
        .title_case_headers(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut ticks = interval(watchman.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%address, %error, "client connection broke");
                }
                break;
            }
            changed = stages.changed() => match *stages.borrow_and_update() {
                Stage::Draining if changed.is_ok() => connection.as_mut().graceful_shutdown(),
                Stage::Serving if changed.is_ok() => {}
                _ => break,
            },
            _ = ticks.tick() => if let Some(limit) = watchman.overdue(budgets.iter().any(|budget| budget.is_waited_for())) {
                tracing::debug!(%address, limit, "client connection closed");
                break;
            },
        }
    }
    drop(open);
}

/// Counts an open connection.
struct Open(Arc<Front>);

impl Open {
    fn new(front: &Arc<Front>) -> Self {
        front.service.metrics().http_connections.inc();
        Self(Arc::clone(front))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.service.metrics().http_connections.dec();
    }
}
