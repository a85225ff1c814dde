//! Lists the entries of a TOML file with their lines; values stay texts until an option gives them a kind.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::entry::{FileEntry, FileValue, Lines, SyntaxProblem};

/// Entries of the top level and of the sections below it.
pub(super) fn entries(text: &str) -> Result<Vec<FileEntry>, SyntaxProblem> {
    let lines = Lines::of(text);
    let document = DeTable::parse(text).map_err(|error| SyntaxProblem {
        line: lines.at(error.span().map_or(0, |Range { start, .. }| start)),
        problem: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    for (key, value) in document.get_ref() {
        match value.get_ref() {
            DeValue::Table(section) => {
                let name = key.get_ref().to_string();
                entries.extend(
                    section
                        .iter()
                        .map(|(key, value)| entry(&lines, name.clone(), key, value)),
                );
            }
            _ => entries.push(entry(&lines, String::new(), key, value)),
        }
    }
    Ok(entries)
}

fn entry<K: AsRef<str>>(
    lines: &Lines,
    section: String,
    key: &Spanned<K>,
    value: &Spanned<DeValue<'_>>,
) -> FileEntry {
    FileEntry {
        section,
        key: key.get_ref().as_ref().to_owned(),
        line: lines.at(key.span().start),
        value: content(value.get_ref()),
    }
}

fn content(value: &DeValue<'_>) -> FileValue {
    match value {
        DeValue::Array(items) => items
            .iter()
            .map(|item| scalar(item.get_ref()))
            .collect::<Option<Vec<String>>>()
            .map_or(FileValue::Nested, FileValue::List),
        other => scalar(other).map_or(FileValue::Nested, FileValue::Scalar),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize, FileValue)> {
        let mut entries = entries(text).unwrap();
        entries.sort_by_key(|entry| entry.line);
        entries
            .into_iter()
            .map(|e| (e.section, e.key, e.line, e.value))
            .collect()
    }

    #[test]
    fn sections_lists_and_lines() {
        let text =
            "# head\nname = \"n1\"\npeers = [\"a:1\", \"b:2\"]\n[peer]\nheartbeat_interval = 50\n";
        assert_eq!(
            read(text),
            [
                (
                    String::new(),
                    "name".into(),
                    2,
                    FileValue::Scalar("n1".into())
                ),
                (
                    String::new(),
                    "peers".into(),
                    3,
                    FileValue::List(vec!["a:1".into(), "b:2".into()])
                ),
                (
                    "peer".into(),
                    "heartbeat_interval".into(),
                    5,
                    FileValue::Scalar("50".into())
                ),
            ]
        );
    }

    #[test]
    fn shapes_no_option_has_are_told_apart_not_lost() {
        let values: Vec<_> = read("a = 1979-05-27\nb = [[1]]\n[c.d]\ne = 1\n")
            .into_iter()
            .map(|entry| entry.3)
            .collect();
        assert_eq!(
            values,
            [FileValue::Nested, FileValue::Nested, FileValue::Nested]
        );
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let problem = entries("name = \"n1\"\naddr = 10.0.0.2:4001\n").unwrap_err();
        assert_eq!(problem.line, 2);
        assert!(!problem.problem.is_empty());
        assert_eq!(entries("a = 1\nb = 2\na = 3\n").unwrap_err().line, 3);
    }

    #[test]
    fn deep_nesting_is_refused_without_harm() {
        assert!(entries(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
