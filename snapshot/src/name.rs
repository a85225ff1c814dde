//! The name of a published file. Guarantees that each state has one name, and that the order of the names is
//! the order of the states.
//!
//! A file is called `INDEX-TERM.snapshot`, both in sixteen hexadecimal digits.

use std::path::{Path, PathBuf};

use crate::meta::Meta;

const SUFFIX: &str = ".snapshot";

/// The name under which the state of `meta` is published in `dir`.
pub(crate) fn file_path(dir: &Path, meta: &Meta) -> PathBuf {
    dir.join(format!("{:016x}-{:016x}{SUFFIX}", meta.index, meta.term))
}

/// Index and term of a published name; `None` for every other name, spelled differently ones
/// included.
pub(crate) fn parse(name: &str) -> Option<(u64, u64)> {
    let (index, term) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let number = |text: &str| {
        let plain = text.len() == 16
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    };
    Some((number(index)?, number(term)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_we_write_are_read() {
        let meta = Meta {
            index: 0x1234,
            term: 7,
            ..Meta::default()
        };
        let path = file_path(Path::new("d"), &meta);
        assert_eq!(
            path,
            Path::new("d/0000000000001234-0000000000000007.snapshot")
        );
        assert_eq!(
            parse("0000000000001234-0000000000000007.snapshot"),
            Some((0x1234, 7))
        );
        for other in [
            "0000000000001234-0000000000000007.snapshot.partial",
            "0000000000001234-0000000000000007.snap",
            "000000000001234-0000000000000007.snapshot",
            "000000000000123A-0000000000000007.snapshot",
            "+000000000001234-0000000000000007.snapshot",
            "incoming.partial",
            ".snapshot",
            "-.snapshot",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
