//! Answers of the keys API, read into nodes.
//!
//! What is absent is zero or empty, as the original's client has it; a tree may be as deep as a key can have elements,
//! and no deeper, so that no answer can exhaust the stack.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{ApiError, Error};
use super::exchange::Reply;

/// The deepest tree that is read: more than the elements that the longest key has.
const DEPTH_MAX: usize = 600;

/// A file or a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Whole key; the server leaves it out for the root, where it is `/`.
    pub key: String,
    /// Whether it is a directory.
    pub dir: bool,
    /// Value of a file.
    pub value: String,
    /// Children, as far as the answer lists them.
    pub nodes: Vec<Node>,
    /// Index at which it came to be.
    pub created_index: u64,
    /// Index of its last change.
    pub modified_index: u64,
    /// When it expires, in the server's words (RFC 3339, UTC).
    pub expiration: Option<String>,
    /// Seconds it has left, 0 without a TTL.
    pub ttl: i64,
}

/// A successful answer of the keys API, or an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `get`, `set`, `update`, `create`, `delete`, `expire`, `compareAndSwap`, `compareAndDelete`.
    pub action: String,
    /// The node as it is now.
    pub node: Node,
    /// The node as it was before.
    pub prev_node: Option<Node>,
    /// `X-Etcd-Index`: for a watch, of the moment the wait began. 0 without the header.
    pub etcd_index: u64,
    /// `X-Raft-Index`.
    pub raft_index: u64,
    /// `X-Raft-Term`.
    pub raft_term: u64,
}

impl Event {
    /// Reads the answer to a request on keys.
    ///
    /// # Errors
    /// The server's own error, or that this is no answer of such a server.
    pub(super) fn read(reply: &Reply) -> Result<Event, Error> {
        let invalid = |error: String| invalid(reply, &error);
        if !matches!(reply.status, 200 | 201) {
            let mut error: ApiError =
                serde_json::from_slice(&reply.body).map_err(|error| invalid(error.to_string()))?;
            error.status = reply.status;
            return Err(Error::Api(error));
        }
        if reply.body.is_empty() {
            return Err(Error::EmptyBody);
        }
        let mut event = Event::parse(&reply.body).map_err(invalid)?;
        event.etcd_index = reply.number("x-etcd-index").unwrap_or(0);
        event.raft_index = reply.number("x-raft-index").unwrap_or(0);
        event.raft_term = reply.number("x-raft-term").unwrap_or(0);
        Ok(event)
    }

    /// Reads the body of a successful answer, or a file that holds one. The indexes of the headers are 0.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(body: &[u8]) -> Result<Event, String> {
        let mut json = serde_json::Deserializer::from_slice(body);
        // The visitor below counts for itself.
        json.disable_recursion_limit();
        EventSeed
            .deserialize(&mut json)
            .and_then(|event| json.end().map(|()| event))
            .map_err(|error| error.to_string())?
            .ok_or_else(|| "there is no node in it".to_owned())
    }
}

/// An answer that is not understood, with its beginning.
pub(super) fn invalid(reply: &Reply, reason: &str) -> Error {
    const SHOWN: usize = 200;
    let beginning = &reply.body[..reply.body.len().min(SHOWN)];
    Error::InvalidReply {
        endpoint: reply.endpoint.clone(),
        status: reply.status,
        detail: format!(
            "{reason}; it begins {:?}",
            String::from_utf8_lossy(beginning)
        ),
    }
}

struct EventSeed;

