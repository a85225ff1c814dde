//! JSON documents outside the keys API: what serde says of a value, with the escapes and numbers of the original.
//!
//! The answers of keys are written by hand in [`render`](super::render): they are what a node does most.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use crate::json::{float, string};

/// A document, without a newline at its end.
pub(crate) fn document(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(384);
    let mut serializer = Serializer::with_formatter(&mut out, AsTheOriginal);
    value
        .serialize(&mut serializer)
        .expect("a buffer takes everything, and every key is a string");
    out
}

/// `{"message":"…"}`, the form of errors outside the keys API.
pub(crate) fn message(text: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Message<'a> {
        message: &'a str,
    }
    document(&Message { message: text })
}

/// An id as JSON shows it: lower-case hexadecimal, not padded.
pub(crate) fn hex(id: u64) -> String {
    format!("{id:x}")
}

/// An object whose names are not known before, in their order.
pub(crate) struct OrderedObject<K, V>(pub(crate) Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for OrderedObject<K, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

struct AsTheOriginal;

impl Formatter for AsTheOriginal {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let mut digits = Vec::new();
        float(&mut digits, value);
        writer.write_all(&digits)
    }

    /// The library calls it for a float that is not finite, and for nothing else that is said here.
    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.write_f64(writer, f64::NAN)
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut quoted = Vec::new();
        string(&mut quoted, fragment.as_bytes());
        // The library writes the quotes.
        writer.write_all(&quoted[1..quoted.len() - 1])
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Backspace => writer.write_all(b"\\u0008"),
            CharEscape::FormFeed => writer.write_all(b"\\u000c"),
            escape => CompactFormatter.write_char_escape(writer, escape),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_those_of_keys() {
        let text: String = (0..0x80)
            .map(char::from)
            .chain("\u{2027}\u{2028}\u{2029}é😀".chars())
            .collect();
        let mut wanted = Vec::new();
        string(&mut wanted, text.as_bytes());
        assert_eq!(document(&text), wanted);
        assert_eq!(message("a<b"), br#"{"message":"a\u003cb"}"#);
    }

    #[test]
    fn floats_are_written_as_the_original_does() {
        let floats = [
            0.0,
            f64::NAN,
            0.5,
            1000.0,
            1e-7,
            1.5e21,
            9_223_372_036_854_775_808.0,
        ];
        assert_eq!(
            document(&floats),
            b"[0,0,0.5,1000,1e-7,1.5e+21,9223372036854776000]"
        );
    }

    #[test]
    fn an_object_keeps_its_order() {
        let pairs = OrderedObject(vec![("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(document(&pairs), br#"{"b":1,"a":2,"b":3}"#);
    }
}
