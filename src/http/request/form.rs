//! Forms, read as the original's library reads them: `&` separates, the first `=` divides, `+` is a space, a raw `;`
//! is an error, and everything is checked whether it is used or not (keys-api 1.2).
//!
//! Only the parameters of the API are kept, each at its first occurrence, as the raw bytes of the source; they are
//! decoded when they are used. Feeding the body before the query makes the body win.

use std::borrow::Cow;

use bytes::Bytes;

use super::path::escaped_byte;
use crate::go::quoted;

/// The parameters of keys-api 1.3, and `local`, which is ours (design 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum ParamName {
    Value,
    Dir,
    Ttl,
    PrevValue,
    PrevIndex,
    PrevExist,
    Recursive,
    Sorted,
    Quorum,
    Wait,
    WaitIndex,
    Stream,
    Refresh,
    NoValueOnSuccess,
    Local,
    Redirect,
}

/// The least value that is not copied out of its body. To copy a shorter one costs less than a connection that has to
/// make a new buffer, and to move what else has arrived, because the old one is still held.
const SLICED_BYTES: usize = 64 << 10;

const NAMES: usize = ParamName::Redirect as usize + 1;

impl ParamName {
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"value" => Self::Value,
            b"dir" => Self::Dir,
            b"ttl" => Self::Ttl,
            b"prevValue" => Self::PrevValue,
            b"prevIndex" => Self::PrevIndex,
            b"prevExist" => Self::PrevExist,
            b"recursive" => Self::Recursive,
            b"sorted" => Self::Sorted,
            b"quorum" => Self::Quorum,
            b"wait" => Self::Wait,
            b"waitIndex" => Self::WaitIndex,
            b"stream" => Self::Stream,
            b"refresh" => Self::Refresh,
            b"noValueOnSuccess" => Self::NoValueOnSuccess,
            b"local" => Self::Local,
            b"redirect" => Self::Redirect,
            _ => return None,
        })
    }

    /// As it is written in a request, and quoted in a cause.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Dir => "dir",
            Self::Ttl => "ttl",
            Self::PrevValue => "prevValue",
            Self::PrevIndex => "prevIndex",
            Self::PrevExist => "prevExist",
            Self::Recursive => "recursive",
            Self::Sorted => "sorted",
            Self::Quorum => "quorum",
            Self::Wait => "wait",
            Self::WaitIndex => "waitIndex",
            Self::Stream => "stream",
            Self::Refresh => "refresh",
            Self::NoValueOnSuccess => "noValueOnSuccess",
            Self::Local => "local",
            Self::Redirect => "redirect",
        }
    }
}

/// Why a form is refused. The text is the `cause` of error 210.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// A `%` without two hexadecimal digits: it and at most two bytes more, quoted.
    #[error("invalid URL escape {}", quoted(.0))]
    Escape(Vec<u8>),
    /// A `;` that is not escaped.
    #[error("invalid semicolon separator in query")]
    Semicolon,
}

/// The first value of each known parameter, borrowed from the form and still encoded.
#[derive(Debug, Default)]
pub(crate) struct Form<'a> {
    raw: [Option<&'a [u8]>; NAMES],
    body: Option<&'a Bytes>,
}

