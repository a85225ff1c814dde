//! `get` and `ls` (etcdctl reference 8.1, 8.2).

use std::ffi::OsStr;

use etcd2::client::GetOptions;

use super::failure::CommandFailure;
use super::session::{Session, key};
use crate::definition::{OutputFormat, Read};
use crate::output;

/// What `ls` shows.
#[derive(Clone, Copy)]
pub(super) struct ListOptions {
    pub(super) sort: bool,
    pub(super) recursive: bool,
    pub(super) slash: bool,
    pub(super) tree: bool,
}

fn options(sorted: bool, recursive: bool, read: Read) -> GetOptions {
    GetOptions {
        recursive,
        sorted,
        quorum: read.quorum,
        local: read.local,
    }
}

/// Prints a file. A directory is an error in every format but extended, whose block it has (16.2).
pub(super) async fn get(
    session: &mut Session,
    name: &OsStr,
    sort: bool,
    read: Read,
) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let name = key(name);
    let call = client.get(&name, options(sort, false, read));
    let event = session.key_call(call).await?;
    if event.node.dir && session.format() != OutputFormat::Extended {
        return Err(CommandFailure::Directory {
            key: event.node.key,
        });
    }
    output::event(&mut session.screen, session.global.output, &event)?;
    Ok(())
}

/// Lists what is below a directory.
pub(super) async fn ls(
    session: &mut Session,
    name: &OsStr,
    shape: ListOptions,
    read: Read,
) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let recursive = shape.recursive || shape.tree;
    // A drawing in random order helps nobody.
    let sort = shape.sort || shape.tree;
    let name = key(name);
    let call = client.get(&name, options(sort, recursive, read));
    let event = session.key_call(call).await?;
    let screen = &mut session.screen;
    match session.global.output {
        OutputFormat::Simple if shape.tree => output::draw(screen, &event.node, shape.slash)?,
        OutputFormat::Simple => output::list(screen, &event.node, shape.slash)?,
        format => output::event(screen, format, &event)?,
    }
    Ok(())
}
