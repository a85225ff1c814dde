//! The way from the words of a command line to something to run, something to print, or a refusal.

use std::ffi::OsString;

use clap::FromArgMatches;
use clap::error::ErrorKind;

use crate::definition::{self, CtlCommand, GlobalOptions, Invocation};
use crate::grammar::{self, Intent, SortedLine};
use crate::refusal::{self, UsageError};
use crate::{constraint, help};

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parsed {
    /// A command to run.
    Run(Box<Invocation>),
    /// A text for stdout.
    Print(String),
}

/// Reads a command line, given without the name of the program, and the environment.
///
/// # Errors
/// When it cannot be run; nothing has been sent anywhere by then.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Parsed, UsageError> {
    let program = definition::program();
    match grammar::read(&program, arguments) {
        Ok(Intent::Run(line)) => {
            invocation(&program, line, variable).map(|invocation| Parsed::Run(Box::new(invocation)))
        }
        Ok(Intent::Help(path)) => {
            let path: Vec<&str> = path.iter().map(|command| command.get_name()).collect();
            Ok(Parsed::Print(help::page(&path)))
        }
        Ok(Intent::Version) => Ok(Parsed::Print(help::version())),
        Err(mistake) => Err(refusal::of_mistake(&program, &mistake)),
    }
}

fn invocation(
    program: &clap::Command,
    mut line: SortedLine,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Invocation, UsageError> {
    constraint::forget_surplus(&mut line);
    let words = std::iter::once(definition::NAME.into()).chain(line.canonical());
    let matches = program.clone().try_get_matches_from(words);
    if let Err(error) = &matches
        && is_about_a_value(error)
    {
        return Err(refusal::of_clap(&line, error));
    }
    // clap would refuse the same lines, but in its own words.
    constraint::check(&line)?;
    let read = |error: clap::Error| refusal::of_clap(&line, &error);
    let matches = matches.map_err(read)?;
    let options = GlobalOptions::from_arg_matches(&matches).map_err(read)?;
    let command = CtlCommand::read(&matches).map_err(read)?;
    let global = options.resolve(variable)?;
    Ok(Invocation { global, command })
}

/// Values are looked at before arguments are counted, as the original does.
fn is_about_a_value(error: &clap::Error) -> bool {
    use ErrorKind::{InvalidUtf8, InvalidValue, ValueValidation};
    // An argument that is missing its value altogether is one that was not given: that is counting.
    let is_empty = error.get(clap::error::ContextKind::InvalidValue).is_none();
    match error.kind() {
        InvalidValue => !is_empty,
        kind => matches!(kind, InvalidUtf8 | ValueValidation),
    }
}

#[cfg(test)]
mod tests;