impl<'a> Form<'a> {
    /// A form whose long values may be slices of this body; it is read with [`Self::add`] like any other source.
    pub(crate) fn of_body(body: Option<&'a Bytes>) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }

    /// Adds one source. Pieces before and after a bad one are read too; which error is reported follows the original:
    /// the first bad escape, unless a semicolon comes after it.
    pub(crate) fn add(&mut self, source: &'a [u8]) -> Result<(), FormError> {
        let mut fault = None;
        for piece in source.split(|byte| *byte == b'&') {
            if let Err(error) = self.add_piece(piece)
                && (fault.is_none() || error == FormError::Semicolon)
            {
                fault = Some(error);
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// The decoded value; `None` if the parameter was not given.
    pub(crate) fn get(&self, name: ParamName) -> Option<Cow<'a, [u8]>> {
        // What was added has no bad escape.
        self.raw[name as usize].map(|raw| decode(raw).unwrap_or(Cow::Borrowed(raw)))
    }

    /// As [`Self::get`], to be kept beyond the form: a slice of the body where that is worth it, else a copy.
    ///
    /// A slice keeps the whole buffer that the body came in. What goes on from here is encoded and let go of, so nothing of
    /// it reaches a cache.
    pub(crate) fn owned(&self, name: ParamName) -> Option<Bytes> {
        Some(match self.get(name)? {
            Cow::Owned(decoded) => Bytes::from(decoded),
            Cow::Borrowed(raw) => match self.body {
                Some(body) if raw.len() >= SLICED_BYTES && lies_in(raw, body) => {
                    body.slice_ref(raw)
                }
                _ => Bytes::copy_from_slice(raw),
            },
        })
    }

    fn add_piece(&mut self, piece: &'a [u8]) -> Result<(), FormError> {
        if piece.is_empty() {
            return Ok(());
        }
        let mut divide = None;
        let mut escaped = false;
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                b';' => return Err(FormError::Semicolon),
                b'=' if divide.is_none() => divide = Some(at),
                b'%' => escaped = true,
                _ => {}
            }
        }
        let (name, value) = match divide {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &b""[..]),
        };
        let name = decode(name)?;
        if escaped {
            check(value)?;
        }
        if let Some(name) = ParamName::of(&name) {
            self.raw[name as usize].get_or_insert(value);
        }
        Ok(())
    }
}

/// Whether the beginning of a form holds a value of more than `limit` bytes, however the form goes on. An escape is three
/// bytes for one; a broken one is counted as whole, and is an error of its own anyway.
pub(crate) fn is_over(beginning: &[u8], limit: usize) -> bool {
    let mut seen = [false; NAMES];
    for piece in beginning.split(|byte| *byte == b'&') {
        // Without it, the last piece is a name that may not have ended.
        let Some(divide) = piece.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (name, value) = (&piece[..divide], &piece[divide + 1..]);
        let Some(name @ (ParamName::Value | ParamName::PrevValue)) =
            decode(name).ok().and_then(|name| ParamName::of(&name))
        else {
            continue;
        };
        // Only the first value of a name counts.
        if std::mem::replace(&mut seen[name as usize], true) || value.len() <= limit {
            continue;
        }
        let escapes = value.iter().filter(|byte| **byte == b'%').count();
        if value.len().saturating_sub(2 * escapes) > limit {
            return true;
        }
    }
    false
}

/// Whether these are bytes of the buffer itself, not equal ones elsewhere.
fn lies_in(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

fn check(value: &[u8]) -> Result<(), FormError> {
    for (at, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        if escaped_byte(&value[at + 1..]).is_none() {
            return Err(bad_escape(&value[at..]));
        }
    }
    Ok(())
}

fn decode(raw: &[u8]) -> Result<Cow<'_, [u8]>, FormError> {
    let Some(first) = raw.iter().position(|byte| matches!(byte, b'%' | b'+')) else {
        return Ok(Cow::Borrowed(raw));
    };
    let mut out = Vec::with_capacity(raw.len());
    out.extend_from_slice(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                out.push(
                    escaped_byte(after)
                        .ok_or_else(|| bad_escape(&raw[raw.len() - after.len() - 1..]))?,
                );
                rest = &after[2..];
            }
            _ => out.push(*byte),
        }
    }
    Ok(Cow::Owned(out))
}

