//! The table's text files: command lines in sections, with what is known about how their outputs compare.
//!
//! A line that begins with
//!
//! | mark | is |
//! |---|---|
//! | `# ` | the title of a section; `~` lines directly below it hold for the whole section |
//! | `$ ` | a command line for `sh`, which knows the variables below |
//! | `~ only debian`, `~ only ours` | the kind of server it is run against (both when absent) |
//! | `~ unsorted` | its output lines come in any order: etcd 3.4 lists in random order (keys-api 2.5). Ours sorts, so this holds for twins of Debian's server only |
//! | `~ output first`, `~ errors first` | the comparison ends with the first line of that stream: the rest is help or advice, in our own words |
//! | `~ shows TEXT` | `TEXT` is in both outputs, wherever their lines break |
//! | `~ index differs` | the two requests take different numbers of indexes, by the choice that follows |
//! | `= SECTION why` | a choice of that section of the etcdctl reference (or `design N`, which precedes it): the outputs differ, and what follows is what ours prints, as a transcript writes it (`tests/support/transcript.rs`). Equal outputs fail: the mark is not needed |
//! | `=? SECTION why` | the same where the original varies from run to run, so that it may be equal by chance |
//!
//! Without `=` standard output, standard error and exit code must be equal.

use super::support::server::Kind;
use super::support::transcript::Expected;

/// Streams of which only the first line counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) output: bool,
    pub(crate) errors: bool,
}

/// What is known about the comparison of one command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) only: Option<Kind>,
    pub(crate) unsorted: bool,
    pub(crate) first: First,
    pub(crate) shows: Vec<String>,
    pub(crate) index_differs: bool,
}

/// A difference that the reference decided.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) section: String,
    /// Whether the original's output is the same in each run.
    pub(crate) steady: bool,
    pub(crate) ours: Expected,
}

/// One command line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its place in the file, from 1.
    pub(crate) number: usize,
    pub(crate) command: String,
    pub(crate) terms: Terms,
    pub(crate) choice: Option<Choice>,
}

/// Reads a file of the table.
///
/// # Errors
/// With the line that is no notation.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    let mut section = Terms::default();
    let mut in_title = true;
    for (number, text) in text.lines().enumerate() {
        let number = number + 1;
        if text.starts_with("# ") {
            end_choice(lines.last_mut(), number)?;
            (section, in_title) = (Terms::default(), true);
        } else if let Some(command) = text.strip_prefix("$ ") {
            in_title = false;
            lines.push(Line {
                number,
                command: command.to_owned(),
                terms: section.clone(),
                choice: None,
            });
        } else if in_title {
            term(&mut section, text, number)?;
        } else if let Some(line) = lines.last_mut() {
            below(line, text, number)?;
        }
    }
    Ok(lines)
}

/// Takes a line below a command.
fn below(line: &mut Line, text: &str, number: usize) -> Result<(), String> {
    if let Some(choice) = &mut line.choice {
        choice.ours.take(text);
        return Ok(());
    }
    let (mark, reason) = text.split_once(' ').unwrap_or((text, ""));
    match mark {
        "=" | "=?" => {
            let section = reason.strip_prefix("design ").unwrap_or(reason);
            if !section.starts_with(|c: char| c.is_ascii_digit()) || !section.contains(' ') {
                return Err(format!(
                    "line {number}: a choice needs a section and a reason"
                ));
            }
            line.choice = Some(Choice {
                section: reason.to_owned(),
                steady: mark == "=",
                ours: Expected::default(),
            });
            Ok(())
        }
        _ => term(&mut line.terms, text, number),
    }
}

fn term(terms: &mut Terms, text: &str, number: usize) -> Result<(), String> {
    match text.strip_prefix("~ ") {
        Some("only debian") => terms.only = Some(Kind::Debian),
        Some("only ours") => terms.only = Some(Kind::Ours),
        Some("unsorted") => terms.unsorted = true,
        Some("output first") => terms.first.output = true,
        Some("errors first") => terms.first.errors = true,
        Some("index differs") => terms.index_differs = true,
        Some(other) => match other.strip_prefix("shows ") {
            Some(text) => terms.shows.push(text.to_owned()),
            None => return Err(format!("line {number}: no such term: {other}")),
        },
        None if text.is_empty() => {}
        None => return Err(format!("line {number}: output without a choice: {text}")),
    }
    Ok(())
}

/// The empty line before a section belongs to no output.
fn end_choice(line: Option<&mut Line>, number: usize) -> Result<(), String> {
    let Some(choice) = line.and_then(|line| line.choice.as_mut()) else {
        return Ok(());
    };
    if choice.ours.drop_separator() {
        Ok(())
    } else {
        Err(format!("line {number}: no empty line before the section"))
    }
}

#[test]
fn a_section_hands_its_terms_down_and_a_choice_takes_what_follows() {
    let text =
        "# one\n~ unsorted\n$ a\n$ b\n~ only ours\n= 16.1 reason\nout\n! err\n? 3\n\n# two\n$ c\n";
    let lines = parse(text).unwrap();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.number,
                line.terms.unsorted,
                line.terms.only,
                line.choice.is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (3, true, None, false),
            (4, true, Some(Kind::Ours), true),
            (12, false, None, false)
        ]
    );
    let wanted = "exit code 3, output\nout\nand errors\nerr";
    assert_eq!(lines[1].choice.as_ref().unwrap().ours.show(), wanted);
}

#[test]
fn what_is_no_notation_is_refused() {
    for text in [
        "# t\n$ a\nstray output\n",
        "# t\n$ a\n~ nonsense\n",
        "# t\n$ a\n= 16.1\n",
        "# t\n$ a\n= reason without section\n",
        "# t\n$ a\n= 4 why\nout\n# no empty line before\n",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}
