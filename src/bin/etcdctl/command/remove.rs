//! `rm` and `rmdir` (etcdctl reference 8.9, 8.10).

use std::ffi::OsStr;

use etcd2::client::Delete;

use super::failure::Failure;
use super::session::{Session, key};
use super::write::Condition;
use crate::definition::Output;
use crate::output;

/// Deletes a file, or a directory when asked to.
pub(super) async fn rm(
    session: &mut Session,
    name: &OsStr,
    dir: bool,
    recursive: bool,
    condition: Condition,
) -> Result<(), Failure> {
    let options = Delete {
        dir,
        recursive,
        prev_value: condition.value,
        prev_index: condition.index,
    };
    delete(session, name, options).await
}

/// Deletes an empty directory or a file.
pub(super) async fn rmdir(session: &mut Session, name: &OsStr) -> Result<(), Failure> {
    let options = Delete {
        dir: true,
        ..Delete::default()
    };
    delete(session, name, options).await
}

async fn delete(session: &mut Session, name: &OsStr, options: Delete) -> Result<(), Failure> {
    let client = session.connect().await?;
    let name = key(name);
    let event = session.key_call(client.delete(&name, options)).await?;
    // A directory has no value to show.
    if !event.node.dir || session.format() != Output::Simple {
        output::event(&mut session.screen, session.global.output, &event)?;
    }
    Ok(())
}
