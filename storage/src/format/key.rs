//! Keys in tree order: a directory sorts directly before its subtree, a subtree before the next
//! sibling, whatever bytes the names hold (store-layout 3, order T).
//!
//! No name holds `/` (2F), so the bytes below it move up by one and 00 becomes free to end *every*
//! name:
//!
//! ```text
//! byte of a name   01..2F <- 00..2E     30..FF unchanged     2F never occurs
//! end of a name    00
//! root             the empty key
//! /a  /a/b  /a-    61 00    61 00 62 00    61 2E 00
//! ```
//!
//! A key is as long as its path (each `/` pays for one 00), and decoding maps byte by byte. The
//! subtree of a key is `[key, key with its last 00 as 01)`; that end is also where the walk of a
//! directory's siblings goes on.
//!
//! A version is the key, 00, and the complement of the revision (8 bytes, big-endian): no name is
//! empty, so 00 sorts before every descendant, and the newest version of a path comes first.

use crate::path::KeyPath;

/// Bytes that follow the path in a version's key.
const VERSION_SUFFIX: usize = 9;

/// Appends the key of `path` to `out`.
pub(crate) fn encode(path: &KeyPath, out: &mut Vec<u8>) {
    if path.is_root() {
        return;
    }
    out.extend(path.as_bytes()[1..].iter().map(|byte| match byte {
        b'/' => 0,
        0..b'/' => byte + 1,
        _ => *byte,
    }));
    out.push(0);
}

/// The key of `path`.
pub(crate) fn encoded(path: &KeyPath) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.as_bytes().len());
    encode(path, &mut out);
    out
}

/// Replaces `out` with the path that `key` stands for. Wrong bytes give a wrong path, never a
/// panic.
pub(crate) fn decode(key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(b'/');
    let names = key.strip_suffix(&[0]).unwrap_or(key);
    out.extend(names.iter().map(|byte| match byte {
        0 => b'/',
        1..=b'/' => byte - 1,
        _ => *byte,
    }));
}

/// The path that `key` stands for, or `None` if it is no key.
pub(crate) fn path(key: &[u8]) -> Option<KeyPath> {
    // An empty name alone would be read as the root, whose key is empty: each path has one key.
    if !is_key(key) || key == [0] {
        return None;
    }
    let mut bytes = Vec::with_capacity(key.len().max(1));
    decode(key, &mut bytes);
    KeyPath::new(bytes).ok()
}

/// Whether the bytes end a name, as every key does but the root's.
pub(crate) fn is_key(key: &[u8]) -> bool {
    key.last().is_none_or(|byte| *byte == 0)
}

/// The names in a key: 0 for the root.
pub(crate) fn depth(key: &[u8]) -> usize {
    key.iter().filter(|byte| **byte == 0).count()
}

/// The length of the parent's key.
pub(crate) fn parent_len(key: &[u8]) -> usize {
    let names = key.strip_suffix(&[0]).unwrap_or(key);
    names
        .iter()
        .rposition(|byte| *byte == 0)
        .map_or(0, |at| at + 1)
}

/// Replaces `out` with the first key behind the subtree of `key`. The root has none: `out` is then
/// empty.
pub(crate) fn subtree_end(key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(key);
    if let Some(last) = out.last_mut() {
        *last = 1;
    }
}

/// The first key behind the subtree, or `None` for the root, which ends where the column family
/// ends.
pub(crate) fn subtree_bound(key: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(key.len());
    subtree_end(key, &mut out);
    (!out.is_empty()).then_some(out)
}

/// Replaces `out` with a bound at or before the first descendant of `key`, and behind `key` and its
/// versions.
pub(crate) fn descendants_start(key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(key);
    out.push(1);
}

/// Replaces `out` with the key of a version: a seek to it finds that version, or the next older
/// one.
pub(crate) fn version(key: &[u8], revision: u64, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(key);
    out.push(0);
    out.extend_from_slice(&(!revision).to_be_bytes());
}