impl<'de> DeserializeSeed<'de> for EventSeed {
    type Value = Option<Event>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed {
    type Value = Option<Event>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with action and node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = Event::default();
        let mut node = None;
        while let Some(field) = map.next_key()? {
            match field {
                EventField::Action => event.action = map.next_value()?,
                EventField::Node => node = map.next_value_seed(MaybeNode(0))?,
                EventField::PrevNode => event.prev_node = map.next_value_seed(MaybeNode(0))?,
                EventField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(node.map(|node| Event { node, ..event }))
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum EventField {
    Action,
    Node,
    PrevNode,
    #[serde(other)]
    Other,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum NodeField {
    Key,
    Dir,
    Value,
    Nodes,
    CreatedIndex,
    ModifiedIndex,
    Expiration,
    Ttl,
    #[serde(other)]
    Other,
}

/// A node at this depth, or null.
struct MaybeNode(usize);

impl<'de> DeserializeSeed<'de> for MaybeNode {
    type Value = Option<Node>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MaybeNode {
    type Value = Option<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(NodeVisitor(self.0)).map(Some)
    }
}

struct NodeVisitor(usize);

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        if self.0 > DEPTH_MAX {
            return Err(de::Error::custom(format_args!(
                "the tree is deeper than {DEPTH_MAX} directories"
            )));
        }
        let mut node = Node {
            key: "/".to_owned(),
            ..Node::default()
        };
        while let Some(field) = map.next_key()? {
            match field {
                NodeField::Key => node.key = map.next_value()?,
                NodeField::Dir => node.dir = map.next_value()?,
                NodeField::Value => node.value = map.next_value()?,
                NodeField::Nodes => node.nodes = map.next_value_seed(Children(self.0 + 1))?,
                NodeField::CreatedIndex => node.created_index = map.next_value()?,
                NodeField::ModifiedIndex => node.modified_index = map.next_value()?,
                NodeField::Expiration => node.expiration = map.next_value()?,
                NodeField::Ttl => node.ttl = map.next_value()?,
                NodeField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(node)
    }
}

/// The children of a directory, or null.
struct Children(usize);

impl<'de> DeserializeSeed<'de> for Children {
    type Value = Vec<Node>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Children {
    type Value = Vec<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nodes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(MaybeNode(self.0))? {
            nodes.extend(node);
        }
        Ok(nodes)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::HeaderMap;

    use super::*;
    use crate::client::Endpoint;

    fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply {
            endpoint: Endpoint::parse("127.0.0.1:2379").unwrap(),
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    #[test]
    fn an_answer_becomes_an_event() {
        let body = r#"{"action":"set","node":{"key":"/a","value":"x","modifiedIndex":7,"createdIndex":5,
            "expiration":"2026-11-22T05:47:05.642936693Z","ttl":100,"new":[1,{"x":null}]},
            "prevNode":{"dir":true,"nodes":[{"key":"/b"}],"modifiedIndex":1,"createdIndex":1},"other":{}}"#;
        let event = Event::read(&reply(201, body)).unwrap();
        assert_eq!(event.action, "set");
        assert_eq!(
            (event.node.created_index, event.node.modified_index),
            (5, 7)
        );
        assert_eq!(event.node.ttl, 100);
        let before = event.prev_node.unwrap();
        assert!(before.dir);
        assert_eq!(before.key, "/", "an absent key is the root");
        assert_eq!(before.nodes[0].key, "/b");
    }

    #[test]
    fn an_error_keeps_its_four_parts_and_another_object_is_all_zeros() {
        let body = r#"{"errorCode":100,"message":"Key not found","cause":"/x","index":8}"#;
        let error = Event::read(&reply(404, body)).unwrap_err();
        assert_eq!(error.to_string(), "100: Key not found (/x) [8]");
        assert_eq!(error.api_code(), Some(100));
        let error = Event::read(&reply(401, r#"{"message":"Insufficient credentials"}"#));
        assert_eq!(
            error.unwrap_err().to_string(),
            "0: Insufficient credentials () [0]"
        );
    }

    #[test]
    fn what_no_server_of_this_kind_says_is_named() {
        for (status, body) in [
            (200, "<html>"),
            (200, "[]"),
            (200, "{}"),
            (200, r#"{"action":"get"}"#),
            (200, r#"{"action":"get","node":null}"#),
            (200, r#"{"action":"get","node":{"key":1}}"#),
            (200, r#"{"action":"get","node":{}} trailing"#),
            (404, "404 page not found"),
            (400, ""),
        ] {
            let error = Event::read(&reply(status, body)).unwrap_err();
            assert!(
                matches!(error, Error::InvalidReply { .. }),
                "{status} {body}: {error:?}"
            );
        }
        assert!(matches!(
            Event::read(&reply(200, "")),
            Err(Error::EmptyBody)
        ));
    }

    fn nested(depth: usize) -> String {
        let open = r#"{"dir":true,"nodes":["#.repeat(depth);
        format!(
            r#"{{"node":{open}{{"key":"/leaf"}}{}}}"#,
            "]}".repeat(depth)
        )
    }

    #[test]
    fn the_deepest_tree_is_read_and_a_deeper_one_refused() {
        let mut node = Event::read(&reply(200, nested(512))).unwrap().node;
        while let Some(child) = node.nodes.pop() {
            node = child;
        }
        assert_eq!(node.key, "/leaf");
        for depth in [601, 100_000] {
            let error = Event::read(&reply(200, nested(depth))).unwrap_err();
            assert!(matches!(error, Error::InvalidReply { .. }), "{error:?}");
        }
    }
}