fn bad_escape(from: &[u8]) -> FormError {
    FormError::Escape(from[..from.len().min(3)].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &str) -> Option<String> {
        let mut form = Form::default();
        form.add(source.as_bytes()).unwrap();
        form.get(ParamName::Value)
            .map(|value| String::from_utf8(value.into_owned()).unwrap())
    }

    fn fault(source: &[u8]) -> String {
        Form::default().add(source).unwrap_err().to_string()
    }

    #[test]
    fn pieces_divide_at_the_first_equals_sign() {
        assert_eq!(value("value=x=y").as_deref(), Some("x=y"));
        assert_eq!(value("value").as_deref(), Some(""));
        assert_eq!(value("&&value=a+b%2Bc&").as_deref(), Some("a b+c"));
        assert_eq!(value("v%61lue=1").as_deref(), Some("1"));
        assert_eq!(value("value=line\nbreak").as_deref(), Some("line\nbreak"));
        assert_eq!(value("Value=1&=2"), None);
    }

    #[test]
    fn the_first_value_counts_and_the_body_comes_first() {
        let mut form = Form::default();
        form.add(b"value=body&value=again").unwrap();
        form.add(b"value=query&dir=true").unwrap();
        assert_eq!(form.get(ParamName::Value).as_deref(), Some(&b"body"[..]));
        assert_eq!(form.get(ParamName::Dir).as_deref(), Some(&b"true"[..]));
        assert_eq!(form.get(ParamName::Ttl), None);
    }

    #[test]
    fn a_long_plain_value_is_a_slice_of_its_body_and_any_other_is_not() {
        let long = "a".repeat(SLICED_BYTES);
        for (body, query, sliced) in [
            (format!("value={long}"), "", true),
            (format!("dir=false&value={long}&ttl="), "value=b", true),
            (format!("value={}", &long[1..]), "", false),
            (format!("value={long}%61"), "", false),
            ("dir=false".to_owned(), &*format!("value={long}"), false),
        ] {
            let body = Bytes::from(body);
            let mut form = Form::of_body(Some(&body));
            form.add(&body).unwrap();
            form.add(query.as_bytes()).unwrap();
            let decoded = form.get(ParamName::Value).unwrap().into_owned();
            let value = form.owned(ParamName::Value).unwrap();
            assert_eq!(value, decoded);
            assert_eq!(lies_in(&value, &body), sliced, "{body:?} {query}");
        }
    }

    #[test]
    fn a_value_over_its_limit_is_known_before_the_form_ends() {
        for (beginning, over) in [
            ("value=12345", false),
            ("value=123456", true),
            ("value=%31%32%33%34%35", false),
            ("value=%31%32%33%34%35%36", true),
            ("value=12345%3", false),
            ("v%61lue=123456", true),
            ("x=123456&dir", false),
            ("dir=1&prevValue=123456&", true),
            ("value=1&value=123456", false),
            ("value=1&prevValue=1&prevValue=123456", false),
            ("value123456", false),
        ] {
            assert_eq!(is_over(beginning.as_bytes(), 5), over, "{beginning}");
        }
    }

    #[test]
    fn bad_escapes_are_quoted() {
        assert_eq!(fault(b"value=%zz"), "invalid URL escape \"%zz\"");
        assert_eq!(fault(b"a=%z"), "invalid URL escape \"%z\"");
        assert_eq!(fault(b"%"), "invalid URL escape \"%\"");
        assert_eq!(fault(b"unknown=ok&x=%1g23"), "invalid URL escape \"%1g\"");
        assert_eq!(fault(b"value=%\x01\""), "invalid URL escape \"%\\x01\\\"\"");
        assert_eq!(fault(b"a=%\xff\xc3"), "invalid URL escape \"%\\xff\\xc3\"");
        assert_eq!(fault("a=%é".as_bytes()), "invalid URL escape \"%é\"");
        assert_eq!(
            fault("a=%\u{a0}".as_bytes()),
            "invalid URL escape \"%\\u00a0\""
        );
        assert_eq!(fault(b"a=%\n\\"), "invalid URL escape \"%\\n\\\\\"");
    }

    #[test]
    fn a_semicolon_after_a_bad_escape_is_what_is_reported() {
        let semicolon = "invalid semicolon separator in query";
        assert_eq!(fault(b"a;b"), semicolon);
        assert_eq!(fault(b"value=%zz&a;b"), semicolon);
        assert_eq!(fault(b"a;b&value=%zz"), semicolon);
        assert_eq!(fault(b"a=%aa%b&c=%zz"), "invalid URL escape \"%b\"");
    }

    #[test]
    fn names_round_trip() {
        for name in [
            ParamName::Value,
            ParamName::PrevExist,
            ParamName::NoValueOnSuccess,
            ParamName::Redirect,
            ParamName::WaitIndex,
        ] {
            assert_eq!(ParamName::of(name.as_str().as_bytes()), Some(name));
        }
    }
}
