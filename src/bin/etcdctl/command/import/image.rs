//! The files that can be imported, recognised by their content:
//!
//! | begins with | is |
//! |---|---|
//! | `{"Root":…` | the store image of 0.4 (`GET /v2/migration/snapshot`; foreign-data 5) |
//! | `{"action":…,"node":…` | a saved answer to `GET /v2/keys/?recursive=true`, or what `etcdctl -o json ls -r` printed |
//! | `[{"key":…` | the flat list of the node tool `etcd-dump`; an entry without a value is an empty directory |

use std::fmt;

use etcd2::client::{KeyEvent, KeyNode};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::entry::{ImportContent, ImportEntry};

/// Directories above a node: more than the longest key has.
const DEPTH_MAX: usize = 600;

/// A file that has been read whole and found good.
#[derive(Debug)]
pub(super) struct Image {
    /// Parents before children.
    pub(super) entries: Vec<ImportEntry>,
    /// Texts in which bytes had been replaced before they came into the file.
    pub(super) replaced_characters: usize,
}

/// Reads a file of any known form.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn parse(bytes: &[u8]) -> Result<Image, String> {
    #[derive(Deserialize)]
    struct Outline {
        #[serde(rename = "Root")]
        root: Option<IgnoredAny>,
        node: Option<IgnoredAny>,
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut entries = Vec::new();
    if first == Some(&b'[') {
        flat(bytes, &mut entries)?;
    } else {
        let outline: Outline = serde_json::from_slice(bytes).map_err(text)?;
        match (outline.root, outline.node) {
            (Some(_), _) => store(bytes, &mut entries)?,
            (None, Some(_)) => {
                let event = KeyEvent::parse(bytes).map_err(|error| error.to_string())?;
                tree(event.node, &mut entries)?;
            }
            (None, None) => {
                return Err(
                    "it is neither a store image (Root), nor a listing (node), nor a list of keys"
                        .to_owned(),
                );
            }
        }
    }
    let replaced = |entry: &&ImportEntry| {
        let value =
            matches!(&entry.content, ImportContent::File(value) if value.contains('\u{fffd}'));
        value || entry.key.contains('\u{fffd}')
    };
    let replaced_characters = entries.iter().filter(replaced).count();
    Ok(Image {
        entries,
        replaced_characters,
    })
}

fn text(error: serde_json::Error) -> String {
    error.to_string()
}

fn flat(bytes: &[u8], entries: &mut Vec<ImportEntry>) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Pair {
        key: String,
        value: Option<String>,
    }
    let pairs: Vec<Pair> = serde_json::from_slice(bytes).map_err(text)?;
    for pair in pairs {
        let is_directory = pair.value.is_none();
        let key = match pair.key.trim_end_matches('/') {
            "" if is_directory => continue,
            trimmed if is_directory => trimmed.to_owned(),
            _ => pair.key,
        };
        entries.push(ImportEntry {
            key,
            content: pair
                .value
                .map_or(ImportContent::Directory, ImportContent::File),
            expires: None,
        });
    }
    Ok(())
}

/// Not by recursion: the listing may be as deep as the client library reads one.
fn tree(mut root: KeyNode, entries: &mut Vec<ImportEntry>) -> Result<(), String> {
    if root.key.is_empty() {
        // As `etcdctl -o json` of 3.4 writes it.
        root.key.push('/');
    }
    let mut waiting: Vec<(KeyNode, Option<String>)> = vec![(root, None)];
    while let Some((mut node, parent)) = waiting.pop() {
        if let Some(parent) = parent
            && !is_child(&node.key, &parent)
        {
            return Err(format!(
                "{:?} stands in {parent}, where it does not belong",
                node.key
            ));
        }
        let time = node.expiration.as_deref();
        let expires = time.map(|text| expiry(&node.key, text)).transpose()?;
        let children = node.nodes.drain(..).rev();
        waiting.extend(children.map(|child| (child, Some(node.key.clone()))));
        if node.key == "/" {
            continue;
        }
        let content = if node.dir {
            ImportContent::Directory
        } else {
            ImportContent::File(node.value)
        };
        entries.push(ImportEntry {
            key: node.key,
            content,
            expires: expires.flatten(),
        });
    }
    Ok(())
}

