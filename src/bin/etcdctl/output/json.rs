//! `-o json`: one line for each answer, in the field order of the original's client (etcdctl reference 6.3). It is not
//! the server's own text: absent fields appear as null or empty, and the indexes come in another order.

use std::io;

use etcd2::client::{KeyEvent, KeyNode};
use etcd2::json;

use super::screen::Screen;

pub(super) fn line(screen: &mut Screen, event: &KeyEvent) -> io::Result<()> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"action\":");
    json::string(&mut out, event.action.as_bytes());
    out.extend_from_slice(b",\"node\":");
    node(&mut out, &event.node);
    out.extend_from_slice(b",\"prevNode\":");
    match &event.prev_node {
        Some(before) => node(&mut out, before),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b"}\n");
    screen.json(&out)
}

/// Recursion ends where the library ends it when it reads; that many levels take less than the smallest usual stack.
fn node(out: &mut Vec<u8>, shown: &KeyNode) {
    out.extend_from_slice(b"{\"key\":");
    json::string(out, shown.key.as_bytes());
    if shown.dir {
        out.extend_from_slice(b",\"dir\":true");
    }
    out.extend_from_slice(b",\"value\":");
    json::string(out, shown.value.as_bytes());
    out.extend_from_slice(b",\"nodes\":");
    children(out, &shown.nodes);
    out.extend_from_slice(b",\"createdIndex\":");
    json::number(out, shown.created_index);
    out.extend_from_slice(b",\"modifiedIndex\":");
    json::number(out, shown.modified_index);
    if let Some(expiration) = &shown.expiration {
        out.extend_from_slice(b",\"expiration\":");
        json::string(out, expiration.as_bytes());
    }
    if shown.ttl != 0 {
        out.extend_from_slice(b",\"ttl\":");
        json::signed(out, shown.ttl);
    }
    out.push(b'}');
}

fn children(out: &mut Vec<u8>, nodes: &[KeyNode]) {
    if nodes.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    for (number, child) in nodes.iter().enumerate() {
        out.push(if number == 0 { b'[' } else { b',' });
        node(out, child);
    }
    out.push(b']');
}
