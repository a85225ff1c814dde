//! `exec-watch`: a command for every event of a file (etcdctl reference 9.2).

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Stdio;

use etcd2::client::{Event, Watch};
use tokio::process::Command;

use super::failure::Failure;
use super::session::Session;
use super::watch::{Stop, start};
use crate::output::complain;

/// Runs `command` for each event until Ctrl-C. Commands start in the order of the events and are not waited for.
pub(super) async fn exec_watch(
    session: &mut Session,
    name: &OsStr,
    options: Watch,
    command: &[OsString],
) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let Some(mut watcher) = start(session, name, options, &mut stop).await? else {
        return Ok(());
    };
    while let Some(event) = stop.or(watcher.next()).await? {
        if event.node.dir {
            complain(&format!("Ignored dir {} change\n", event.node.key));
            continue;
        }
        execute(command, &event)?;
    }
    Ok(())
}

/// Starts the command with the event in its environment.
fn execute(command: &[OsString], event: &Event) -> Result<(), Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::text(1, "Error:  key and command to exec required"));
    };
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::null());
    for (variable, value) in [
        ("ETCD_WATCH_ACTION", event.action.as_str()),
        (
            "ETCD_WATCH_MODIFIED_INDEX",
            &event.node.modified_index.to_string(),
        ),
        ("ETCD_WATCH_KEY", &event.node.key),
        ("ETCD_WATCH_VALUE", &event.node.value),
    ] {
        if value.contains('\0') {
            complain(&format!(
                "warning: {variable} is not set: a value with a NUL byte cannot be in an environment\n"
            ));
            child.env_remove(variable);
        } else {
            child.env(variable, value);
        }
    }
    // The runtime collects children that nobody waits for.
    child
        .spawn()
        .map(drop)
        .map_err(|error| refused(program, &error))
}

fn refused(program: &OsStr, error: &io::Error) -> Failure {
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
    Failure::text(1, text)
}
