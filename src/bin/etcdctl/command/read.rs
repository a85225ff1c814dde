//! `get` and `ls` (etcdctl reference 8.1, 8.2).

use std::ffi::OsStr;

use etcd2::client::Get;

use super::failure::Failure;
use super::session::{Session, key};
use crate::definition::{Output, Read};
use crate::output;

/// What `ls` shows.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) sort: bool,
    pub(super) recursive: bool,
    pub(super) slash: bool,
    pub(super) tree: bool,
}

fn options(sorted: bool, recursive: bool, read: Read) -> Get {
    Get {
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
) -> Result<(), Failure> {
    let client = session.connect().await?;
    let name = key(name);
    let call = client.get(&name, options(sort, false, read));
    let event = session.key_call(call).await?;
    if event.node.dir && session.format() != Output::Extended {
        return Err(Failure::Directory {
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
    shape: Shape,
    read: Read,
) -> Result<(), Failure> {
    let client = session.connect().await?;
    let recursive = shape.recursive || shape.tree;
    // A drawing in random order helps nobody.
    let sort = shape.sort || shape.tree;
    let name = key(name);
    let call = client.get(&name, options(sort, recursive, read));
    let event = session.key_call(call).await?;
    let screen = &mut session.screen;
    match session.global.output {
        Output::Simple if shape.tree => output::draw(screen, &event.node, shape.slash)?,
        Output::Simple => output::list(screen, &event.node, shape.slash)?,
        format => output::event(screen, format, &event)?,
    }
    Ok(())
}
