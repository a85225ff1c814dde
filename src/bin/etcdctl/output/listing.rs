//! `ls`: whole keys, one a line, each directory before what is in it (etcdctl reference 8.2).

use std::io;

use etcd2::client::KeyNode;

use super::palette::Paint;
use super::screen::Screen;

/// Lists what is below a directory in the server's order, or names the file. `slash` marks directories by a `/` at
/// their end.
pub(crate) fn list(screen: &mut Screen, named: &KeyNode, slash: bool) -> io::Result<()> {
    if !named.dir {
        return screen.line(&[&named.key]);
    }
    // Not by recursion: a tree may be deeper than a small stack.
    let mut open = vec![named.nodes.iter()];
    while let Some(level) = open.last_mut() {
        let Some(node) = level.next() else {
            open.pop();
            continue;
        };
        if node.dir {
            screen.painted(Paint::Directory, &node.key)?;
            screen.text(if slash { "/\n" } else { "\n" })?;
        } else {
            screen.line(&[&node.key])?;
        }
        open.push(node.nodes.iter());
    }
    Ok(())
}
