//! Lists the entries of a YAML or JSON file with their lines, from the event stream.
//!
//! No tree is built and aliases are refused, so depth and anchors of a hostile file cost nothing. Plain scalars stay
//! texts: `proxy: off` is the word `off`, not a boolean, and the option decides what a text means.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::entry::{FileEntry, FileValue, SyntaxProblem};

/// Entries of the top level and of the maps below it.
pub(super) fn entries(text: &str) -> Result<Vec<FileEntry>, SyntaxProblem> {
    let mut reader = YamlReader {
        parser: Parser::new_from_str(text),
        entries: Vec::new(),
    };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) => continue,
            Event::StreamEnd => return Ok(reader.entries),
            Event::Scalar(text, style, ..) if is_null(&text, style) => {}
            Event::MappingStart(..) => reader.map(String::new())?,
            _ => {
                return Err(problem(
                    &span,
                    "the file must be a map of options (key: value)",
                ));
            }
        }
        reader.end_document()?;
        return Ok(reader.entries);
    }
}

struct YamlReader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    entries: Vec<FileEntry>,
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), SyntaxProblem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(SyntaxProblem {
                line: error.marker().line().max(1),
                problem: error.info().to_owned(),
            }),
            None => Err(SyntaxProblem {
                line: 1,
                problem: "unexpected end of the file".to_owned(),
            }),
        }
    }

    /// The whole configuration is one document; a second one would be dropped silently.
    fn end_document(&mut self) -> Result<(), SyntaxProblem> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => {
                    return Err(problem(
                        &span,
                        "only one document may stand in a configuration file",
                    ));
                }
            }
        }
    }

    /// Reads the entries of a map whose start was just read. Called for the top level and once below it, no deeper.
    fn map(&mut self, section: String) -> Result<(), SyntaxProblem> {
        let mut keys = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(()),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(problem(&span, "a key must be a plain word")),
            };
            if !keys.insert(key.clone()) {
                return Err(problem(&span, &format!("key {key} is given twice")));
            }
            let line = span.start.line();
            let value = match self.next()? {
                (Event::Scalar(text, style, ..), _) if is_null(&text, style) => FileValue::Null,
                (Event::Scalar(text, ..), _) => FileValue::Scalar(text.into_owned()),
                (Event::SequenceStart(..), _) => self.sequence()?,
                (Event::MappingStart(..), _) if section.is_empty() => {
                    self.map(key)?;
                    continue;
                }
                (Event::MappingStart(..), _) => self.skip()?,
                (Event::Alias(_), span) => {
                    return Err(problem(
                        &span,
                        "aliases are not supported: repeat the value",
                    ));
                }
                (_, span) => return Err(problem(&span, "a value was expected")),
            };
            self.entries.push(FileEntry {
                section: section.clone(),
                key,
                line,
                value,
            });
        }
    }

    fn sequence(&mut self) -> Result<FileValue, SyntaxProblem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(FileValue::List(items)),
                (Event::Scalar(text, ..), _) => items.push(text.into_owned()),
                (Event::Alias(_), span) => {
                    return Err(problem(
                        &span,
                        "aliases are not supported: repeat the value",
                    ));
                }
                (Event::SequenceStart(..) | Event::MappingStart(..), _) => {
                    self.skip()?;
                    return self.skip();
                }
                (_, span) => return Err(problem(&span, "a list item was expected")),
            }
        }
    }

    /// Passes over the rest of a collection whose start was just read.
    fn skip(&mut self) -> Result<FileValue, SyntaxProblem> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()?.0 {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                _ => {}
            }
        }
        Ok(FileValue::Nested)
    }
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn problem(span: &Span, text: &str) -> SyntaxProblem {
    SyntaxProblem {
        line: span.start.line().max(1),
        problem: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize, FileValue)> {
        entries(text)
            .unwrap()
            .into_iter()
            .map(|e| (e.section, e.key, e.line, e.value))
            .collect()
    }

    #[test]
    fn the_flat_keys_and_maps_of_34() {
        let text = "# head\nname: yml\nenable-v2: true\nproxy: off\n\
                    client-transport-security: {cert-file: s.crt, auto-tls: false}\n\
                    log-outputs: [stderr, /var/log/etcd]\ndiscovery:\ncors: ''\n";
        assert_eq!(
            read(text),
            [
                (
                    String::new(),
                    "name".into(),
                    2,
                    FileValue::Scalar("yml".into())
                ),
                (
                    String::new(),
                    "enable-v2".into(),
                    3,
                    FileValue::Scalar("true".into())
                ),
                (
                    String::new(),
                    "proxy".into(),
                    4,
                    FileValue::Scalar("off".into())
                ),
                (
                    "client-transport-security".into(),
                    "cert-file".into(),
                    5,
                    FileValue::Scalar("s.crt".into())
                ),
                (
                    "client-transport-security".into(),
                    "auto-tls".into(),
                    5,
                    FileValue::Scalar("false".into())
                ),
                (
                    String::new(),
                    "log-outputs".into(),
                    6,
                    FileValue::List(vec!["stderr".into(), "/var/log/etcd".into()])
                ),
                (String::new(), "discovery".into(), 7, FileValue::Null),
                (
                    String::new(),
                    "cors".into(),
                    8,
                    FileValue::Scalar(String::new())
                ),
            ]
        );
    }

    #[test]
    fn json_is_read_by_the_same_rules() {
        assert_eq!(
            read("{\n  \"name\": \"j\",\n  \"snapshot-count\": 5\n}\n"),
            [
                (
                    String::new(),
                    "name".into(),
                    2,
                    FileValue::Scalar("j".into())
                ),
                (
                    String::new(),
                    "snapshot-count".into(),
                    3,
                    FileValue::Scalar("5".into())
                ),
            ]
        );
    }

    #[test]
    fn an_empty_file_has_no_entries() {
        for text in ["", "# only a remark\n", "---\n", "---\n...\n", "null\n"] {
            assert_eq!(read(text), [], "{text:?}");
        }
    }

    #[test]
    fn deeper_shapes_are_told_apart_not_lost() {
        let text = "a: {b: {c: [1, {d: e}]}}\nf: [[1], 2]\ng: 3\n";
        let values: Vec<_> = read(text).into_iter().map(|entry| entry.3).collect();
        assert_eq!(
            values,
            [
                FileValue::Nested,
                FileValue::Nested,
                FileValue::Scalar("3".into())
            ]
        );
    }

    #[test]
    fn problems_have_their_line() {
        let cases = [
            ("- a\n", 1, "map"),
            ("a: 1\nb: 2\na: 3\n", 3, "twice"),
            ("a: &x 1\nb: *x\n", 2, "aliases"),
            ("a: 1\n---\nb: 2\n", 2, "one document"),
            ("a: 1\nb: [1, 2\n", 3, ""),
            ("? [a]\n: 1\n", 1, "key"),
        ];
        for (text, line, part) in cases {
            let problem = entries(text).unwrap_err();
            assert_eq!(problem.line, line, "{text:?}: {problem:?}");
            assert!(problem.problem.contains(part), "{text:?}: {problem:?}");
        }
    }

    #[test]
    fn hostile_files_end_in_an_error_or_in_entries_never_in_a_crash() {
        let bomb = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        let deep = format!("a: {}", "[".repeat(100_000));
        let block = (0..2_000)
            .map(|depth| format!("{}k:\n", " ".repeat(depth)))
            .collect::<String>();
        for text in [
            bomb,
            &deep,
            "\u{0}",
            "a: \"",
            "%YAML 9",
            "a: !<",
            "a:\n\t- b",
        ] {
            assert!(
                entries(text).is_err(),
                "{:?}",
                text.chars().take(20).collect::<String>()
            );
        }
        assert_eq!(read(&block).len(), 1);
    }
}
