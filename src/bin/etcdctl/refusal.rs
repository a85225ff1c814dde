//! Command lines that cannot be run: the words, the stream and the exit status of each refusal (etcdctl reference 7.3).

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::constraint::Wrong;
use crate::definition::{self, VariableError};
use crate::grammar::{self, Mistake, MistakeKind, Scope, SortedLine};
use crate::help;
use crate::suggestion::nearest;

/// The status of a command line that cannot be run.
const USAGE: u8 = 1;
/// The status of a command that does not exist.
const NO_TOPIC: u8 = 3;

/// A command line that cannot be run: what to print, and the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsageError {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

impl UsageError {
    /// A line on stderr and nothing else.
    fn plain(text: &str) -> UsageError {
        UsageError {
            stdout: String::new(),
            stderr: format!("{text}\n"),
            code: USAGE,
        }
    }

    /// The reason on both streams, and the help of the command that was misused.
    fn usage(path: &[&str], scope: Scope, reason: &str, hint: Option<String>) -> UsageError {
        let path = if scope == Scope::Global { &[] } else { path };
        // The program and the groups of commands have a full stop here, the others a colon.
        let is_group = definition::find(&definition::program(), path).has_subcommands();
        let mark = if is_group { '.' } else { ':' };
        UsageError {
            stdout: format!("Incorrect Usage{mark} {reason}\n\n{}", help::page(path)),
            stderr: lines(reason, hint),
            code: USAGE,
        }
    }

    fn topic(word: &str, names: &[&str]) -> UsageError {
        let hint = match word {
            "backup" => Some(
                "There is no backup command: stop the server, and copy its data directory."
                    .to_owned(),
            ),
            word => nearest(word, names).map(|name| format!("Did you mean {name}?")),
        };
        let stderr = lines(&format!("No help topic for '{word}'"), hint);
        UsageError {
            stdout: String::new(),
            stderr,
            code: NO_TOPIC,
        }
    }
}

fn lines(first: &str, second: Option<String>) -> String {
    second.map_or_else(
        || format!("{first}\n"),
        |second| format!("{first}\n{second}\n"),
    )
}

impl From<Wrong> for UsageError {
    fn from(wrong: Wrong) -> UsageError {
        let refusal = UsageError::plain(&wrong.text);
        if wrong.on_stdout {
            UsageError {
                stdout: refusal.stderr,
                stderr: String::new(),
                ..refusal
            }
        } else {
            refusal
        }
    }
}

impl From<VariableError> for UsageError {
    fn from(error: VariableError) -> UsageError {
        UsageError::plain(&error.to_string())
    }
}

/// Explains words that make no sense to the grammar.
pub(crate) fn of_mistake(program: &clap::Command, mistake: &Mistake) -> UsageError {
    let path: Vec<&str> = mistake
        .path
        .iter()
        .map(|command| command.get_name())
        .collect();
    let command = mistake.path.last().copied();
    match &mistake.kind {
        MistakeKind::Command { word } => {
            let names = command.unwrap_or(program).get_subcommands();
            UsageError::topic(
                word,
                &names.map(clap::Command::get_name).collect::<Vec<_>>(),
            )
        }
        MistakeKind::Option { name } => {
            let reason = format!("flag provided but not defined: -{name}");
            UsageError::usage(
                &path,
                Scope::Command,
                &reason,
                option_hint(program, command, name),
            )
        }
        MistakeKind::Syntax { word } => UsageError::usage(
            &path,
            Scope::Command,
            &format!("bad flag syntax: {word}"),
            None,
        ),
        MistakeKind::Argument { name, scope } => UsageError::usage(
            &path,
            *scope,
            &format!("flag needs an argument: -{name}"),
            None,
        ),
        MistakeKind::Boolean { name, value, scope } => {
            let reason = format!("invalid boolean value {value:?} for -{name}: parse error");
            UsageError::usage(&path, *scope, &reason, None)
        }
    }
}

/// What somebody who wrote the unknown option `name` may have wanted.
fn option_hint(
    program: &clap::Command,
    command: Option<&clap::Command>,
    name: &str,
) -> Option<String> {
    let is_short = |letter: char| grammar::find(program, command, &letter.to_string()).is_some();
    if name.chars().count() > 1 && name.chars().all(is_short) {
        let apart: Vec<String> = name.chars().map(|letter| format!("-{letter}")).collect();
        return Some(format!(
            "Short options cannot be joined: write {}.",
            apart.join(" ")
        ));
    }
    let options = command
        .into_iter()
        .chain([program])
        .flat_map(clap::Command::get_opts);
    let names = options
        .flat_map(grammar::names)
        .filter(|name| name.len() > 1);
    if let Some(name) = nearest(name, names) {
        return Some(format!("Did you mean --{name}?"));
    }
    let elsewhere = |command: &&clap::Command| grammar::find(command, None, name).is_some();
    match command {
        None if program.get_subcommands().any(|command| elsewhere(&command)) => {
            Some("An option of a command stands behind the command.".to_owned())
        }
        Some(command) if command.get_positionals().next().is_some() => Some(
            "A word that begins with a dash and is no option stands behind a -- of its own."
                .to_owned(),
        ),
        _ => None,
    }
}

/// Explains values that the definition does not take.
pub(crate) fn of_clap(line: &SortedLine, error: &clap::Error) -> UsageError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let (option, value) = (
        text(ContextKind::InvalidArg),
        text(ContextKind::InvalidValue),
    );
    let reason = match error.kind() {
        ErrorKind::InvalidUtf8 => return not_text(line),
        ErrorKind::InvalidValue if option.starts_with("--output") => {
            let hint = Some("Choose simple, extended or json.".to_owned());
            let stderr = lines(&format!("Unsupported output format: {value}"), hint);
            return UsageError {
                stdout: String::new(),
                stderr,
                code: USAGE,
            };
        }
        _ => match (error.source(), error.get(ContextKind::ValidValue)) {
            (Some(reason), _) => reason.to_string(),
            (None, Some(ContextValue::Strings(choices))) => {
                format!("must be {}", choice(choices))
            }
            _ => return UsageError::plain(error.to_string().trim_end()),
        },
    };
    match spelled(line, option, value) {
        Some((name, scope)) => {
            let reason = format!("invalid value {value:?} for flag -{name}: {reason}");
            UsageError::usage(&line.names(), scope, &reason, None)
        }
        None => UsageError::plain(&format!("Cannot use {value:?}: {reason}")),
    }
}

/// `a, b or c`
fn choice(names: &[String]) -> String {
    match names.split_last() {
        Some((last, names)) if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        _ => names.concat(),
    }
}

/// The name under which the option that clap calls `shown` was given.
fn spelled<'l>(line: &'l SortedLine, shown: &str, value: &str) -> Option<(&'l str, Scope)> {
    let long = shown.strip_prefix("--")?.split([' ', '=']).next();
    let options = line.options.iter().map(|given| (given, Scope::Command));
    let globals = line.globals.iter().map(|given| (given, Scope::Global));
    let mut given = options.chain(globals);
    given
        .find(|(given, _)| given.arg.get_long() == long && given.is_text(value))
        .map(|(given, scope)| (given.spelled.as_str(), scope))
}

/// Names the bytes that stand where text is needed. Keys, values and paths may be any bytes, the rest not.
fn not_text(line: &SortedLine) -> UsageError {
    let found = line
        .canonical()
        .into_iter()
        .find(|word| word.to_str().is_none());
    let word = found.unwrap_or_default();
    UsageError::plain(&format!("not valid UTF-8: {}", word.to_string_lossy()))
}
