//! `exec-watch`: a command for every event of a file (etcdctl reference 9.2).

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Stdio;

use etcd2::client::{KeyEvent, WatchOptions};
use tokio::process::Command;

use super::failure::CommandFailure;
use super::session::Session;
use super::watch::start;
use crate::output::{complain, one_line};

/// The longest variable with its name that Linux hands to a program: 32 pages.
const VARIABLE_BYTES_MAX: usize = 128 << 10;

/// Runs `command` for each event until Ctrl-C. Commands start in the order of the events and are not waited for.
pub(super) async fn exec_watch(
    session: &mut Session,
    name: &OsStr,
    options: WatchOptions,
    command: &[OsString],
) -> Result<(), CommandFailure> {
    let mut watcher = start(session, name, options).await?;
    loop {
        let event = watcher.next().await.map_err(CommandFailure::key)?;
        if event.node.dir {
            let key = one_line(&event.node.key);
            complain(&format!("Ignored dir {key} change\n"));
            continue;
        }
        execute(command, &event)?;
    }
}

/// Starts the command with the event in its environment.
fn execute(command: &[OsString], event: &KeyEvent) -> Result<(), CommandFailure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(CommandFailure::text(
            1,
            "Error:  key and command to exec required",
        ));
    };
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::null());
    let index = event.node.modified_index.to_string();
    let variables = [
        ("ETCD_WATCH_ACTION", event.action.as_str()),
        ("ETCD_WATCH_MODIFIED_INDEX", index.as_str()),
        ("ETCD_WATCH_KEY", event.node.key.as_str()),
        ("ETCD_WATCH_VALUE", event.node.value.as_str()),
    ];
    for (variable, value) in variables {
        set(&mut child, variable, value);
    }
    // The runtime collects children that nobody waits for.
    child
        .spawn()
        .map(drop)
        .map_err(|error| refused(program, &error))
}

/// Sets a variable of the child. One that no environment can hold is left out with a warning: the event is still worth
/// a run, which can read the value itself.
fn set(child: &mut Command, variable: &str, value: &str) {
    let reason = if value.contains('\0') {
        "a value with a NUL byte cannot be in an environment"
    } else if variable.len() + value.len() + "=\0".len() > VARIABLE_BYTES_MAX {
        "the value is too long for an environment"
    } else {
        child.env(variable, value);
        return;
    };
    complain(&format!("warning: {variable} is not set: {reason}\n"));
    child.env_remove(variable);
}

fn refused(program: &OsStr, error: &io::Error) -> CommandFailure {
    let shown = program.to_string_lossy();
    let text = match error.kind() {
        io::ErrorKind::NotFound if shown.contains('/') => {
            format!("fork/exec {shown}: no such file or directory")
        }
        io::ErrorKind::NotFound => {
            format!("exec: {shown:?}: executable file not found in $PATH")
        }
        io::ErrorKind::PermissionDenied => format!("fork/exec {shown}: permission denied"),
        _ => format!("fork/exec {shown}: {error}"),
    };
    CommandFailure::text(1, text)
}
