//! Watching a key: one long poll after the other, without a gap and without a repetition.
//!
//! Once the server has taken a watch, the position of the watcher is known: the head of the answer comes at once, with
//! the last index before it in `X-Etcd-Index`; each event moves the position to the event's own index. Every later
//! poll asks for the next index after the position, so it does not matter which member answers it, or how long nobody
//! did, as long as the member's history reaches back so far; where it does not, the server says so (401), and nothing
//! is skipped in silence. A cluster whose index went back, or that is another one, ends the watch with an error: the
//! position means nothing there.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::attempt::Attempt;
use super::cluster::{Asker, Client};
use super::error::Error;
use super::event::KeyEvent;
use super::path::{Fields, Key};
use super::reply::{ServerReply, number};
use super::request::Request;

/// What to watch, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// Everything below the key as well.
    pub recursive: bool,
    /// The last index already known: the first event is a later one. `None` starts with the next change.
    pub after_index: Option<u64>,
    /// Goes on when no endpoint answers, until one does.
    pub reconnect: bool,
}

/// The first pause after an unanswered try; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The header with the index that an answer is about.
const INDEX: &str = "x-etcd-index";

/// The header that names the cluster; servers of 0.4 have none.
const CLUSTER: &str = "x-etcd-cluster-id";

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
pub struct KeyWatcher {
    client: Client,
    key: Key,
    options: WatchOptions,
    /// The last index whose events this watcher has seen; unknown until a server has taken a watch "from now".
    position: Option<u64>,
    /// Whose indexes these are.
    cluster: Option<String>,
    /// The highest index that the cluster has shown; 0 before the first head.
    shown: u64,
    /// `shown` at the time a head below it was found to come from a member that lags behind the others.
    lagging: Option<u64>,
    /// Rounds over all endpoints in vain since a server last took the watch.
    failures: u32,
    listener: Option<Listener>,
}

impl Client {
    /// Prepares a watch; the first [`KeyWatcher::next`] starts it.
    pub fn watch(&self, key: Key, options: WatchOptions) -> KeyWatcher {
        KeyWatcher {
            client: self.clone(),
            key,
            position: options.after_index,
            options,
            cluster: None,
            shown: 0,
            lagging: None,
            failures: 0,
            listener: None,
        }
    }
}

impl KeyWatcher {
    /// Tells `listener` when the conversation breaks and when it goes on; only with [`WatchOptions::reconnect`].
    #[must_use]
    pub fn on_interruption(
        mut self,
        listener: impl FnMut(Interruption<'_>) + Send + 'static,
    ) -> KeyWatcher {
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
    /// 401 when the cluster's history no longer reaches back to the position; [`Error::OtherCluster`] and
    /// [`Error::WentBack`] when the position means nothing to the cluster any more; without [`WatchOptions::reconnect`] also
    /// that no endpoint answers, and with it that none can ever answer: a certificate that is not trusted, redirects
    /// that lead nowhere.
    pub async fn next(&mut self) -> Result<KeyEvent, Error> {
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
                Err(Error::WentBack { .. }) => self.compare_with_leader(&client).await?,
                Err(error) if self.options.reconnect && self.may_recover(&error) => {
                    self.pause(&error).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The event of an answer; `None` when the server ended the poll without one.
    fn accept(&mut self, reply: &ServerReply) -> Result<Option<KeyEvent>, Error> {
        match reply.event() {
            Ok(event) => {
                // An index never goes back; a server whose does must not make this watch run in circles.
                self.position = self.position.max(Some(event.node.modified_index));
                self.shown = self.shown.max(event.node.modified_index);
                Ok(Some(event))
            }
            Err(Error::EmptyBody) => {
                // What the head counted had been looked through: the position of a quiet key stays within history.
                self.position = self.position.max(number(&reply.headers, INDEX));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A head showed a smaller index than the cluster had shown before: a member may lag, or the store may be another
    /// one under the same name. A linearizable read tells. Where nobody can tell, because there is no leader or the
    /// server is of 0.4 (whose answer to such a read has the node's index, keys-api 2.1), the member is taken to lag.
    async fn compare_with_leader(&mut self, client: &Client) -> Result<(), Error> {
        let query = Fields::default().flag("quorum", true);
        let read = Request::get(query.after(self.key.target()));
        self.lagging = Some(self.shown);
        let reply = match client.send(&read).await {
            Ok(reply) => reply,
            Err(Error::Unavailable(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if matches!(reply.status, 401 | 403) {
            return reply.event().map(drop);
        }
        let is_modern = reply.headers.contains_key(CLUSTER);
        let found = number(&reply.headers, INDEX);
        match found.filter(|_| is_modern && matches!(reply.status, 200 | 404)) {
            Some(found) if found < self.shown => Err(Error::WentBack {
                expected: self.shown,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// Whether waiting can help. What has worked once may work again; what never did, and cannot, is told at once.
    fn may_recover(&self, error: &Error) -> bool {
        let attempts = error.attempts();
        let answered = self.shown > 0;
        !attempts.is_empty() && (answered || !attempts.iter().all(Attempt::is_hopeless))
    }

    fn check_cluster(&mut self, headers: &HeaderMap) -> Result<(), Error> {
        let id = headers.get(CLUSTER).and_then(|value| value.to_str().ok());
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
        // Whoever answers next may be another one.
        self.lagging = None;
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

impl Asker for KeyWatcher {
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
        let index = number(headers, INDEX).filter(|_| status == StatusCode::OK);
        if let Some(found) = index
            && found < self.shown
            && self.lagging != Some(self.shown)
        {
            return Err(Error::WentBack {
                expected: self.shown,
                found,
            });
        }
        self.shown = self.shown.max(index.unwrap_or(0));
        self.position = self.position.or(index);
        if std::mem::take(&mut self.failures) > 0 {
            self.tell(Interruption::Resumed);
        }
        Ok(())
    }
}
