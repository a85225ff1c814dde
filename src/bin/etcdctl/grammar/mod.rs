//! From the words of a command line to the command they mean, by the rules of etcdctl reference 2.
//!
//! One dash or two before a name are the same; options of the program and of the command stand anywhere before `--`; what
//! belongs to a child program is never looked at. clap has none of these rules, so the words are sorted here first, by what
//! the definition knows, and handed to clap in the one order that leaves nothing to guess ([`SortedLine::canonical`]).

mod line;
mod option;

pub(crate) use line::{Given, SortedLine};
pub(crate) use option::{Scope, find, names};

use std::ffi::OsString;
use std::vec::IntoIter;

use clap::{Arg, Command};

use crate::definition::{HELP, VERSION};
use crate::value::boolean;
use line::OptionValue;
use option::{OptionWord, Word};

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Intent<'d> {
    /// A command to run.
    Run(SortedLine<'d>),
    /// The help of the command at the end of this path; without one, of the program.
    Help(Vec<&'d Command>),
    /// The version.
    Version,
}

/// Why a command line cannot be understood.
#[derive(Debug)]
pub(crate) struct Mistake<'d> {
    /// The command whose words were being read, behind those above it.
    pub(crate) path: Vec<&'d Command>,
    pub(crate) kind: MistakeKind,
}

/// The ways in which words make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MistakeKind {
    /// No such command or help topic.
    Command { word: String },
    /// No such option.
    Option { name: String },
    /// A word like `---x` or `-=x`.
    Syntax { word: String },
    /// An option at the end of the line that needs a value.
    Argument { name: String, scope: Scope },
    /// A switch with a value that is neither true nor false.
    Boolean {
        name: String,
        value: String,
        scope: Scope,
    },
}

/// Reads `words`, the command line without the name of the program.
///
/// # Errors
/// At the first word that makes no sense.
pub(crate) fn read<'d>(
    program: &'d Command,
    words: impl IntoIterator<Item = OsString>,
) -> Result<Intent<'d>, Mistake<'d>> {
    let words = words.into_iter().collect::<Vec<_>>().into_iter();
    WordReader {
        program,
        line: SortedLine::default(),
        words,
    }
    .read()
}

struct WordReader<'d> {
    program: &'d Command,
    line: SortedLine<'d>,
    words: IntoIter<OsString>,
}

/// What became of a word that looks like an option.
enum OptionOutcome {
    Taken,
    Unknown,
    Help,
    Version,
}

impl<'d> WordReader<'d> {
    /// Reads up to the name of a command that does something.
    fn read(mut self) -> Result<Intent<'d>, Mistake<'d>> {
        while let Some(word) = self.words.next() {
            match Word::of(&word) {
                // It protects what follows from being an option, but here only a command can follow.
                Word::End => {}
                Word::Plain if word.is_empty() => break,
                Word::Plain if word == "help" || word == "h" => return self.topic(),
                Word::Plain => {
                    let command = self.descend(&word)?;
                    if !command.has_subcommands() {
                        return self.leaf(command);
                    }
                }
                Word::Malformed => return Err(self.syntax(&word)),
                Word::Option(written) => {
                    let name = written.name.clone();
                    match self.option(written)? {
                        OptionOutcome::Taken => {}
                        OptionOutcome::Help => break,
                        OptionOutcome::Version => return Ok(Intent::Version),
                        OptionOutcome::Unknown => {
                            return Err(self.mistake(MistakeKind::Option { name }));
                        }
                    }
                }
            }
        }
        Ok(Intent::Help(self.line.path))
    }

    /// Reads the options and arguments of `command`.
    fn leaf(mut self, command: &'d Command) -> Result<Intent<'d>, Mistake<'d>> {
        let positionals: Vec<&Arg> = command.get_positionals().collect();
        while let Some(word) = self.words.next() {
            let slot = positionals.get(self.line.arguments.len());
            let is_value = slot.is_some_and(|slot| slot.is_allow_hyphen_values_set());
            let is_child = slot.is_some_and(|slot| slot.is_trailing_var_arg_set());
            match Word::of(&word) {
                Word::End => self.literal(positionals.last().copied()),
                Word::Plain if is_child => {
                    self.line.arguments.push(word);
                    self.line.arguments.extend(self.words.by_ref());
                }
                Word::Plain => self.line.arguments.push(word),
                Word::Malformed if is_value => self.line.arguments.push(word),
                Word::Malformed => return Err(self.syntax(&word)),
                Word::Option(written) => {
                    let name = written.name.clone();
                    match self.option(written)? {
                        OptionOutcome::Taken => {}
                        OptionOutcome::Help => return Ok(Intent::Help(self.line.path)),
                        OptionOutcome::Version => return Ok(Intent::Version),
                        OptionOutcome::Unknown if is_value => self.line.arguments.push(word),
                        OptionOutcome::Unknown => {
                            return Err(self.mistake(MistakeKind::Option { name }));
                        }
                    }
                }
            }
        }
        Ok(Intent::Run(self.line))
    }

