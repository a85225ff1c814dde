//! `watch` (etcdctl reference 9.1), and what it shares with `exec-watch`: the events of files, one after the other, until
//! Ctrl-C.

use std::ffi::OsStr;

use etcd2::client::{Interruption, KeyEvent, KeyWatcher, WatchOptions};

use super::failure::CommandFailure;
use super::interrupt;
use super::session::{Session, key};
use crate::output::{self, Paint, complain};

/// An index of 0 means "from now", as it always did.
pub(super) fn options(recursive: bool, after_index: u64, reconnect: bool) -> WatchOptions {
    WatchOptions {
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
    options: WatchOptions,
) -> Result<(), CommandFailure> {
    let mut watcher = start(session, name, options).await?;
    loop {
        let event = watcher.next().await.map_err(CommandFailure::key)?;
        // What happens to directories is not told (etcdctl reference 9.1).
        if event.node.dir {
            continue;
        }
        show(session, options.recursive, &event)?;
        if !forever {
            return Ok(());
        }
    }
}

/// Reaches the cluster and prepares the watch; from now on Ctrl-C ends the program quietly.
pub(super) async fn start(
    session: &Session,
    name: &OsStr,
    options: WatchOptions,
) -> Result<KeyWatcher, CommandFailure> {
    // At a question Ctrl-C means what it means to every command.
    session.user()?;
    interrupt::end_quietly()?;
    let client = session.connect().await?;
    Ok(client.watch(key(name), options).on_interruption(tell))
}

fn show(session: &mut Session, recursive: bool, event: &KeyEvent) -> Result<(), CommandFailure> {
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
