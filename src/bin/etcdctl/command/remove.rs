//! `rm` and `rmdir` (etcdctl reference 8.9, 8.10).

use std::ffi::OsStr;

use etcd2::client::DeleteOptions;

use super::failure::CommandFailure;
use super::session::{Session, key};
use super::write::SwapCondition;
use crate::definition::OutputFormat;
use crate::output;

/// Deletes a file, or a directory when asked to.
pub(super) async fn rm(
    session: &mut Session,
    name: &OsStr,
    dir: bool,
    recursive: bool,
    condition: SwapCondition,
) -> Result<(), CommandFailure> {
    let options = DeleteOptions {
        dir,
        recursive,
        prev_value: condition.value,
        prev_index: condition.index,
    };
    delete(session, name, options).await
}

/// Deletes an empty directory or a file.
pub(super) async fn rmdir(session: &mut Session, name: &OsStr) -> Result<(), CommandFailure> {
    let options = DeleteOptions {
        dir: true,
        ..DeleteOptions::default()
    };
    delete(session, name, options).await
}

async fn delete(
    session: &mut Session,
    name: &OsStr,
    options: DeleteOptions,
) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let name = key(name);
    let event = session.key_call(client.delete(&name, options)).await?;
    // A directory has no value to show.
    if !event.node.dir || session.format() != OutputFormat::Simple {
        output::event(&mut session.screen, session.global.output, &event)?;
    }
    Ok(())
}
