//! JSON as the original writes it: compact, with its escapes, and bad UTF-8 replaced byte by byte (keys-api 2.2).
//!
//! The server's answers and `etcdctl -o json` share it. Everything is appended to a `Vec<u8>`: a response is one buffer,
//! and nothing here allocates for itself.

/// Whether a byte of a string cannot be copied as it is. Bytes from 0x80 on need a look at their sequence.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] =
            byte < 0x20 || byte >= 0x80 || matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&');
        byte += 1;
    }
    table
};

const HEX: &[u8; 16] = b"0123456789abcdef";

const DIGIT_PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
      2021222324252627282930313233343536373839\
      4041424344454647484950515253545556575859\
      6061626364656667686970717273747576777879\
      8081828384858687888990919293949596979899";

/// Appends `text` as a JSON string, quotes included.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    loop {
        let clean = clean_prefix(rest);
        out.extend_from_slice(&rest[..clean]);
        rest = &rest[clean..];
        let Some(first) = rest.first() else { break };
        let taken = if *first < 0x80 {
            escape_ascii(out, *first)
        } else {
            escape_wide(out, rest)
        };
        rest = &rest[taken..];
    }
    out.push(b'"');
}

/// Appends a decimal number.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&DIGIT_PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&DIGIT_PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a decimal number with its sign, if it is negative.
pub fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    number(out, value.unsigned_abs());
}

/// Appends a float as the original prints one: the shortest digits that read back as the same number, with an
/// exponent only below 1e-6 and from 1e21 on. JSON has no word for what is not finite; such a figure becomes 0.
pub fn float(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    let text = if !value.is_finite() || size == 0.0 {
        "0".to_owned()
    } else if size < 1e-6 {
        format!("{value:e}")
    } else if size >= 1e21 {
        format!("{value:e}").replace('e', "e+")
    } else {
        format!("{value}")
    };
    out.extend_from_slice(text.as_bytes());
}

/// The length of the longest prefix that needs no escape. Whole blocks are tested without a branch for each byte,
/// which the compiler turns into vector code: values are mostly long runs of plain text.
fn clean_prefix(text: &[u8]) -> usize {
    const BLOCK: usize = 16;
    let mut clean = 0;
    for block in text.chunks_exact(BLOCK) {
        let dirty = block.iter().fold(false, |dirty, byte| {
            dirty
                | (*byte < 0x20)
                | (*byte >= 0x80)
                | (*byte == b'"')
                | (*byte == b'\\')
                | (*byte == b'<')
                | (*byte == b'>')
                | (*byte == b'&')
        });
        if dirty {
            break;
        }
        clean += BLOCK;
    }
    let tail = &text[clean..];
    clean
        + tail
            .iter()
            .position(|byte| SPECIAL[usize::from(*byte)])
            .unwrap_or(tail.len())
}

fn escape_ascii(out: &mut Vec<u8>, byte: u8) -> usize {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let [high, low] = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
    1
}

/// Copies one character of several bytes, or replaces one byte that does not begin one.
fn escape_wide(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    match character_length(rest) {
        None => {
            out.extend_from_slice(b"\\ufffd");
            1
        }
        Some(3) if rest[..2] == [0xe2, 0x80] && matches!(rest[2], 0xa8 | 0xa9) => {
            out.extend_from_slice(if rest[2] == 0xa8 {
                b"\\u2028"
            } else {
                b"\\u2029"
            });
            3
        }
        Some(length) => {
            out.extend_from_slice(&rest[..length]);
            length
        }
    }
}

/// The length of the character that `rest` begins with, or `None` if its first byte is not part of valid UTF-8.
pub fn character_length(rest: &[u8]) -> Option<usize> {
    let length = match rest.first()? {
        0x00..=0x7f => return Some(1),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    // Surrogates, overlong forms and values past the last code point are left to the library to find.
    let sequence = rest.get(..length)?;
    std::str::from_utf8(sequence).ok().map(|_| length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn quoted(bytes: &[u8]) -> String {
        text(|out| string(out, bytes))
    }

    #[test]
    fn escapes_are_those_of_the_reference() {
        assert_eq!(quoted(b"a\"b\\c\n\r\t/"), r#""a\"b\\c\n\r\t/""#);
        assert_eq!(
            quoted(b"\x00\x08\x0c\x1f\x7f"),
            "\"\\u0000\\u0008\\u000c\\u001f\u{7f}\""
        );
        assert_eq!(quoted(b"<a&b>"), r#""\u003ca\u0026b\u003e""#);
        assert_eq!(
            quoted("\u{2028}\u{2029}\u{2027}é😀".as_bytes()),
            "\"\\u2028\\u2029\u{2027}é😀\""
        );
    }

    #[test]
    fn each_invalid_byte_is_replaced_on_its_own() {
        for (bytes, expected) in [
            (&b"\xff\xfe"[..], r#""\ufffd\ufffd""#),
            (b"\xed\xa0\x80", r#""\ufffd\ufffd\ufffd""#),
            (b"\xc3", r#""\ufffd""#),
            (b"\xe2\x80x", r#""\ufffd\ufffdx""#),
            (b"\xf4\x90\x80\x80", r#""\ufffd\ufffd\ufffd\ufffd""#),
            (b"\xc0\xaf\x80", r#""\ufffd\ufffd\ufffd""#),
        ] {
            assert_eq!(quoted(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_special_byte_is_found_at_every_offset() {
        for length in 0..70 {
            for at in 0..length {
                let mut bytes = vec![b'x'; length];
                bytes[at] = b'<';
                let expected = format!(
                    "\"{}\\u003c{}\"",
                    "x".repeat(at),
                    "x".repeat(length - at - 1)
                );
                assert_eq!(quoted(&bytes), expected);
            }
        }
    }

    #[test]
    fn numbers_print_as_the_library_prints_them() {
        let mut value: u64 = 1;
        for _ in 0..64 {
            for near in [value.wrapping_sub(1), value, value.wrapping_add(1)] {
                assert_eq!(text(|out| number(out, near)), near.to_string());
            }
            value = value.wrapping_mul(3).wrapping_add(7);
        }
        assert_eq!(text(|out| number(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(text(|out| signed(out, i64::MIN)), i64::MIN.to_string());
        assert_eq!(text(|out| signed(out, -1)), "-1");
    }

    #[test]
    fn floats_print_as_the_original_prints_them() {
        for (value, expected) in [
            (0.0, "0"),
            (0.001383, "0.001383"),
            (9223372036854775808.0, "9223372036854776000"),
            (1e-7, "1e-7"),
            (1.5e21, "1.5e+21"),
            (1e20, "100000000000000000000"),
            (f64::NAN, "0"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(text(|out| float(out, value)), expected);
        }
    }
}
