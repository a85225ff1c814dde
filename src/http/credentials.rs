//! Basic authentication: name and password, undecided. A header that is not of that form counts as none.

/// The name and password of an `Authorization` header.
pub(super) fn basic(header: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = String::from_utf8(base64(encoded)?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Decodes the standard alphabet with padding; `None` for anything else.
fn base64(encoded: &[u8]) -> Option<Vec<u8>> {
    let digits = encoded
        .strip_suffix(b"==")
        .or_else(|| encoded.strip_suffix(b"="))
        .unwrap_or(encoded);
    if !encoded.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(encoded.len() / 4 * 3);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for place in 0..4 {
            let digit = group.get(place).map_or(Some(0), |byte| digit(*byte))?;
            bits = bits << 6 | u32::from(digit);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes[..group.len() - 1]);
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, password: &str) -> Option<(String, String)> {
        Some((name.to_owned(), password.to_owned()))
    }

    #[test]
    fn names_and_passwords_are_decoded() {
        assert_eq!(
            basic(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            pair("Aladdin", "open sesame")
        );
        assert_eq!(basic(b"bAsIc cm9vdDpwOnc="), pair("root", "p:w"));
        assert_eq!(basic(b"Basic Og=="), pair("", ""));
        assert_eq!(basic(b"Basic YTpiYw=="), pair("a", "bc"));
        assert_eq!(basic(b"Basic YTpi"), pair("a", "b"));
    }

    #[test]
    fn what_is_not_basic_is_nothing() {
        for header in [
            &b""[..],
            b"Basic",
            b"Basic ",
            b"Bearer YTpi",
            b"Basic YTpi=",
            b"Basic YTp",
            b"Basic Y*pi",
            b"Basic YQ==",
            b"Basic Og===",
            b"Basic /zo=",
        ] {
            assert_eq!(basic(header), None, "{}", header.escape_ascii());
        }
    }
}
