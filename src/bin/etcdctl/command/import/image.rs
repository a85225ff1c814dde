//! The files that can be imported, recognised by their content:
//!
//! | begins with | is |
//! |---|---|
//! | `{"Root":…` | the store image of 0.4 (`GET /v2/migration/snapshot`; foreign-data 5) |
//! | `{"action":…,"node":…` | a saved answer to `GET /v2/keys/?recursive=true`, or what `etcdctl -o json ls -r` printed |
//! | `[{"key":…` | the flat list of the node tool `etcd-dump`; an entry without a value is an empty directory |

use etcd2::client::{KeyEvent, KeyNode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::entry::{ImportContent, ImportEntry, expiry};
use super::store_image;

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
            (Some(_), _) => store_image::read(bytes, &mut entries).map_err(text)?,
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

#[cfg(test)]
mod tests;
