//! Where a walk leaves hidden nodes out: those whose last name begins with an underscore, each with all that is below it
//! (keys-api 4.1). What is asked for by its own path is shown, hidden or not.
//!
//! In tree order the names that begin with an underscore are neighbours, so one move leads around all hidden siblings.

use crate::format::key::parent_len;

/// Whether a walk shows hidden nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HiddenNodes {
    /// They are left out, with their subtrees.
    LeftOut,
    /// They are shown as any other.
    Shown,
}

impl HiddenNodes {
    /// As the callers of a view say it.
    pub(crate) fn shown_if(shown: bool) -> Self {
        if shown { Self::Shown } else { Self::LeftOut }
    }

    /// Whether the node with this key is left out.
    pub(crate) fn leaves_out(self, key: &[u8]) -> bool {
        self == Self::LeftOut && is_hidden(key)
    }

    /// Replaces `out` with the first key behind the hidden siblings of `key`, which is left out, and their subtrees.
    pub(crate) fn way_around(key: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&key[..parent_len(key)]);
        out.push(b'_' + 1);
    }
}

/// Whether the last name of a key begins with an underscore.
fn is_hidden(key: &[u8]) -> bool {
    key.get(parent_len(key)) == Some(&b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::key::encoded;
    use crate::path::KeyPath;

    fn path(text: &str) -> KeyPath {
        KeyPath::new(text.as_bytes().to_vec()).expect("a canonical path")
    }

    #[test]
    fn the_way_around_passes_hidden_siblings_and_nothing_else() {
        let mut target = Vec::new();
        HiddenNodes::way_around(&encoded(&path("/a/_b")), &mut target);
        for (text, passed) in [
            ("/a", true),
            ("/a/B", true),
            ("/a/_", true),
            ("/a/_b/c/d", true),
            ("/a/__", true),
            ("/a/_\u{ff}", true),
            ("/a/`", false),
            ("/a/a", false),
            ("/b", false),
        ] {
            assert_eq!(encoded(&path(text)) < target, passed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_hidden_as_its_path_is(names in proptest::collection::vec("[_a]{1,3}", 0..4)) {
            let path = names.iter().fold(KeyPath::root(), |path, name| path.child(name.as_bytes()));
            let key = encoded(&path);
            prop_assert_eq!(HiddenNodes::LeftOut.leaves_out(&key), path.is_hidden());
            prop_assert!(!HiddenNodes::Shown.leaves_out(&key));
        }

        #[test]
        fn any_bytes_are_looked_at_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let mut out = Vec::new();
            HiddenNodes::way_around(&bytes, &mut out);
            HiddenNodes::LeftOut.leaves_out(&bytes);
        }
    }
}
