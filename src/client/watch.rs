//! Watching a key: one long poll after the other, without a gap and without a repetition.
//!
//! Once the server has taken a watch, the position of the watcher is known: the head of the answer comes at once, with
//! the last index before it in `X-Etcd-Index`; each event moves the position to the event's own index. Every later
//! poll asks for the next index after the position, so it does not matter which member answers it, or how long nobody
//! did, as long as the member's history reaches back so far; where it does not, the server says so (401), and nothing
//! is skipped in silence.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::cluster::{Asker, Client};
use super::error::Error;
use super::exchange::{Reply, number};
use super::path::{Fields, Key};
use super::request::Request;
use super::response::Event;

/// What to watch, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Everything below the key as well.
    pub recursive: bool,
    /// The last index already known: the first event is a later one. `None` starts with the next change.
    pub after_index: Option<u64>,
    /// Goes on when no endpoint answers, until one does.
    pub reconnect: bool,
}

/// The first pause after an unanswered try; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What becomes of the conversation behind a watch that goes on by itself.
#[derive(Debug)]
pub enum Interruption<'a> {
    /// No endpoint answered, or the one that had taken the watch broke off; it is tried again until one takes it.
    /// Told once, however many tries fail.
    Lost(&'a Error),
    /// An endpoint has taken the watch again; no event was missed.
    Resumed,
}

type Listener = Box<dyn FnMut(Interruption<'_>) + Send>;

/// A watch under way.
pub struct Watcher {
    client: Client,
    key: Key,
    options: Watch,
    /// The last index whose events this watcher has seen; unknown until a server has taken a watch "from now".
    position: Option<u64>,
    /// Whose indexes these are.
    cluster: Option<String>,
    /// Rounds over all endpoints in vain since a server last took the watch.
    failures: u32,
    listener: Option<Listener>,
}

impl Client {
    /// Prepares a watch; the first [`Watcher::next`] starts it.
    pub fn watch(&self, key: Key, options: Watch) -> Watcher {
        Watcher {
            client: self.clone(),
            key,
            position: options.after_index,
            options,
            cluster: None,
            failures: 0,
            listener: None,
        }
    }
}

impl Watcher {
    /// Tells `listener` when the conversation breaks and when it goes on; only with [`Watch::reconnect`].
    #[must_use]
    pub fn on_interruption(
        mut self,
        listener: impl FnMut(Interruption<'_>) + Send + 'static,
    ) -> Watcher {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The last index whose events have been seen, once it is known.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// Waits for the next event.
    ///
    /// Dropping the future loses nothing: the next call asks from the same position again, and a watch that starts
    /// with the next change has one as soon as a server has taken it.
    ///
    /// # Errors
    /// 401 when the cluster's history no longer reaches back to the position; [`Error::OtherCluster`]; without
    /// [`Watch::reconnect`] also that no endpoint answers.
    pub async fn next(&mut self) -> Result<Event, Error> {
        let client = self.client.clone();
        loop {
            match client.send_for(self).await {
                Ok(reply) => {
                    if let Some(event) = self.accept(&reply)? {
                        return Ok(event);
                    }
                    // Whatever ends polls at once and for ever is not asked without a breath.
                    tokio::time::sleep(PAUSE_MIN).await;
                }
                Err(error) if self.options.reconnect && !error.attempts().is_empty() => {
                    self.pause(&error).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The event of an answer; `None` when the server ended the poll without one.
    fn accept(&mut self, reply: &Reply) -> Result<Option<Event>, Error> {
        match Event::read(reply) {
            Ok(event) => {
                // An index never goes back; a server whose does must not make this watch run in circles.
                self.position = self.position.max(Some(event.node.modified_index));
                Ok(Some(event))
            }
            Err(Error::EmptyBody) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn check_cluster(&mut self, headers: &HeaderMap) -> Result<(), Error> {
        let id = headers
            .get("x-etcd-cluster-id")
            .and_then(|value| value.to_str().ok());
        match (&self.cluster, id) {
            (Some(expected), Some(found)) if expected != found => Err(Error::OtherCluster {
                expected: expected.clone(),
                found: found.to_owned(),
            }),
            (None, Some(found)) => {
                self.cluster = Some(found.to_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn pause(&mut self, error: &Error) {
        if self.failures == 0 {
            self.tell(Interruption::Lost(error));
        }
        let pause = PAUSE_MIN * 2_u32.saturating_pow(self.failures.min(10));
        self.failures += 1;
        tokio::time::sleep(pause.min(PAUSE_MAX)).await;
    }

    fn tell(&mut self, interruption: Interruption<'_>) {
        if let Some(listener) = &mut self.listener {
            listener(interruption);
        }
    }
}

impl Asker for Watcher {
    fn request(&self) -> Request {
        // The largest index has no next one; a server that names it, or a user, gets no answer that makes sense.
        let next = self
            .position
            .map_or(0, |position| position.saturating_add(1));
        let query = Fields::default()
            .flag("recursive", self.options.recursive)
            .flag("wait", true)
            .field("waitIndex", next.to_string().as_bytes());
        Request {
            waits: true,
            ..Request::get(query.after(self.key.target()))
        }
    }

    /// All that a head tells is taken at once: the event may be days away, and the connection, the caller's patience
    /// or the server may end before. A watch "from now" that began again "from now" would have a gap; one that waits
    /// at another cluster would wait in vain.
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), Error> {
        self.check_cluster(headers)?;
        if std::mem::take(&mut self.failures) > 0 {
            self.tell(Interruption::Resumed);
        }
        if status == StatusCode::OK && self.position.is_none() {
            self.position = number(headers, "x-etcd-index");
        }
        Ok(())
    }
}
