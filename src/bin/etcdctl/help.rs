//! The pages of `--help`: made from the definition, in the sections that users of the original know (etcdctl reference 17).

use clap::{Arg, Command};

use crate::definition::{self, EXIT_STATUS, NAME, examples};

/// Lines are not wider than this; a terminal of the usual width shows them whole.
const WIDTH: usize = 80;
/// What is said on the page of each command.
const GLOBAL_OPTIONS: &str = "The global options may stand here too; etcdctl --help lists them.";

/// Where global options may stand.
pub(crate) const GLOBAL_OPTIONS_PLACE: &str =
    "They may stand before or after the command. One dash before a name does as well as two.";

const INDENT: usize = 3;
/// A label wider than this has its text on the next line.
const LABEL_MAX: usize = 31;

/// The page of the command at the end of `path`; of the program when it is empty.
pub(crate) fn page(path: &[&str]) -> String {
    let program = definition::documented();
    let command = definition::find(&program, path);
    let mut page = HelpPage::default();
    page.name(path, command);
    page.usage(path, command);
    page.description(command);
    page.commands(command);
    page.arguments(command);
    page.options(path, command);
    page.examples(path);
    page.statuses(path);
    page.text
}

/// The two lines of `--version`. The second tells scripts which of the two APIs this client speaks.
pub(crate) fn version() -> String {
    format!(
        "{NAME} version: {}\nAPI version: 2\n",
        env!("CARGO_PKG_VERSION")
    )
}

#[derive(Default)]
struct HelpPage {
    text: String,
}

impl HelpPage {
    fn name(&mut self, path: &[&str], command: &Command) {
        self.section("NAME");
        self.paragraph(&format!("{} - {}", full_name(path), about(command)));
    }

    fn usage(&mut self, path: &[&str], command: &Command) {
        self.section("USAGE");
        self.line(&usage(path, command));
        if path.is_empty() {
            self.section("VERSION");
            self.line(env!("CARGO_PKG_VERSION"));
        }
    }

    fn description(&mut self, command: &Command) {
        let Some(description) = description(command) else {
            return;
        };
        self.section("DESCRIPTION");
        self.paragraph(&description);
    }

    fn commands(&mut self, command: &Command) {
        let rows: Vec<_> = command
            .get_subcommands()
            .map(|below| (titles(below), about(below)))
            .collect();
        if !rows.is_empty() {
            self.section("COMMANDS");
            self.table(&rows);
        }
    }

    fn arguments(&mut self, command: &Command) {
        let rows: Vec<_> = command
            .get_positionals()
            .filter(|arg| arg.get_help().is_some())
            .map(|arg| (positional(arg), explanation(arg)))
            .collect();
        if !rows.is_empty() {
            self.section("ARGUMENTS");
            self.table(&rows);
        }
    }

    fn options(&mut self, path: &[&str], command: &Command) {
        let rows: Vec<_> = command
            .get_opts()
            .map(|arg| (label(arg), explanation(arg)))
            .collect();
        if path.is_empty() {
            self.section("GLOBAL OPTIONS");
            self.table(&rows);
            self.note(GLOBAL_OPTIONS_PLACE);
        } else if rows.is_empty() {
            self.section("OPTIONS");
            self.paragraph(GLOBAL_OPTIONS);
        } else {
            self.section("OPTIONS");
            self.table(&rows);
            self.note(GLOBAL_OPTIONS);
        }
    }

    fn examples(&mut self, path: &[&str]) {
        let examples = examples(path);
        if examples.is_empty() {
            return;
        }
        self.section("EXAMPLES");
        for example in examples {
            self.line(&format!("# {}", example.purpose));
            self.line(example.line);
        }
    }

    fn statuses(&mut self, path: &[&str]) {
        if path.is_empty() {
            self.section("EXIT STATUS");
            let rows: Vec<_> = EXIT_STATUS
                .map(|(code, text)| (code.to_string(), text.to_owned()))
                .into();
            self.table(&rows);
        }
    }

