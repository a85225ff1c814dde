//! Basic authentication: name and password, undecided. A header that is not of that form counts as none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The name and password of an `Authorization` header.
pub(crate) fn basic(header: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
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
