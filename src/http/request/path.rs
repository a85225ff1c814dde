//! Request paths: percent-decoding, the redirect to the clean form, and the key below `/v2/keys` (keys-api 4).
//!
//! A path with nothing to decode and nothing to clean, which is nearly every one, is not copied until it is a key.

use std::borrow::Cow;

use percent_encoding::percent_encode;
use storage::path::KeyPath;

use crate::escape;

/// The bytes of a raw path; `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn decode(raw: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = raw.as_bytes();
    let Some(first) = bytes.iter().position(|byte| *byte == b'%') else {
        return Some(Cow::Borrowed(bytes));
    };
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'%' {
            out.push(escaped_byte(after)?);
            rest = &after[2..];
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    Some(Cow::Owned(out))
}

/// The byte whose two hexadecimal digits `digits` begins with.
pub(crate) fn escaped_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    match digits {
        [high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// The clean form of a decoded path, or `None` if it is clean: it begins with a slash and has no empty, `.` or `..`
/// component. One slash at the end is kept.
pub(crate) fn cleaned(path: &[u8]) -> Option<Vec<u8>> {
    if is_clean(path) {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(component),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for component in kept {
        out.push(b'/');
        out.extend_from_slice(component);
    }
    if out.is_empty() || path.ends_with(b"/") {
        out.push(b'/');
    }
    Some(out)
}

fn is_clean(path: &[u8]) -> bool {
    let Some((b'/', mut rest)) = path.split_first() else {
        return false;
    };
    loop {
        match rest {
            [b'/', ..] | b"." | b".." | [b'.', b'/', ..] | [b'.', b'.', b'/', ..] => return false,
            _ => {}
        }
        match rest.iter().position(|byte| *byte == b'/') {
            Some(slash) => rest = &rest[slash + 1..],
            None => return true,
        }
    }
}

/// The `Location` of a redirect to a clean path: escaped, with the query as it came.
pub(crate) fn location(clean: &[u8], query: Option<&str>) -> String {
    let mut out = percent_encode(clean, escape::PATH).to_string();
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        out.push('?');
        for byte in query.bytes() {
            // A header holds ASCII; the original escapes the rest, in lower case here and in upper case above.
            match byte {
                0x80.. => out.push_str(&format!("%{byte:02x}")),
                _ => out.push(char::from(byte)),
            }
        }
    }
    out
}

/// The key that a clean path names, given what follows `/v2/keys`: nothing, or a slash and more. A slash at the end
/// does not count. `None` only if the path was not clean.
pub(crate) fn key(below: &[u8]) -> Option<KeyPath> {
    let below = below.strip_suffix(b"/").unwrap_or(below);
    if below.is_empty() {
        return Some(KeyPath::root());
    }
    // An exact copy: a slice would keep the whole receive buffer of the connection alive as long as the key lives.
    KeyPath::new(below.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(path: &str) -> String {
        let clean = cleaned(path.as_bytes());
        clean.map_or_else(|| "=".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn decoding_borrows_where_it_can() {
        assert!(matches!(
            decode("/v2/keys/a+b"),
            Some(Cow::Borrowed(b"/v2/keys/a+b"))
        ));
        assert_eq!(
            decode("/a%2Fb%20%ff%00").as_deref(),
            Some(&b"/a/b \xff\0"[..])
        );
        assert_eq!(decode("/%2fé").as_deref(), Some("//é".as_bytes()));
        for bad in ["/%zz", "/%", "/%4", "/a%4gb", "/%+1"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn clean_paths_stay() {
        for path in [
            "/",
            "/a",
            "/a/",
            "/v2/keys/...",
            "/.a/..b/c.",
            "/v2/keys/a.b/",
        ] {
            assert_eq!(clean(path), "=", "{path}");
        }
    }

    #[test]
    fn unclean_paths_are_cleaned() {
        for (path, expected) in [
            ("", "/"),
            ("*", "/*"),
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a/b//", "/a/b/"),
            ("/a/.", "/a"),
            ("/a/./", "/a/"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/../", "/a/"),
            ("/../../x", "/x"),
            ("/v2/keys/../../etc", "/etc"),
            ("/.", "/"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }

    #[test]
    fn cleaning_is_idempotent() {
        // Every path of up to seven bytes over the letters that matter.
        let letters = b"/.a";
        for length in 0..8_u32 {
            for number in 0..3_usize.pow(length) {
                let path: Vec<u8> = (0..length)
                    .map(|place| letters[number / 3_usize.pow(place) % 3])
                    .collect();
                let Some(clean) = cleaned(&path) else {
                    continue;
                };
                assert_ne!(clean, path);
                assert_eq!(
                    cleaned(&clean),
                    None,
                    "{:?} of {:?}",
                    clean.escape_ascii(),
                    path.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn locations_escape_as_the_original_does() {
        assert_eq!(
            location("/v2/keys/a b<x>'()!*,:;=@&\"é?".as_bytes(), Some("b=c&d")),
            "/v2/keys/a%20b%3Cx%3E%27%28%29%21%2A,:;=@&%22%C3%A9%3F?b=c&d"
        );
        assert_eq!(location(b"/a", Some("")), "/a");
        assert_eq!(location(b"/a", Some("x=é")), "/a?x=%c3%a9");
    }

    #[test]
    fn keys_ignore_a_slash_at_the_end() {
        let name = |below: &str| key(below.as_bytes()).map(|key| key.to_string());
        assert_eq!(name("").as_deref(), Some("/"));
        assert_eq!(name("/").as_deref(), Some("/"));
        assert_eq!(name("/a/b/").as_deref(), Some("/a/b"));
        assert_eq!(name("foo"), None);
        assert_eq!(name("/a//b"), None);
    }
}
