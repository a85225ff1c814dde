//! `mkdir`, `setdir` and `updatedir` (etcdctl reference 8.6, 8.7, 8.8). They print nothing in the simple format.

use std::ffi::OsStr;

use etcd2::client::PutOptions;

use super::failure::CommandFailure;
use super::session::{Session, key, ttl};
use crate::definition::OutputFormat;
use crate::output;

/// Makes a directory that is not there yet.
pub(super) async fn mkdir(
    session: &mut Session,
    name: &OsStr,
    seconds: i64,
) -> Result<(), CommandFailure> {
    put(session, name, seconds, Some(false)).await
}

/// Makes a directory, or one out of a file; an existing directory is refused by the server (16.4).
pub(super) async fn setdir(
    session: &mut Session,
    name: &OsStr,
    seconds: i64,
) -> Result<(), CommandFailure> {
    put(session, name, seconds, None).await
}

/// Gives an existing directory another TTL, or none.
pub(super) async fn updatedir(
    session: &mut Session,
    name: &OsStr,
    seconds: i64,
) -> Result<(), CommandFailure> {
    put(session, name, seconds, Some(true)).await
}

async fn put(
    session: &mut Session,
    name: &OsStr,
    seconds: i64,
    prev_exist: Option<bool>,
) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let options = PutOptions {
        dir: true,
        ttl: ttl(seconds),
        prev_exist,
        ..PutOptions::default()
    };
    let name = key(name);
    let event = session.key_call(client.put(&name, b"", options)).await?;
    // A file whose TTL `updatedir` took comes back as a file, and shows nothing all the same.
    if session.format() != OutputFormat::Simple {
        output::event(&mut session.screen, session.global.output, &event)?;
    }
    Ok(())
}
