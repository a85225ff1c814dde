//! Ctrl-C ends what otherwise goes on for ever, with success (etcdctl reference 9.1): whatever the program waits for at
//! that moment, be it the cluster, a name server, or a reader of its output that does not read.

use std::process;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::CommandFailure;

/// From now on SIGINT ends the program with status 0. The signal is waited for on a thread of its own, because the first
/// one may be blocked. What has been shown is whole, each event being flushed before the next is asked for; only one that
/// is just being written to a reader that does not read is cut.
///
/// # Errors
/// When the signal cannot be listened for.
pub(super) fn end_quietly() -> Result<(), CommandFailure> {
    let refuse = |error: std::io::Error| {
        CommandFailure::text(1, format!("Ctrl-C cannot be listened for: {error}"))
    };
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(refuse)?;
    let mut interrupts = {
        let _context = runtime.enter();
        signal(SignalKind::interrupt()).map_err(refuse)?
    };
    let listen = move || {
        if runtime.block_on(interrupts.recv()).is_some() {
            process::exit(0);
        }
    };
    thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(listen)
        .map(drop)
        .map_err(refuse)
}