    /// Reads what stands behind `--`: arguments alone, and for a command that runs a child its words as they are.
    fn literal(&mut self, last: Option<&Arg>) {
        let has_child = last.is_some_and(Arg::is_trailing_var_arg_set);
        if has_child && self.line.arguments.is_empty() {
            self.line.arguments.extend(self.words.next());
            // `exec-watch -- /key -- command`: the second one ends the options of nobody.
            if self
                .words
                .as_slice()
                .first()
                .is_some_and(|word| word == "--")
            {
                self.words.next();
            }
        }
        self.line.arguments.extend(self.words.by_ref());
    }

    /// Finds what `help` is asked about; words that lead below a command that does something are not looked at.
    fn topic(mut self) -> Result<Intent<'d>, Mistake<'d>> {
        while let Some(word) = self.words.next() {
            if matches!(Word::of(&word), Word::Plain) && !self.descend(&word)?.has_subcommands() {
                break;
            }
        }
        Ok(Intent::Help(self.line.path))
    }

    fn descend(&mut self, word: &OsString) -> Result<&'d Command, Mistake<'d>> {
        let above = self.line.path.last().copied().unwrap_or(self.program);
        let found = above.get_subcommands().find(|command| {
            word == command.get_name() || command.get_all_aliases().any(|alias| word == alias)
        });
        match found {
            Some(command) => {
                self.line.path.push(command);
                Ok(command)
            }
            None => {
                let word = word.to_string_lossy().into_owned();
                Err(self.mistake(MistakeKind::Command { word }))
            }
        }
    }

    /// Takes an option, with the next word as its value where it needs one.
    fn option(&mut self, written: OptionWord) -> Result<OptionOutcome, Mistake<'d>> {
        let OptionWord { name, value } = written;
        let Some((arg, scope)) = self.defined(&name) else {
            return Ok(OptionOutcome::Unknown);
        };
        let value = match (is_switch(arg), value) {
            (true, None) => OptionValue::Switch(true),
            (true, Some(value)) => match value.to_str().map(boolean::parse) {
                Some(Ok(truth)) => OptionValue::Switch(truth),
                _ => {
                    let value = value.to_string_lossy().into_owned();
                    return Err(self.mistake(MistakeKind::Boolean { name, value, scope }));
                }
            },
            (false, Some(value)) => OptionValue::Text(value),
            (false, None) => match self.words.next() {
                Some(value) => OptionValue::Text(value),
                None => return Err(self.mistake(MistakeKind::Argument { name, scope })),
            },
        };
        match (arg.get_id().as_str(), &value) {
            (HELP, OptionValue::Switch(true)) => return Ok(OptionOutcome::Help),
            (VERSION, OptionValue::Switch(true)) => return Ok(OptionOutcome::Version),
            (HELP | VERSION, _) => {}
            _ => {
                let given = Given {
                    arg,
                    spelled: name,
                    value,
                };
                match scope {
                    Scope::Global => self.line.globals.push(given),
                    Scope::Command => self.line.options.push(given),
                }
            }
        }
        Ok(OptionOutcome::Taken)
    }

    /// The option called `name` here.
    ///
    /// The version is no matter of a command: `set /k -v` stores `-v`, as it always did.
    fn defined(&self, name: &str) -> Option<(&'d Arg, Scope)> {
        let command = self.line.path.last().copied();
        find(self.program, command, name)
            .filter(|(arg, _)| command.is_none() || arg.get_id() != VERSION)
    }

    fn syntax(&mut self, word: &OsString) -> Mistake<'d> {
        let word = word.to_string_lossy().into_owned();
        self.mistake(MistakeKind::Syntax { word })
    }

    fn mistake(&mut self, kind: MistakeKind) -> Mistake<'d> {
        Mistake {
            path: std::mem::take(&mut self.line.path),
            kind,
        }
    }
}

/// Whether an option can stand without a value.
fn is_switch(arg: &Arg) -> bool {
    let may_be_empty = arg
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    may_be_empty || !arg.get_action().takes_values()
}
