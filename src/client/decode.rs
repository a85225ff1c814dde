//! Bodies of the keys API, read into events.
//!
//! What is absent or null is zero or empty, as the original's client has it. No answer can exhaust the stack: its depth
//! is counted before it is read.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::event::{Children, KeyEvent, KeyNode};

/// The deepest tree that is read: a tenth of it is more than a key of our own server has elements, but the originals
/// have no limit, and one user's deep key must not hide everybody's tree.
const DEPTH_MAX: usize = 5_000;

/// Deeper than this an answer is read on a thread with a stack of its own.
const DEPTH_OF_ORDINARY_STACK: usize = 200;

/// What one level of a tree takes of the stack, generously, in bytes.
const STACK_PER_LEVEL: usize = 32 << 10;

impl KeyEvent {
    /// Reads the body of a successful answer, or a file that holds one. The indexes of the headers are 0.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(body: &[u8]) -> Result<KeyEvent, ParseError> {
        let depth = nesting(body) / 2;
        if depth > DEPTH_MAX {
            return Err(ParseError::TooDeep);
        }
        if depth <= DEPTH_OF_ORDINARY_STACK {
            return parse_here(body);
        }
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(depth * STACK_PER_LEVEL)
                .spawn_scoped(scope, || parse_here(body))
                .map_err(|error| ParseError::NoMemory(error.to_string()))?
                .join()
                .map_err(|_| ParseError::NoMemory("the thread ended".to_owned()))?
        })
    }
}

/// Why a body gives no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is not what such servers say: what is wrong, and where.
    #[error("{0}")]
    Invalid(String),
    /// It is a tree that nobody should have to read as a whole.
    #[error("the tree is deeper than {DEPTH_MAX} directories; list one of its directories instead")]
    TooDeep,
    /// A deep tree needs more memory than there is.
    #[error("the tree is deep, and there is no memory to read it: {0}")]
    NoMemory(String),
}

/// How deep objects and lists stand in one another, counted without reading them: the brackets outside of strings.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn parse_here(body: &[u8]) -> Result<KeyEvent, ParseError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    // The caller has counted.
    json.disable_recursion_limit();
    EventSeed
        .deserialize(&mut json)
        .and_then(|event| json.end().map(|()| event))
        .map_err(|error| ParseError::Invalid(error.to_string()))?
        .ok_or_else(|| ParseError::Invalid("there is no node in it".to_owned()))
}

/// A text; bytes and escapes that are no characters become U+FFFD, and null is the empty text, as the original's
/// client has it.
#[derive(Default)]
struct Text(String);

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        from.deserialize_byte_buf(Text::default())
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
        Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Text, E> {
        let text = String::from_utf8(bytes);
        Ok(Text(text.unwrap_or_else(|error| {
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        })))
    }
}

/// A value, or what null stands for.
fn or_default<'de, T: serde::Deserialize<'de> + Default, A: MapAccess<'de>>(
    map: &mut A,
) -> Result<T, A::Error> {
    map.next_value::<Option<T>>().map(Option::unwrap_or_default)
}

struct EventSeed;

impl<'de> DeserializeSeed<'de> for EventSeed {
    type Value = Option<KeyEvent>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed {
    type Value = Option<KeyEvent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with action and node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = KeyEvent::default();
        let mut node = None;
        while let Some(field) = map.next_key()? {
            match field {
                EventField::Action => event.action = or_default::<Text, _>(&mut map)?.0,
                EventField::Node => node = map.next_value_seed(MaybeNode)?,
                EventField::PrevNode => event.prev_node = map.next_value_seed(MaybeNode)?,
                EventField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(node.map(|node| KeyEvent { node, ..event }))
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

/// A node, or null.
struct MaybeNode;

impl<'de> DeserializeSeed<'de> for MaybeNode {
    type Value = Option<KeyNode>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MaybeNode {
    type Value = Option<KeyNode>;

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
        from.deserialize_map(NodeVisitor).map(Some)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = KeyNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyNode, A::Error> {
        let mut node = KeyNode {
            key: "/".to_owned(),
            ..KeyNode::default()
        };
        while let Some(field) = map.next_key()? {
            match field {
                NodeField::Key => node.key = or_default::<Text, _>(&mut map)?.0,
                NodeField::Dir => node.dir = or_default(&mut map)?,
                NodeField::Value => node.value = or_default::<Text, _>(&mut map)?.0,
                NodeField::Nodes => node.nodes = Children(map.next_value_seed(ChildrenSeed)?),
                NodeField::CreatedIndex => node.created_index = or_default(&mut map)?,
                NodeField::ModifiedIndex => node.modified_index = or_default(&mut map)?,
                NodeField::Expiration => node.expiration = map.next_value()?,
                NodeField::Ttl => node.ttl = or_default(&mut map)?,
                NodeField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(node)
    }
}

/// The children of a directory, or null.
struct ChildrenSeed;

impl<'de> DeserializeSeed<'de> for ChildrenSeed {
    type Value = Vec<KeyNode>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ChildrenSeed {
    type Value = Vec<KeyNode>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nodes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(MaybeNode)? {
            nodes.extend(node);
        }
        Ok(nodes)
    }
}
