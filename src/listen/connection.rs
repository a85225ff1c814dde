//! One connection, until it ends or is told to, or a limit of time has passed.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::activity::{Activity, Exchange};
use super::date;
use super::drain::Stage;
use super::handler::Handler;
use super::head::BodyFraming;
use super::limit::PortLimits;
use super::link::{Link, Peer};
use super::socket::Socket;
use super::watchman::Watchman;

/// For what the HTTP library buffers of a connection in each direction: a request line of 64 KiB with its header fits.
const BUFFER_BYTES: usize = 128 * 1024;

/// Serves a connection over any stream, until it ends or its bytes are somebody else's: after an upgrade it is neither
/// counted nor waited for.
pub(super) async fn serve<H, T>(
    stream: T,
    peer: Peer,
    handler: Arc<H>,
    limits: &PortLimits,
    activity: Arc<Activity>,
    mut stages: watch::Receiver<Stage>,
) where
    H: Handler,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = Open::new(&handler);
    let mut watchman = Watchman::new(Arc::clone(&activity), limits);
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&activity)));
    let address = peer.address;
    let displaced = Arc::clone(&activity);
    let link = Arc::new(Link {
        handler,
        peer,
        activity,
    });
    let service = service_fn(move |request| {
        let link = Arc::clone(&link);
        let exchange = begin(&link.activity, &request);
        async move {
            let mut response = H::answer(&link, exchange, request).await;
            date::add(response.headers_mut());
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = Builder::new();
    builder
        .title_case_headers(true)
        .header_read_timeout(None)
        // The library's own stands still where the clock is set back.
        .auto_date_header(false)
        .max_buf_size(BUFFER_BYTES);
    let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
    let mut ticks = interval(watchman.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let whose = limits.whose;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%address, %error, "{whose} connection broke");
                }
                break;
            }
            changed = stages.changed() => match *stages.borrow_and_update() {
                Stage::Draining if changed.is_ok() => connection.as_mut().graceful_shutdown(),
                Stage::Serving if changed.is_ok() => {}
                _ => break,
            },
            () = displaced.displaced() => if displaced.is_silent() {
                tracing::debug!(%address, "a silent {whose} connection gave way");
                break;
            },
            _ = ticks.tick() => if let Some(limit) = watchman.overdue(open.0.is_contended()) {
                tracing::debug!(%address, limit, "{whose} connection closed");
                break;
            },
        }
    }
    drop(open);
}

/// Begins the exchange of a request and its answer. To be called before the connection reads on: it asks for what follows
/// the head.
fn begin(activity: &Arc<Activity>, request: &Request<Incoming>) -> Exchange {
    let framing = match request.body().size_hint().exact() {
        Some(length) => BodyFraming::Length(length),
        None => BodyFraming::Chunked,
    };
    Exchange::begin(activity, framing)
}

/// Counts an open connection.
struct Open<H: Handler>(Arc<H>);

impl<H: Handler> Open<H> {
    fn new(handler: &Arc<H>) -> Self {
        handler.opened();
        Self(Arc::clone(handler))
    }
}

impl<H: Handler> Drop for Open<H> {
    fn drop(&mut self) {
        self.0.closed();
    }
}
