//! The store image of 0.4: one object for each node, in its parent's, with every path and index checked on the way.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::entry::{ImportContent, ImportEntry, expiry};

/// Directories above a node: more than the longest key has.
const DEPTH_MAX: usize = 600;

/// Reads a whole image.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read(bytes: &[u8], entries: &mut Vec<ImportEntry>) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Head {
        current_version: u64,
        current_index: u64,
    }
    let head: Head = serde_json::from_slice(bytes)?;
    if head.current_version != 2 {
        let version = head.current_version;
        return Err(de::Error::custom(format_args!(
            "its version is {version}, not 2"
        )));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // The seeds below count the depth themselves.
    json.disable_recursion_limit();
    let store = StoreImage {
        entries,
        index: head.current_index,
    };
    json.deserialize_map(store)
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
