//! `watch` (etcdctl reference 9.1), and what it shares with `exec-watch`: the events of files, one after the other, until
//! Ctrl-C.

use std::ffi::OsStr;

use etcd2::client::{Event, Interruption, Watch, Watcher};

use super::failure::Failure;
use super::session::{Session, key};
use crate::output::{self, Paint, complain};

/// An index of 0 means "from now", as it always did.
pub(super) fn options(recursive: bool, after_index: u64, reconnect: bool) -> Watch {
    Watch {
        recursive,
        after_index: Some(after_index).filter(|index| *index != 0),
        reconnect,
    }
}

/// Prints the next event, or every one with `forever`.
pub(super) async fn watch(
    session: &mut Session,
    name: &OsStr,
    forever: bool,
    options: Watch,
) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let watcher = start(session, name, options, &mut stop).await?;
    let Some(mut watcher) = watcher else {
        return Ok(());
    };
    while let Some(event) = stop.or(watcher.next()).await? {
        // What happens to directories is not told (reference 9.1).
        if event.node.dir {
            continue;
        }
        show(session, options.recursive, &event)?;
        if !forever {
            break;
        }
    }
    Ok(())
}

/// Reaches the cluster and prepares the watch; `None` when Ctrl-C came first.
pub(super) async fn start(
    session: &Session,
    name: &OsStr,
    options: Watch,
    stop: &mut Stop,
) -> Result<Option<Watcher>, Failure> {
    let client = tokio::select! {
        client = session.connect() => client?,
        () = stop.wait() => return Ok(None),
    };
    Ok(Some(client.watch(key(name), options).on_interruption(tell)))
}

fn show(session: &mut Session, recursive: bool, event: &Event) -> Result<(), Failure> {
    let screen = &mut session.screen;
    if recursive {
        screen.painted(Paint::Action, &format!("[{}]", event.action))?;
        screen.line(&[" ", &event.node.key])?;
    }
    output::event(screen, session.global.output, event)?;
    // Whoever reads this line acts on it now.
    screen.flush()?;
    Ok(())
}

fn tell(interruption: Interruption<'_>) {
    match interruption {
        Interruption::Lost(error) => complain(&format!(
            "watch interrupted, trying again until an endpoint answers: {}\n",
            error.to_string().trim_end()
        )),
        Interruption::Resumed => complain("watch goes on where it was interrupted\n"),
    }
}

/// Ctrl-C, listened for from the start: it ends a watch with success.
pub(super) struct Stop(tokio::signal::unix::Signal);

impl Stop {
    pub(super) fn new() -> Result<Stop, Failure> {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
            .map(Stop)
            .map_err(|error| Failure::text(1, format!("Ctrl-C cannot be listened for: {error}")))
    }

    pub(super) async fn wait(&mut self) {
        self.0.recv().await;
    }

    /// What `call` comes to, or `None` when Ctrl-C comes first.
    pub(super) async fn or<T>(
        &mut self,
        call: impl Future<Output = Result<T, etcd2::client::Error>>,
    ) -> Result<Option<T>, Failure> {
        tokio::select! {
            outcome = call => outcome.map(Some).map_err(Failure::key),
            () = self.wait() => Ok(None),
        }
    }
}