fn is_child(key: &str, parent: &str) -> bool {
    let parent = parent.trim_end_matches('/');
    key.strip_prefix(parent)
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// A time of the file; the first second of year 1 means never.
fn expiry(key: &str, text: &str) -> Result<Option<Timestamp>, String> {
    if text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    let time = text
        .parse()
        .map_err(|error| format!("{key} expires at {text:?}: {error}"))?;
    Ok(Some(time))
}

fn store(bytes: &[u8], entries: &mut Vec<ImportEntry>) -> Result<(), String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Head {
        current_version: u64,
        current_index: u64,
    }
    let head: Head = serde_json::from_slice(bytes).map_err(text)?;
    if head.current_version != 2 {
        return Err(format!("its version is {}, not 2", head.current_version));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // The seeds below count the depth themselves.
    json.disable_recursion_limit();
    let store = StoreImage {
        entries,
        index: head.current_index,
    };
    json.deserialize_map(store).map_err(text)
}

/// The object around the root.
struct StoreImage<'a> {
    entries: &'a mut Vec<ImportEntry>,
    index: u64,
}

impl<'de> Visitor<'de> for StoreImage<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store image")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "Root" {
                map.next_value_seed(StoreNode {
                    entries: &mut *self.entries,
                    index: self.index,
                    path: "/",
                    depth: 0,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// One node and all below it.
struct StoreNode<'a> {
    entries: &'a mut Vec<ImportEntry>,
    /// Of the whole store; no node is newer.
    index: u64,
    /// Where it must be.
    path: &'a str,
    depth: usize,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum StoreField {
    Path,
    CreatedIndex,
    ModifiedIndex,
    ExpireTime,
    Value,
    Children,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for StoreNode<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StoreNode<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the node {}", self.path)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(format_args!("deeper than {DEPTH_MAX} directories")));
        }
        // Its own entry stands before those of its children, whatever the order of the fields.
        let place = self.entries.len();
        self.entries.push(ImportEntry {
            key: self.path.to_owned(),
            content: ImportContent::Directory,
            expires: None,
        });
        let mut found = NodeFields::default();
        while let Some(field) = map.next_key()? {
            self.take(field, &mut map, &mut found)?;
        }
        if !found.named {
            return Err(self.wrong(format_args!("it has no path")));
        }
        let entry = &mut self.entries[place];
        entry.expires = found.expires;
        if !found.directory {
            entry.content = ImportContent::File(found.value);
        }
        if self.depth == 0 {
            self.entries.remove(place);
        }
        Ok(())
    }
}

/// What the fields of a node said.
#[derive(Default)]
struct NodeFields {
    named: bool,
    directory: bool,
    value: String,
    expires: Option<Timestamp>,
}

impl StoreNode<'_> {
    fn wrong<E: de::Error>(&self, what: fmt::Arguments<'_>) -> E {
        de::Error::custom(format_args!("{}: {what}", self.path))
    }

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        field: StoreField,
        map: &mut A,
        found: &mut NodeFields,
    ) -> Result<(), A::Error> {
        match field {
            StoreField::Path => {
                let path: String = map.next_value()?;
                if path != self.path {
                    return Err(self.wrong(format_args!("it calls itself {path:?}")));
                }
                found.named = true;
            }
            StoreField::CreatedIndex | StoreField::ModifiedIndex => {
                let index: u64 = map.next_value()?;
                if index > self.index {
                    let last = self.index;
                    return Err(
                        self.wrong(format_args!("index {index} is beyond the store's {last}"))
                    );
                }
            }
            StoreField::ExpireTime => {
                let time: String = map.next_value()?;
                found.expires = expiry(self.path, &time).map_err(de::Error::custom)?;
            }
            StoreField::Value => found.value = map.next_value()?,
            StoreField::Children => {
                found.directory = map.next_value_seed(ImageChildren {
                    entries: &mut *self.entries,
                    index: self.index,
                    parent: self.path,
                    depth: self.depth + 1,
                })?;
            }
            StoreField::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// `null` for a file, an object for a directory; tells which.
struct ImageChildren<'a> {
    entries: &'a mut Vec<ImportEntry>,
    index: u64,
    parent: &'a str,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ImageChildren<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ImageChildren<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the children of {}", self.parent)
    }

    fn visit_unit<E: de::Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let path = format!("{}/{name}", self.parent.trim_end_matches('/'));
            map.next_value_seed(StoreNode {
                entries: &mut *self.entries,
                index: self.index,
                path: &path,
                depth: self.depth,
            })?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