    fn section(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(title);
        self.text.push_str(":\n");
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&" ".repeat(INDENT));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        for line in wrapped(text, WIDTH - INDENT) {
            self.line(&line);
        }
    }

    /// A paragraph that follows something.
    fn note(&mut self, text: &str) {
        self.text.push('\n');
        self.paragraph(text);
    }

    fn table(&mut self, rows: &[(String, String)]) {
        let widths = rows.iter().map(|(label, _)| label.chars().count());
        let column = widths
            .filter(|width| *width <= LABEL_MAX)
            .max()
            .unwrap_or(0)
            + 2;
        for (label, text) in rows {
            let mut lines = wrapped(text, WIDTH - INDENT - column).into_iter();
            if label.chars().count() > LABEL_MAX {
                self.line(label);
            } else {
                let first = lines.next().unwrap_or_default();
                self.line(&format!("{label:column$}{first}"));
            }
            for line in lines {
                self.line(&format!("{:column$}{line}", ""));
            }
        }
    }
}

/// The command as it is typed, with the program before it.
pub(crate) fn full_name(path: &[&str]) -> String {
    [&[NAME], path].concat().join(" ")
}

/// What the command is for, in a line.
pub(crate) fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What there is to say beyond the line.
pub(crate) fn description(command: &Command) -> Option<String> {
    let long = command.get_long_about()?.to_string();
    long.split_once("\n\n").map(|(_, rest)| rest.to_owned())
}

/// How the command is written.
pub(crate) fn usage(path: &[&str], command: &Command) -> String {
    if path.is_empty() {
        return format!("{NAME} [global options] command [command options] [arguments...]");
    }
    let mut words = vec![full_name(path)];
    if command.has_subcommands() {
        words.push("command".to_owned());
    }
    if command.get_opts().next().is_some() || command.has_subcommands() {
        words.push("[command options]".to_owned());
    }
    words.extend(command.get_positionals().map(positional));
    if command.has_subcommands() {
        words.push("[arguments...]".to_owned());
    }
    words.join(" ")
}

/// The names of an option, the long one first because it explains itself, and what its value is.
pub(crate) fn label(arg: &Arg) -> String {
    let long = arg.get_long_and_visible_aliases().unwrap_or_default();
    let short = arg.get_short_and_visible_aliases().unwrap_or_default();
    let long = long.into_iter().map(|name| format!("--{name}"));
    let short = short.into_iter().map(|name| format!("-{name}"));
    let names: Vec<String> = long.chain(short).collect();
    let value = match arg.get_value_names() {
        Some([name, ..]) if takes_value(arg) => format!(" <{name}>"),
        _ => String::new(),
    };
    names.join(", ") + &value
}

/// What an option or argument does, its default, and the variable that stands in for it.
pub(crate) fn explanation(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults = if takes_value(arg) {
        arg.get_default_values()
    } else {
        &[]
    };
    if let [default] = defaults
        && !default.is_empty()
    {
        text.push_str(&format!(" (default: {})", default.to_string_lossy()));
    }
    if let Some(variable) = definition::variable(arg) {
        text.push_str(&format!(" [${variable}]"));
    }
    text
}

/// An argument as usage lines write it.
pub(crate) fn positional(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some([command, argument]) if arg.is_trailing_var_arg_set() => {
            format!("-- <{command}> [{argument}...]")
        }
        Some([name, ..]) if arg.is_required_set() => format!("<{name}>"),
        Some([name, ..]) => format!("[{name}]"),
        _ => String::new(),
    }
}

fn takes_value(arg: &Arg) -> bool {
    let may_be_empty = arg
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    arg.get_action().takes_values() && !may_be_empty
}

fn titles(command: &Command) -> String {
    let names = std::iter::once(command.get_name()).chain(command.get_visible_aliases());
    names.collect::<Vec<_>>().join(", ")
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
