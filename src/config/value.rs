//! Kinds of option values: every text is either a [`Value`] of its option's kind or refused with a reason.

use crate::go::{self, IntegerError};

/// What an option's text must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Go's boolean texts; on the command line a value only after `=`.
    Bool,
    /// Any text.
    Text,
    /// Whole number from 0.
    Count,
    /// Whole number, negative ones included (0.4 accepted and then raised them).
    Integer,
    /// Number with an optional fraction.
    Number,
    /// Bytes, with an optional unit such as `MiB`.
    Bytes,
    /// Texts separated by commas, blanks around them trimmed.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Text(String),
    Count(u64),
    Integer(i64),
    Number(f64),
    List(Vec<String>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Bool(value) => write!(out, "{value}"),
            Value::Text(value) => out.write_str(value),
            Value::Count(value) => write!(out, "{value}"),
            Value::Integer(value) => write!(out, "{value}"),
            Value::Number(value) => write!(out, "{value}"),
            Value::List(value) => out.write_str(&value.join(",")),
        }
    }
}

/// The reason the original gives for a text that is not a number or a boolean.
const PARSE_ERROR: &str = "parse error";
const OUT_OF_RANGE: &str = "value out of range";

impl ValueKind {
    /// Reads `text`; the error is the reason alone, the caller knows the place.
    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            ValueKind::Bool => go::boolean(text.as_bytes())
                .map(Value::Bool)
                .ok_or_else(|| PARSE_ERROR.to_owned()),
            ValueKind::Text => Ok(Value::Text(text.to_owned())),
            ValueKind::Count => whole_number(text)
                .and_then(|n| u64::try_from(n).map_err(|_| PARSE_ERROR))
                .map(Value::Count)
                .map_err(str::to_owned),
            ValueKind::Integer => whole_number(text)
                .and_then(|n| i64::try_from(n).map_err(|_| OUT_OF_RANGE))
                .map(Value::Integer)
                .map_err(str::to_owned),
            ValueKind::Number => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Number(number)),
                _ => Err(PARSE_ERROR.to_owned()),
            },
            ValueKind::Bytes => bytes(text).map(Value::Count),
            ValueKind::List => Ok(Value::List(list(text))),
            ValueKind::Choice(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
            ValueKind::Choice(words) => {
                Err(format!("invalid value (one of: {})", words.join(", ")))
            }
        }
    }

    /// How the help text names such a value.
    pub(super) fn placeholder(self) -> String {
        match self {
            ValueKind::Bool => "<bool>".to_owned(),
            ValueKind::Text => "<text>".to_owned(),
            ValueKind::Count | ValueKind::Integer | ValueKind::Number => "<number>".to_owned(),
            ValueKind::Bytes => "<bytes>".to_owned(),
            ValueKind::List => "<item>,<item>".to_owned(),
            ValueKind::Choice(words) => format!("<{}>", words.join("|")),
        }
    }
}

/// Items of a comma-separated text, trimmed, empty ones dropped.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A whole number, with the reasons that the original gives.
fn whole_number(text: &str) -> Result<i128, &'static str> {
    go::integer(text).map_err(|error| match error {
        IntegerError::Syntax => PARSE_ERROR,
        IntegerError::Range => OUT_OF_RANGE,
    })
}

/// A size: whole number and optional unit. Units with `i` and single letters count in 1024, the others in 1000.
fn bytes(text: &str) -> Result<u64, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number: u64 = digits.parse().map_err(|_| PARSE_ERROR.to_owned())?;
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        other => return Err(format!("unknown unit {other:?} (use KiB, MiB or GiB)")),
    };
    number
        .checked_mul(scale)
        .ok_or_else(|| OUT_OF_RANGE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_gos_twelve_texts_and_no_others() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(ValueKind::Bool.parse(text), Ok(Value::Bool(true)), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(
                ValueKind::Bool.parse(text),
                Ok(Value::Bool(false)),
                "{text}"
            );
        }
        for text in ["", "yes", "on", "tRUE", "2", " true"] {
            assert_eq!(
                ValueKind::Bool.parse(text),
                Err("parse error".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn counts_follow_gos_notation() {
        let good = [
            ("0", 0),
            ("17", 17),
            ("0x10", 16),
            ("010", 8),
            ("0b11", 3),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, number) in good {
            assert_eq!(
                ValueKind::Count.parse(text),
                Ok(Value::Count(number)),
                "{text}"
            );
        }
        for text in [
            "-1", "", "1.5", "1e3", "0x", "--1", "+-1", "ten", "08", "1 ",
        ] {
            assert_eq!(
                ValueKind::Count.parse(text),
                Err("parse error".to_owned()),
                "{text}"
            );
        }
        assert_eq!(
            ValueKind::Count.parse("18446744073709551616"),
            Err("value out of range".to_owned())
        );
    }

    #[test]
    fn integers_may_be_negative_and_numbers_must_be_finite() {
        assert_eq!(ValueKind::Integer.parse("-3"), Ok(Value::Integer(-3)));
        assert_eq!(
            ValueKind::Integer.parse("9223372036854775808"),
            Err("value out of range".to_owned())
        );
        assert_eq!(ValueKind::Number.parse("2.5"), Ok(Value::Number(2.5)));
        for text in ["NaN", "inf", "-inf", "", "1,5"] {
            assert!(ValueKind::Number.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_know_both_families_of_units() {
        let good = [
            ("512", 512),
            ("1KiB", 1024),
            ("2 MiB", 2 << 20),
            ("1G", 1 << 30),
            ("3MB", 3_000_000),
        ];
        for (text, number) in good {
            assert_eq!(
                ValueKind::Bytes.parse(text),
                Ok(Value::Count(number)),
                "{text}"
            );
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5GiB",
            "7 parsecs",
            "99999999999999999999",
            "18446744073709551615KiB",
        ] {
            assert!(ValueKind::Bytes.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_trim_blanks_and_drop_empty_items() {
        assert_eq!(
            ValueKind::List.parse(" a , b,,c "),
            Ok(Value::List(vec!["a".into(), "b".into(), "c".into()]))
        );
        assert_eq!(ValueKind::List.parse(""), Ok(Value::List(Vec::new())));
    }

    #[test]
    fn a_choice_names_its_words_when_refused() {
        let kind = ValueKind::Choice(&["new", "existing"]);
        assert_eq!(kind.parse("existing"), Ok(Value::Text("existing".into())));
        assert_eq!(
            kind.parse("old"),
            Err("invalid value (one of: new, existing)".to_owned())
        );
    }
}
