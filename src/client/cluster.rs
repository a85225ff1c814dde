//! The cluster as one server: a list of endpoints, asked in order from the one that answered last, until one answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::attempt::{Attempt, Cause};
use super::basic;
use super::connection::Connections;
use super::dial::Dialer;
use super::endpoint::Endpoint;
use super::error::Error;
use super::exchange::Exchanger;
use super::proxy::Proxies;
use super::reply::ServerReply;
use super::request::{Credentials, Observer, Request, Retry};
use crate::tls::Tls;

/// The largest answer that is taken unless another bound is given, 512 MiB: a listing of some two million keys. A tree
/// in memory takes a few times as much.
pub const REPLY_BYTES_MAX: u64 = 512 << 20;

/// What a client is made of.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Whom to ask, in this order.
    pub endpoints: Vec<Endpoint>,
    /// Trust and identity for https endpoints.
    pub tls: Tls,
    /// Proxies between here and the endpoints.
    pub proxies: Proxies,
    /// Sent with every request.
    pub credentials: Option<Credentials>,
    /// Limit of one try: connection, request and head of the answer; `None` waits for ever. Watches have no limit.
    pub header_timeout: Option<Duration>,
    /// The largest answer that is taken, in bytes; `None` is [`REPLY_BYTES_MAX`].
    pub reply_bytes_max: Option<u64>,
    /// Told of every request.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Whoever asks: makes the request of each try, and sees the head of an answer before its body has come.
pub(super) trait Asker {
    /// The request as it is due now.
    fn request(&self) -> Request;

    /// An answer with a status below 500 has begun.
    ///
    /// # Errors
    /// Ends the call: neither the body nor another endpoint is of interest.
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), Error>;
}

impl Asker for &Request {
    fn request(&self) -> Request {
        (*self).clone()
    }

    fn head(&mut self, _: StatusCode, _: &HeaderMap) -> Result<(), Error> {
        Ok(())
    }
}

/// A connection to a cluster. Cheap to clone; all clones share connections and the choice of the endpoint.
#[derive(Clone)]
pub struct Client {
    shared: Arc<ClientState>,
}

struct ClientState {
    exchanger: Exchanger,
    /// Guards the choice only: held to read or change it, never across an await.
    choice: Mutex<Choice>,
}

#[derive(Clone)]
struct Choice {
    endpoints: Vec<Endpoint>,
    /// The one that answered last; tried first.
    pinned: usize,
}

impl Client {
    /// A client; nothing is connected before the first request.
    pub fn new(options: ClientOptions) -> Client {
        let exchanger = Exchanger {
            connections: Connections::new(Dialer::new(options.tls, options.proxies)),
            authorization: options
                .credentials
                .as_ref()
                .map(|user| basic::authorization(user.user.as_bytes(), user.password.as_bytes())),
            header_timeout: options.header_timeout,
            reply_bytes_max: options.reply_bytes_max.unwrap_or(REPLY_BYTES_MAX),
            observer: options.observer,
        };
        Client {
            shared: Arc::new(ClientState {
                exchanger,
                choice: Mutex::new(Choice {
                    endpoints: options.endpoints,
                    pinned: 0,
                }),
            }),
        }
    }

    /// The endpoints in use, in order.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.choice().endpoints
    }

    /// Replaces the endpoints; the one in use stays in use if it is among them.
    pub fn set_endpoints(&self, endpoints: Vec<Endpoint>) {
        let mut choice = self.lock();
        let current = choice.endpoints.get(choice.pinned);
        let kept = current.and_then(|current| endpoints.iter().position(|other| other == current));
        *choice = Choice {
            endpoints,
            pinned: kept.unwrap_or(0),
        };
    }

    /// Sends a request to one endpoint after the other until one answers with a status below 500.
    ///
    /// # Errors
    /// [`Error::NoEndpoints`], [`Error::Unavailable`] with every attempt, or [`Error::Failed`] for a request that may
    /// be tried only once.
    pub async fn send(&self, mut request: &Request) -> Result<ServerReply, Error> {
        let outcome = self.send_for(&mut request).await;
        match outcome {
            Err(Error::Unavailable(attempts)) if request.retry == Retry::Never => {
                // Only the last one can have had an effect: its fate is what the caller must know.
                let told = attempts
                    .iter()
                    .rposition(|attempt| attempt.sent)
                    .unwrap_or(0);
                let mut attempts = attempts.into_iter();
                attempts
                    .nth(told)
                    .map_or(Err(Error::NoEndpoints), |attempt| {
                        Err(Error::Failed(Box::new(attempt)))
                    })
            }
            outcome => outcome,
        }
    }

    /// As [`Client::send`], with a request that may be another for each try.
    pub(super) async fn send_for(&self, asker: &mut impl Asker) -> Result<ServerReply, Error> {
        let Choice { endpoints, pinned } = self.choice();
        let exchanger = &self.shared.exchanger;
        let mut attempts: Vec<Attempt> = Vec::new();
        for at in 0..endpoints.len() {
            let endpoint = &endpoints[(pinned + at) % endpoints.len()];
            let request = asker.request();
            let outcome = match exchanger.ask(endpoint, &request).await {
                Ok(answer) => {
                    asker.head(answer.head.status, &answer.head.headers)?;
                    exchanger.finish(answer).await
                }
                Err(attempt) => Err(attempt),
            };
            match outcome {
                Ok(reply) => {
                    self.pin(endpoint);
                    return Ok(reply);
                }
                // The others would say the same at the same length.
                Err(Attempt {
                    cause: Cause::TooLarge(bytes_max),
                    endpoint,
                    ..
                }) => {
                    return Err(Error::ReplyTooLarge {
                        endpoint,
                        bytes_max,
                    });
                }
                Err(attempt) => {
                    let last = attempt.sent && request.retry != Retry::Always;
                    attempts.push(attempt);
                    if last {
                        break;
                    }
                }
            }
        }
        if attempts.is_empty() {
            return Err(Error::NoEndpoints);
        }
        Err(Error::Unavailable(attempts))
    }

    /// Asks one endpoint and no other.
    pub(super) async fn ask(
        &self,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Result<ServerReply, Attempt> {
        let exchanger = &self.shared.exchanger;
        let answer = exchanger.ask(endpoint, request).await?;
        exchanger.finish(answer).await
    }

    fn pin(&self, endpoint: &Endpoint) {
        let mut choice = self.lock();
        // The list may have been replaced meanwhile.
        if let Some(number) = choice.endpoints.iter().position(|other| other == endpoint) {
            choice.pinned = number;
        }
    }

    fn choice(&self) -> Choice {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Choice> {
        // Whole values are stored: a panic elsewhere cannot leave half a choice.
        self.shared
            .choice
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a call with a limit of time; `None` is no limit.
///
/// # Errors
/// Those of the call, or [`Error::DeadlineExceeded`].
pub async fn within<T>(
    limit: Option<Duration>,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match limit {
        None => call.await,
        Some(limit) => tokio::time::timeout(limit, call)
            .await
            .unwrap_or(Err(Error::DeadlineExceeded)),
    }
}
