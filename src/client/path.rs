//! Keys as paths of a URL: cleaned, then percent-encoded as the original's client does it (etcdctl reference 5).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::escape::PATH;

/// A key: any bytes, one leading slash, no empty and no dotted element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// Adds a missing `/` at the front and resolves `//`, `.` and `..`; a `/` at the end stays.
    ///
    /// The key alone is cleaned, before anything stands in front of it: `..` cannot leave the keys
    /// (the original let `/../x` reach `/v2/x`).
    pub fn new(text: &[u8]) -> Key {
        let mut elements: Vec<&[u8]> = Vec::new();
        for element in text.split(|byte| *byte == b'/') {
            match element {
                b"" | b"." => {}
                b".." => {
                    elements.pop();
                }
                _ => elements.push(element),
            }
        }
        let mut clean = Vec::with_capacity(text.len() + 1);
        for element in &elements {
            clean.push(b'/');
            clean.extend_from_slice(element);
        }
        if elements.is_empty() || text.ends_with(b"/") {
            clean.push(b'/');
        }
        Key(clean)
    }

    /// The cleaned key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `/v2/keys` and the encoded key.
    pub(super) fn target(&self) -> String {
        format!("/v2/keys{}", percent_encode(&self.0, PATH))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::new(text.as_bytes())
    }
}

/// One element of a path: a user's, role's or member's name.
pub(super) fn element(name: &str) -> String {
    const ELEMENT: &AsciiSet = &PATH.add(b'/');
    percent_encode(name.as_bytes(), ELEMENT).to_string()
}

/// Appends a value as forms and queries write it: a space is `+`.
fn push_encoded(out: &mut String, value: &[u8]) {
    const FORM: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b' ');
    for piece in percent_encode(value, FORM) {
        // Only a lone space is left as one; other pieces hold none or are runs of plain text.
        if piece.contains(' ') {
            out.push_str(&piece.replace(' ', "+"));
        } else {
            out.push_str(piece);
        }
    }
}

/// Fields of a form or a query, in the order given: callers give them in alphabetical order.
#[derive(Default)]
pub(super) struct Fields(String);

impl Fields {
    pub(super) fn field(mut self, name: &str, value: &[u8]) -> Fields {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        push_encoded(&mut self.0, value);
        self
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Fields {
        self.field(name, if value { b"true" } else { b"false" })
    }

    /// Adds the field only when there is a value.
    pub(super) fn maybe(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Fields {
        match value {
            Some(value) => self.field(name, value.as_ref()),
            None => self,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// The fields as the query of `path`; none leave it alone.
    pub(super) fn after(self, path: String) -> String {
        if self.0.is_empty() {
            path
        } else {
            format!("{path}?{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cleaned_and_encoded() {
        for (text, target) in [
            (&b"/k"[..], "/v2/keys/k"),
            (b"k", "/v2/keys/k"),
            (b"", "/v2/keys/"),
            (b"/", "/v2/keys/"),
            (b"/k/", "/v2/keys/k/"),
            (b"//a//b", "/v2/keys/a/b"),
            (b"/a/./b/../c", "/v2/keys/a/c"),
            (b"/../x", "/v2/keys/x"),
            (b"/..", "/v2/keys/"),
            (b"/a b?#%", "/v2/keys/a%20b%3F%23%25"),
            (b"/;=&+:@$,", "/v2/keys/;=&+:@$,"),
            (b"/!*'()", "/v2/keys/%21%2A%27%28%29"),
            ("/é".as_bytes(), "/v2/keys/%C3%A9"),
            (b"/\xff\0", "/v2/keys/%FF%00"),
        ] {
            assert_eq!(Key::new(text).target(), target, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn fields_are_encoded_as_forms() {
        let fields = Fields::default()
            .field("a", b"x y&z=+%\n")
            .maybe("b", None::<&[u8]>)
            .maybe("c", Some("é~-_."))
            .flag("d", false);
        assert_eq!(
            fields.into_text(),
            "a=x+y%26z%3D%2B%25%0A&c=%C3%A9~-_.&d=false"
        );
        assert_eq!(Fields::default().after("/p".to_owned()), "/p");
        assert_eq!(
            Fields::default().flag("q", true).after("/p".to_owned()),
            "/p?q=true"
        );
    }
}
