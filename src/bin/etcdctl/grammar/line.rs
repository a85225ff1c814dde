//! A command line in order: the command, its options and the global ones apart, the arguments.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// What was written, sorted by what it is.
#[derive(Debug, Default)]
pub(crate) struct SortedLine<'d> {
    /// The command, behind those above it.
    pub(crate) path: Vec<&'d Command>,
    pub(crate) globals: Vec<Given<'d>>,
    pub(crate) options: Vec<Given<'d>>,
    pub(crate) arguments: Vec<OsString>,
}

/// An option that was given.
#[derive(Debug)]
pub(crate) struct Given<'d> {
    pub(crate) arg: &'d Arg,
    /// The name it was given under.
    pub(crate) spelled: String,
    pub(crate) value: OptionValue,
}

/// What an option was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OptionValue {
    Switch(bool),
    Text(OsString),
}

impl Given<'_> {
    pub(crate) fn is_text(&self, text: &str) -> bool {
        matches!(&self.value, OptionValue::Text(own) if own == text)
    }
}

impl SortedLine<'_> {
    /// The names that lead to the command.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.path.iter().map(|command| command.get_name()).collect()
    }

    /// The texts given to an option of the command.
    pub(crate) fn texts(&self, id: &str) -> impl Iterator<Item = &OsStr> {
        let given = self
            .options
            .iter()
            .filter(move |given| given.arg.get_id() == id);
        given.filter_map(|given| match &given.value {
            OptionValue::Text(text) => Some(text.as_os_str()),
            OptionValue::Switch(_) => None,
        })
    }

    /// Whether a switch of the command is on. The last word counts: `--read --read=false` is off.
    pub(crate) fn is_on(&self, id: &str) -> bool {
        let last = self
            .options
            .iter()
            .rev()
            .find(|given| given.arg.get_id() == id);
        last.is_some_and(|given| given.value == OptionValue::Switch(true))
    }

    /// The words in the order global options, command, its options, `--`, arguments, each option under its long name and
    /// with its value in the same word.
    pub(crate) fn canonical(&self) -> Vec<OsString> {
        let mut words = Vec::new();
        words.extend(written(&self.globals));
        words.extend(self.names().into_iter().map(OsString::from));
        words.extend(written(&self.options));
        words.push(OsString::from("--"));
        words.extend(self.arguments.iter().cloned());
        words
    }
}

fn written(options: &[Given]) -> Vec<OsString> {
    // Of a switch the last word counts, and only a switch that may carry a value can be told that it is off.
    let is_last = |at: usize| {
        let id = options[at].arg.get_id();
        options[at + 1..]
            .iter()
            .all(|later| later.arg.get_id() != id)
    };
    let mut words = Vec::new();
    for (at, given) in options.iter().enumerate() {
        let takes_value = given.arg.get_action().takes_values();
        match &given.value {
            OptionValue::Switch(_) if !is_last(at) => {}
            OptionValue::Switch(false) if !takes_value => {}
            OptionValue::Switch(true) if !takes_value => words.push(name(given.arg)),
            OptionValue::Switch(truth) => {
                words.push(joined(given.arg, OsStr::new(&truth.to_string())))
            }
            OptionValue::Text(text) => words.push(joined(given.arg, text)),
        }
    }
    words
}

fn joined(arg: &Arg, value: &OsStr) -> OsString {
    let mut word = name(arg);
    word.push("=");
    word.push(value);
    word
}

fn name(arg: &Arg) -> OsString {
    match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => OsString::from(format!("--{long}")),
        (None, short) => {
            short.map_or_else(OsString::new, |short| OsString::from(format!("-{short}")))
        }
    }
}
