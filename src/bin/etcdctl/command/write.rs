//! `set`, `mk` and `update`: files (etcdctl reference 8.3, 8.4, 8.5, 8.7).

use std::ffi::{OsStr, OsString};

use std::os::unix::ffi::OsStringExt;

use etcd2::bounded;
use etcd2::client::{Client, PutOptions};

use super::failure::CommandFailure;
use super::session::{Session, key, ttl};
use crate::output;

/// What must be there before. An empty value and an index of 0 are no condition, as they always were.
pub(super) struct SwapCondition {
    pub(super) value: Option<Vec<u8>>,
    pub(super) index: Option<u64>,
}

impl SwapCondition {
    pub(super) fn new(value: OsString, index: u64) -> SwapCondition {
        SwapCondition {
            value: Some(value.into_vec()).filter(|value| !value.is_empty()),
            index: Some(index).filter(|index| *index != 0),
        }
    }
}

/// Creates or replaces a file.
pub(super) async fn set(
    session: &mut Session,
    name: &OsStr,
    value: Option<OsString>,
    seconds: i64,
    condition: SwapCondition,
) -> Result<(), CommandFailure> {
    let options = PutOptions {
        ttl: ttl(seconds),
        prev_value: condition.value,
        prev_index: condition.index,
        ..PutOptions::default()
    };
    put(session, name, value, options).await
}

/// Changes an existing file.
pub(super) async fn update(
    session: &mut Session,
    name: &OsStr,
    value: Option<OsString>,
    seconds: i64,
) -> Result<(), CommandFailure> {
    let options = PutOptions {
        ttl: ttl(seconds),
        prev_exist: Some(true),
        ..PutOptions::default()
    };
    put(session, name, value, options).await
}

/// Creates a file that is not there yet, or the next one in order below a directory.
pub(super) async fn mk(
    session: &mut Session,
    name: &OsStr,
    value: Option<OsString>,
    in_order: bool,
    seconds: i64,
) -> Result<(), CommandFailure> {
    if !in_order {
        let options = PutOptions {
            ttl: ttl(seconds),
            prev_exist: Some(false),
            ..PutOptions::default()
        };
        return put(session, name, value, options).await;
    }
    let (client, value) = prepare(session, value).await?;
    let directory = key(name);
    let call = client.create_in_order(&directory, &value, ttl(seconds));
    let event = session.key_call(call).await?;
    output::event(&mut session.screen, session.global.output, &event)?;
    Ok(())
}

async fn put(
    session: &mut Session,
    name: &OsStr,
    value: Option<OsString>,
    options: PutOptions,
) -> Result<(), CommandFailure> {
    let (client, value) = prepare(session, value).await?;
    let name = key(name);
    let event = session.key_call(client.put(&name, &value, options)).await?;
    output::event(&mut session.screen, session.global.output, &event)?;
    Ok(())
}

/// The way to the cluster, then the value: whoever types it should not learn afterwards that nobody listens.
async fn prepare(
    session: &Session,
    value: Option<OsString>,
) -> Result<(Client, Vec<u8>), CommandFailure> {
    let client = session.connect().await?;
    let value = match value {
        Some(value) => value.into_vec(),
        // On a thread of its own: meanwhile the connection that `connect` used may be closed, which must be noticed.
        None => tokio::task::spawn_blocking(from_stdin)
            .await
            .unwrap_or_else(|error| Err(unreadable(&error)))?,
    };
    Ok((client, value))
}

/// More than any server takes: 10 MiB in the original's answer to a form that is too large.
const VALUE_BYTES: u64 = 16 << 20;

/// All of standard input, nothing trimmed; nothing at all is no value.
fn from_stdin() -> Result<Vec<u8>, CommandFailure> {
    let value =
        bounded::read(std::io::stdin().lock(), VALUE_BYTES).map_err(|error| unreadable(&error))?;
    if value.is_empty() {
        return Err(CommandFailure::text(1, "Error:  value required"));
    }
    Ok(value)
}

fn unreadable(error: &dyn std::fmt::Display) -> CommandFailure {
    let text = format!("Error:  the value cannot be read from standard input: {error}");
    CommandFailure::text(1, text)
}
