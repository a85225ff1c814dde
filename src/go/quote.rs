//! Bytes in double quotes, with the escapes of a string literal.

use crate::json::character_length;

/// At most three bytes, as a broken escape has them: so only characters of two bytes can appear whole. Of those, controls,
/// the no-break space and the soft hyphen do not count as printable.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let length = character_length(rest);
        let taken = length.unwrap_or(1);
        let text = length.and_then(|length| std::str::from_utf8(&rest[..length]).ok());
        match (first, text.and_then(|text| text.chars().next())) {
            (b'"' | b'\\', _) => out.extend(['\\', char::from(*first)]),
            (0x07, _) => out.push_str("\\a"),
            (0x08, _) => out.push_str("\\b"),
            (0x0c, _) => out.push_str("\\f"),
            (b'\n', _) => out.push_str("\\n"),
            (b'\r', _) => out.push_str("\\r"),
            (b'\t', _) => out.push_str("\\t"),
            (0x0b, _) => out.push_str("\\v"),
            (0..0x20 | 0x7f, _) | (_, None) => out.push_str(&format!("\\x{first:02x}")),
            (_, Some(wide @ ('\u{80}'..='\u{a0}' | '\u{ad}'))) => {
                out.push_str(&format!("\\u{:04x}", u32::from(wide)));
            }
            (_, Some(character)) => out.push(character),
        }
        rest = &rest[taken..];
    }
    out.push('"');
    out
}