/// Splits the key of a version into the path's key and the revision; `None` if it is not one.
pub(crate) fn split_version(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let at = bytes.len().checked_sub(VERSION_SUFFIX)?;
    let (key, suffix) = bytes.split_at(at);
    let (separator, complement) = suffix.split_first()?;
    let complement = u64::from_be_bytes(complement.try_into().ok()?);
    (*separator == 0 && !key.is_empty() && is_key(key)).then_some((key, !complement))
}

/// Replaces `out` with the key of an expiry row: the deadline, then the path's key.
pub(crate) fn expiry(deadline: u64, key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&deadline.to_be_bytes());
    out.extend_from_slice(key);
}

/// Splits the key of an expiry row into deadline and path's key.
pub(crate) fn split_expiry(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (deadline, key) = bytes.split_first_chunk::<8>()?;
    (!key.is_empty()).then_some((u64::from_be_bytes(*deadline), key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            Just(0u8),
            Just(b'.'),
            Just(b'-'),
            Just(b'0'),
            Just(0xFF),
            Just(1),
            any::<u8>()
        ]
        .prop_filter("no slash", |byte| *byte != b'/');
        proptest::collection::vec(byte, 1..4)
    }

    fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(name(), 0..4)
    }

    fn join(names: &[Vec<u8>]) -> KeyPath {
        names
            .iter()
            .fold(KeyPath::root(), |path, name| path.child(name))
    }

    proptest! {
        #[test]
        fn a_key_gives_its_path_back(names in names()) {
            let wanted = join(&names);
            let key = encoded(&wanted);
            prop_assert_eq!(path(&key), Some(wanted.clone()));
            prop_assert_eq!(depth(&key), names.len());
            if let Some(parent) = wanted.parent() {
                prop_assert_eq!(&key[..parent_len(&key)], &encoded(&parent)[..]);
            }
        }

        #[test]
        fn keys_sort_as_lists_of_names(left in names(), right in names()) {
            let order = encoded(&join(&left)).cmp(&encoded(&join(&right)));
            prop_assert_eq!(order, left.cmp(&right));
        }

        #[test]
        fn a_subtree_is_one_range(top in proptest::collection::vec(name(), 1..3), other in names()) {
            let (top, other) = (join(&top), join(&other));
            let (low, key) = (encoded(&top), encoded(&other));
            let high = subtree_bound(&low).expect("not the root");
            let inside = low <= key && key < high;
            prop_assert_eq!(inside, other == top || other.is_below(&top));
        }

        #[test]
        fn versions_sort_newest_first_and_before_descendants(
            names in proptest::collection::vec(name(), 1..4), child in name(), newer in any::<u64>(), older in any::<u64>(),
        ) {
            let top = join(&names);
            let (key, below) = (encoded(&top), encoded(&top.child(&child)));
            let (mut first, mut second) = (Vec::new(), Vec::new());
            version(&key, newer, &mut first);
            version(&key, older, &mut second);
            prop_assert_eq!(first.cmp(&second), older.cmp(&newer));
            prop_assert_eq!(split_version(&first), Some((&key[..], newer)));
            prop_assert!(key < first && first < below);
            let mut start = Vec::new();
            descendants_start(&key, &mut start);
            prop_assert!(first < start && start <= below);
        }

        #[test]
        fn any_bytes_are_split_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let _ = (split_version(&bytes), split_expiry(&bytes), path(&bytes));
        }
    }

    #[test]
    fn golden_bytes() {
        let path = KeyPath::new(&b"/a/.-0\xff\x00"[..]).expect("canonical");
        assert_eq!(encoded(&path), [0x61, 0, 0x2F, 0x2E, 0x30, 0xFF, 0x01, 0]);
        assert_eq!(encoded(&KeyPath::root()), []);
        let mut out = Vec::new();
        version(b"a\0", 1, &mut out);
        assert_eq!(
            out,
            [0x61, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]
        );
        expiry(0x0102, b"a\0", &mut out);
        assert_eq!(out, [0, 0, 0, 0, 0, 0, 1, 2, 0x61, 0]);
    }
}
