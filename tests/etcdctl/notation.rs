//! The table's text files: transcripts (`tests/support/transcript.rs`) without the original's output, which is asked for anew,
//! and with what is known about how the two outputs compare.
//!
//! | mark | is |
//! |---|---|
//! | `~ only debian`, `~ only ours` | the kind of server it is run against (both when absent) |
//! | `~ unsorted` | its output lines come in any order: etcd 3.4 lists in random order (keys-api 2.5). Ours sorts, so this holds for twins of Debian's server only |
//! | `~ output first`, `~ errors first` | the comparison ends with the first line of that stream: the rest is help or advice, in our own words |
//! | `~ shows TEXT` | `TEXT` is in both outputs, wherever their lines break |
//! | `~ index differs` | the two requests take different numbers of indexes, by the choice that follows |
//! | `= SECTION why` | a choice: the outputs differ, and what follows is what ours prints. Equal outputs fail: the mark is not needed |
//! | `=? SECTION why` | the same where the original varies from run to run, so that it may be equal by chance |
//!
//! Without `=` standard output, standard error and exit code must be equal.

use super::support::server::Kind;
use super::support::transcript::{self, Choice, Expected, Step};

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
    transcript::parse(text)?.into_iter().map(line).collect()
}

fn line(step: Step) -> Result<Line, String> {
    let number = step.line;
    if step.expected != Expected::default() {
        return Err(format!("line {number}: output without a choice"));
    }
    let mut terms = Terms::default();
    for term in &step.terms {
        match term.as_str() {
            "only debian" => terms.only = Some(Kind::Debian),
            "only ours" => terms.only = Some(Kind::Ours),
            "unsorted" => terms.unsorted = true,
            "output first" => terms.first.output = true,
            "errors first" => terms.first.errors = true,
            "index differs" => terms.index_differs = true,
            other => match other.strip_prefix("shows ") {
                Some(text) => terms.shows.push(text.to_owned()),
                None => return Err(format!("line {number}: no such term: {other}")),
            },
        }
    }
    Ok(Line {
        number,
        command: step.command,
        terms,
        choice: step.choice,
    })
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
