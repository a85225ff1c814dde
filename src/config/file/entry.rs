//! What the parsers of configuration files give: entries with their lines, before any option gives them a meaning.

/// One `key = value` of a file; `section` is empty at the top level.
#[derive(Debug, PartialEq)]
pub(super) struct FileEntry {
    pub(super) section: String,
    pub(super) key: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) value: FileValue,
}

/// What stands behind a key, before any option gives it a meaning.
#[derive(Debug, PartialEq)]
pub(super) enum FileValue {
    /// One text, number or boolean, as written.
    Scalar(String),
    /// Several of them.
    List(Vec<String>),
    /// Nothing (YAML's null): as if the key were absent.
    Null,
    /// Anything deeper: no option looks like that.
    Nested,
}

/// Where parsing stopped and why.
#[derive(Debug, PartialEq)]
pub(super) struct SyntaxProblem {
    pub(super) line: usize,
    pub(super) problem: String,
}

/// Where the lines of a text begin: found once, since a file may have as many entries as lines.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// Line (from 1) of a byte offset.
    pub(super) fn at(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|end| *end < offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        let lines = Lines::of("a\nb\nc");
        for (offset, line) in [(0, 1), (1, 1), (2, 2), (99, 3)] {
            assert_eq!(lines.at(offset), line, "{offset}");
        }
    }
}
