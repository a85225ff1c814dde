//! Texts of others on a terminal: what would move the cursor, hide or reorder text, or start a sequence that the
//! terminal obeys, is written as an escape. Pipes and files get every byte as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What a text may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One line, such as a key: an end of line in it would make up another.
    Line,
    /// Lines and tabs, such as a value.
    Lines,
}

/// Whether a terminal would do something else with a character than show it.
fn acts(character: char) -> bool {
    match character {
        // The marks and isolates of bidirectional text, whatever is invisible and separates lines.
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // Tags: invisible copies of ASCII.
        '\u{e0000}'..='\u{e007f}' => true,
        // C0, DEL and C1.
        other => other.is_control(),
    }
}

/// The text with `\r`, `\x1b` or `\u202e` for what a terminal would obey.
pub(super) fn visible(text: &str, shape: Shape) -> Cow<'_, str> {
    let kept = |character| shape == Shape::Lines && matches!(character, '\n' | '\t');
    if !text
        .chars()
        .any(|character| acts(character) && !kept(character))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if !acts(character) || kept(character) {
            out.push(character);
            continue;
        }
        // Writing to a String cannot fail.
        let _ = match (character, u32::from(character)) {
            ('\n', _) => write!(out, "\\n"),
            ('\r', _) => write!(out, "\\r"),
            ('\t', _) => write!(out, "\\t"),
            (_, code @ 0..=0x7f) => write!(out, "\\x{code:02x}"),
            (_, code @ 0..=0xffff) => write!(out, "\\u{code:04x}"),
            (_, code) => write!(out, "\\U{code:08x}"),
        };
    }
    Cow::Owned(out)
}

/// The same for JSON text, whose own escapes say it and stay JSON; C0 is escaped in it anyway, but for ends of line.
pub(super) fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if acts(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, line, lines) in [
            (
                "plain ä 漢 \u{1f600}",
                "plain ä 漢 \u{1f600}",
                "plain ä 漢 \u{1f600}",
            ),
            ("a\nb\tc", "a\\nb\\tc", "a\nb\tc"),
            ("\x1b[31m", "\\x1b[31m", "\\x1b[31m"),
            (
                "a\rb\x07\x7f\0",
                "a\\rb\\x07\\x7f\\x00",
                "a\\rb\\x07\\x7f\\x00",
            ),
            ("\u{9b}2J\u{85}", "\\u009b2J\\u0085", "\\u009b2J\\u0085"),
            (
                "a\u{202e}b\u{2066}\u{feff}",
                "a\\u202eb\\u2066\\ufeff",
                "a\\u202eb\\u2066\\ufeff",
            ),
            ("a\u{e0041}", "a\\U000e0041", "a\\U000e0041"),
            // Joiners belong to the spelling of several scripts.
            (
                "a\u{200d}\u{200c}",
                "a\u{200d}\u{200c}",
                "a\u{200d}\u{200c}",
            ),
        ] {
            assert_eq!(visible(text, Shape::Line), line, "{text:?}");
            assert_eq!(visible(text, Shape::Lines), lines, "{text:?}");
        }
        assert!(matches!(visible("a\n", Shape::Lines), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_json() {
        let json = "{\"a\":\"\u{202e}\u{9b}\x7f\\u001b\u{e0041}\"}\n";
        let shown = visible_json(json);
        assert_eq!(
            shown,
            "{\"a\":\"\\u202e\\u009b\\u007f\\u001b\\udb40\\udc41\"}\n"
        );
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&shown), value(json));
    }
}
