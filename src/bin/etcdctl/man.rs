//! Manual pages, made from the definition: one of the program, one of every command.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::Command;
use roff::{Roff, bold, roman};

use crate::definition::{self, DISCOVERY_SRV_NAME, EXIT_STATUS, NAME, examples};
use crate::help;

const DISCOVERY_SRV_NAME_MEANING: &str =
    "Suffix of the DNS service names that --discovery-srv looks up; it has no option.";

/// A manual page and the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManPage {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// The page of the program.
pub(crate) fn first() -> ManPage {
    page(&definition::documented(), &[])
}

/// The pages of the program and of every command, groups of commands included.
pub(crate) fn all() -> Vec<ManPage> {
    let program = definition::documented();
    let mut pages = vec![page(&program, &[])];
    add_below(&program, &program, &[], &mut pages);
    pages
}

/// A page, or the directory for it, that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; name a directory that you may write into", path.display())]
pub(crate) struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes every page into `directory`, which is created if it does not exist.
///
/// # Errors
/// When the directory or a file cannot be written.
pub(crate) fn write(directory: &Path) -> Result<(), WriteError> {
    let place = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { path, source }
    };
    fs::create_dir_all(directory).map_err(place(directory))?;
    for page in all() {
        let path = directory.join(page.file);
        fs::write(&path, page.text).map_err(place(&path))?;
    }
    Ok(())
}

fn add_below(program: &Command, above: &Command, path: &[&str], pages: &mut Vec<ManPage>) {
    for command in above.get_subcommands() {
        let path = [path, &[command.get_name()]].concat();
        pages.push(page(program, &path));
        add_below(program, command, &path, pages);
    }
}

fn page(program: &Command, path: &[&str]) -> ManPage {
    let command = definition::find(program, path);
    let name = [&[NAME], path].concat().join("-");
    let source = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "1", "", source.as_str(), ""]);
    section(
        &mut roff,
        "NAME",
        &format!("{name} - {}", help::about(command)),
    );
    synopsis(&mut roff, path, command);
    if let Some(description) = help::description(command) {
        section(&mut roff, "DESCRIPTION", &description);
    }
    commands(&mut roff, &name, command);
    arguments(&mut roff, command);
    options(&mut roff, path, command);
    exit_status(&mut roff);
    environment(&mut roff);
    example(&mut roff, path);
    see_also(&mut roff, path);
    ManPage {
        file: format!("{name}.1"),
        text: roff.render(),
    }
}

fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    roff.text([roman(text)]);
}

/// A label and, indented below it, its text.
fn entry(roff: &mut Roff, label: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(label)]);
    roff.text([roman(text)]);
}

fn synopsis(roff: &mut Roff, path: &[&str], command: &Command) {
    let usage = help::usage(path, command);
    let name = help::full_name(path);
    let rest = usage.strip_prefix(&name).unwrap_or_default().to_owned();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(name), roman(rest)]);
}

fn commands(roff: &mut Roff, name: &str, command: &Command) {
    if !command.has_subcommands() {
        return;
    }
    roff.control("SH", ["COMMANDS"]);
    for below in command.get_subcommands() {
        entry(
            roff,
            &format!("{name}-{}(1)", below.get_name()),
            &help::about(below),
        );
    }
}

fn arguments(roff: &mut Roff, command: &Command) {
    let mut explained = command
        .get_positionals()
        .filter(|arg| arg.get_help().is_some())
        .peekable();
    if explained.peek().is_some() {
        roff.control("SH", ["ARGUMENTS"]);
    }
    for arg in explained {
        entry(roff, &help::positional(arg), &help::explanation(arg));
    }
}

fn options(roff: &mut Roff, path: &[&str], command: &Command) {
    roff.control(
        "SH",
        [if path.is_empty() {
            "GLOBAL OPTIONS"
        } else {
            "OPTIONS"
        }],
    );
    for arg in command.get_opts() {
        entry(roff, &help::label(arg), &help::explanation(arg));
    }
    roff.control("PP", []);
    if path.is_empty() {
        roff.text([roman(help::GLOBAL_OPTIONS_PLACE)]);
    } else {
        roff.text([
            roman("The global options of "),
            bold("etcdctl(1)"),
            roman(" may stand here too."),
        ]);
    }
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for (code, text) in EXIT_STATUS {
        entry(roff, &code.to_string(), text);
    }
}

fn environment(roff: &mut Roff) {
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Each variable stands in for an option that is not given. An empty one counts as absent.",
    )]);
    for option in definition::program().get_opts() {
        if let Some(variable) = definition::variable(option) {
            entry(roff, variable, &help::label(option));
        }
    }
    entry(roff, DISCOVERY_SRV_NAME, DISCOVERY_SRV_NAME_MEANING);
}

fn example(roff: &mut Roff, path: &[&str]) {
    let examples = examples(path);
    if examples.is_empty() {
        return;
    }
    roff.control("SH", ["EXAMPLES"]);
    for example in examples {
        entry(roff, example.line, example.purpose);
    }
}

fn see_also(roff: &mut Roff, path: &[&str]) {
    if let Some((_, above)) = path.split_last() {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold(format!("{}(1)", [&[NAME], above].concat().join("-")))]);
    }
}

#[cfg(test)]
mod tests;
