//! What a server must hold, without trust in it: the events that were acknowledged or that a sound start served as
//! history, and the tree that they add up to at each index.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

/// Files and directories by key, the root and remaining TTLs left out.
pub(crate) type Tree = BTreeMap<String, Value>;

/// A write that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Ack {
    /// Its index in the tree.
    pub(crate) index: u64,
    /// Its entry in the log.
    pub(crate) entry: u64,
    /// When the answer came.
    pub(crate) at: Instant,
    /// What the answer said.
    pub(crate) event: Value,
}

/// One life of a directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// History as a sound start serves it, by index.
    pub(crate) events: BTreeMap<u64, Value>,
    /// What was acknowledged, in no order.
    pub(crate) acks: Vec<Ack>,
    /// The index at which the sound start stood.
    pub(crate) last: u64,
}

impl Model {
    /// The tree when `index` was the last write.
    pub(crate) fn tree_at(&self, index: u64) -> Tree {
        let mut tree = Tree::new();
        for event in self.events.range(..=index).map(|(_, event)| event) {
            apply(&mut tree, event);
        }
        tree
    }

    /// The highest index that was acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        let indexes = self.acks.iter().map(|ack| ack.index);
        indexes.max().unwrap_or(0)
    }

    /// The highest index acknowledged among the entries up to `entry`.
    pub(crate) fn acked_within(&self, entry: u64) -> u64 {
        let durable = self.acks.iter().filter(|ack| ack.entry <= entry);
        durable.map(|ack| ack.index).max().unwrap_or(0)
    }

    /// Checks that history holds every acknowledged write as it was acknowledged.
    ///
    /// # Panics
    /// When it does not: then even the undamaged directory lost something, and no verdict would mean anything.
    pub(crate) fn check(&self, served: &Tree) {
        for ack in &self.acks {
            let have = self.events.get(&ack.index);
            assert_eq!(
                have,
                Some(&ack.event),
                "an acknowledged write is not history's"
            );
        }
        assert_eq!(
            &self.tree_at(self.last),
            served,
            "history does not add up to the tree"
        );
    }
}

/// Reads an event as replies and watches carry it; `None` for anything else.
pub(crate) fn event(body: &[u8]) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    for name in ["node", "prevNode"] {
        if let Some(node) = value.get_mut(name) {
            plain(node);
        }
    }
    index(&value)?;
    Some(value)
}

/// The index an event took.
pub(crate) fn index(event: &Value) -> Option<u64> {
    event["node"]["modifiedIndex"].as_u64()
}

/// The nodes of a recursive listing; `None` when it is none.
pub(crate) fn listing(body: &[u8]) -> Option<Tree> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut tree = Tree::new();
    let children = value.get("node")?.get("nodes");
    for child in children.and_then(Value::as_array).into_iter().flatten() {
        collect(child, &mut tree)?;
    }
    Some(tree)
}

/// A node without what changes while time passes, and without its children.
pub(crate) fn plain(node: &mut Value) {
    if let Some(fields) = node.as_object_mut() {
        fields.remove("ttl");
        fields.remove("nodes");
    }
}

fn collect(node: &Value, tree: &mut Tree) -> Option<()> {
    for child in node["nodes"].as_array().into_iter().flatten() {
        collect(child, tree)?;
    }
    let mut node = node.clone();
    plain(&mut node);
    let key = node["key"].as_str()?.to_owned();
    tree.insert(key, node);
    Some(())
}

/// Applies one event; the directories above a new key are made with it.
pub(crate) fn apply(tree: &mut Tree, event: &Value) {
    let node = &event["node"];
    let key = node["key"].as_str().unwrap_or("").to_owned();
    if let Some("delete" | "compareAndDelete" | "expire") = event["action"].as_str() {
        let below = format!("{key}/");
        tree.retain(|have, _| *have != key && !have.starts_with(&below));
        return;
    }
    let modified = node["modifiedIndex"].clone();
    for (at, _) in key.match_indices('/').skip(1) {
        let parent = &key[..at];
        if !tree.contains_key(parent) {
            let made = serde_json::json!({
                "key": parent, "dir": true, "createdIndex": modified, "modifiedIndex": modified,
            });
            tree.insert(parent.to_owned(), made);
        }
    }
    tree.insert(key, node.clone());
}
