//! `-o extended`: a block of lines with what is known about a node, as the tutorial shows it (etcdctl reference 6.2, 16.2).

use std::io;

use etcd2::client::KeyEvent;

use super::screen::Screen;

/// Prints the block, then an empty line and the value; what was deleted and directories have no value to follow.
pub(super) fn block(screen: &mut Screen, event: &KeyEvent) -> io::Result<()> {
    let node = &event.node;
    screen.line(&["Key: ", &node.key])?;
    screen.line(&["Created-Index: ", &node.created_index.to_string()])?;
    screen.line(&["Modified-Index: ", &node.modified_index.to_string()])?;
    if let Some(before) = &event.prev_node {
        screen.text("PrevNode.Value: ")?;
        screen.value(&before.value)?;
    }
    screen.line(&["TTL: ", &node.ttl.to_string()])?;
    screen.line(&["Etcd-Index: ", &event.etcd_index.to_string()])?;
    screen.line(&["Raft-Index: ", &event.raft_index.to_string()])?;
    screen.line(&["Raft-Term: ", &event.raft_term.to_string()])?;
    if event.action == "delete" || node.dir {
        return Ok(());
    }
    screen.line(&[])?;
    screen.value(&node.value)
}
