//! `Content-Type`, as far as it decides whether a body is a form (keys-api 1.2).

use std::collections::BTreeSet;

/// Whether the header names a form. A value that cannot be parsed is an error, with the text of the original, even
/// where the body does not matter; a missing header is not a form.
pub(crate) fn is_form(header: Option<&[u8]>) -> Result<bool, &'static str> {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    let Some(header) = header.filter(|header| !header.is_empty()) else {
        return Ok(false);
    };
    if header == FORM {
        return Ok(true);
    }
    let divide = header
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(header.len());
    let (media, parameters) = header.split_at(divide);
    let media = media.trim_ascii();
    check_type(media)?;
    check_parameters(parameters)?;
    Ok(media.eq_ignore_ascii_case(FORM))
}

/// Whether the header names JSON, parameters such as a character set aside.
pub(crate) fn is_json(header: &[u8]) -> bool {
    let media = header
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    media.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// `token`, or `token/token`.
fn check_type(media: &[u8]) -> Result<(), &'static str> {
    let (main, rest) = token(media);
    if main.is_empty() {
        return Err("mime: no media type");
    }
    let Some((slash, rest)) = rest.split_first() else {
        return Ok(());
    };
    if *slash != b'/' {
        return Err("mime: expected slash after first token");
    }
    let (sub, rest) = token(rest);
    if sub.is_empty() {
        return Err("mime: expected token after slash");
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err("mime: unexpected content after media subtype")
    }
}

/// Any number of `; name=value`, the value a token or a quoted string. One bare `;` may end them.
fn check_parameters(parameters: &[u8]) -> Result<(), &'static str> {
    const INVALID: &str = "mime: invalid media parameter";
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut rest = parameters.trim_ascii_start();
    while let Some((first, after)) = rest.split_first() {
        if *first != b';' {
            return Err(INVALID);
        }
        if after.trim_ascii().is_empty() {
            return Ok(());
        }
        let (name, after) = token(after.trim_ascii_start());
        let value = after
            .trim_ascii_start()
            .strip_prefix(b"=")
            .map(<[u8]>::trim_ascii_start);
        let after = value
            .and_then(after_value)
            .filter(|_| !name.is_empty())
            .ok_or(INVALID)?;
        let name = name.to_ascii_lowercase();
        if !seen.insert(name) {
            return Err("mime: duplicate parameter name");
        }
        rest = after.trim_ascii_start();
    }
    Ok(())
}

/// What follows a token or a quoted string; `None` if there is neither.
fn after_value(value: &[u8]) -> Option<&[u8]> {
    let Some(mut rest) = value.strip_prefix(b"\"") else {
        let (text, rest) = token(value);
        return (!text.is_empty()).then_some(rest);
    };
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', _, after @ ..] | [_, after @ ..] => rest = after,
            [] => return None,
        }
    }
}

/// The longest prefix that is a token of RFC 2045, and the rest.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_graphic() || b"()<>@,;:\\\"/[]?=".contains(byte));
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_recognised() {
        for header in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded",
            "application/x-www-form-urlencoded; charset=utf-8",
            " application/x-www-form-urlencoded ;charset=\"a \\\" b\" ; x=y;",
        ] {
            assert_eq!(is_form(Some(header.as_bytes())), Ok(true), "{header}");
        }
    }

    #[test]
    fn other_types_are_not() {
        assert_eq!(is_form(None), Ok(false));
        for header in [
            "",
            "application/json",
            "text/plain; charset=utf-8",
            "application",
            "multipart/form-data; boundary=-x",
        ] {
            assert_eq!(is_form(Some(header.as_bytes())), Ok(false), "{header}");
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_named() {
        for (header, fault) in [
            ("a/b/c;;;", "mime: unexpected content after media subtype"),
            (";", "mime: no media type"),
            ("/", "mime: no media type"),
            ("a b", "mime: expected slash after first token"),
            ("a/", "mime: expected token after slash"),
            (
                "application/x-www-form-urlencoded; x",
                "mime: invalid media parameter",
            ),
            ("a/b; x=\"open", "mime: invalid media parameter"),
            ("a/b;;", "mime: invalid media parameter"),
            ("a/b; x=1; X=2", "mime: duplicate parameter name"),
        ] {
            assert_eq!(is_form(Some(header.as_bytes())), Err(fault), "{header}");
        }
    }
}
