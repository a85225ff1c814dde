//! What a command line can say: every command and option, written once. The parser, the help, the completion scripts and
//! the manual pages are all made from these types, so none of them can know an option that another does not.

mod arity;
mod auth;
mod command;
mod example;
mod global;
mod member;
mod read;
mod role;
mod status;
mod user;

pub(crate) use arity::Arity;
pub(crate) use auth::AuthCommand;
pub(crate) use command::CtlCommand;
pub(crate) use example::examples;
pub(crate) use global::{
    ColorChoice, DISCOVERY_SRV_NAME, Global, GlobalOptions, HintChoice, OutputFormat, VARIABLES,
    VariableError,
};
pub(crate) use member::MemberCommand;
pub(crate) use read::Read;
pub(crate) use role::{PermissionChange, RoleCommand};
pub(crate) use status::EXIT_STATUS;
pub(crate) use user::UserCommand;

use clap::{Arg, ArgAction, Args, Subcommand};

/// The name under which the program is called.
pub(crate) const NAME: &str = "etcdctl";

/// The identifiers of the two switches that the grammar answers itself, before any command is read.
pub(crate) const HELP: &str = "help";
/// See [`HELP`].
pub(crate) const VERSION: &str = "version";

/// A command line that can be run: what to do, and how to reach the cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) global: Global,
    pub(crate) command: CtlCommand,
}

/// The definition that the parser works with.
pub(crate) fn program() -> clap::Command {
    let topic = Arg::new("topic").value_name("command").num_args(0..);
    commands().subcommand(
        clap::Command::new("help")
            .visible_alias("h")
            .about("Shows a list of commands or help for one command")
            .arg(topic.help("Command to explain")),
    )
}

/// The definition without the command `help`, which the grammar answers itself.
///
/// clap's own help and version are off: they would not have the sections, the words and the exit codes that users of the
/// original know (etcdctl reference 2 and 17).
pub(crate) fn commands() -> clap::Command {
    let program = clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true);
    let program = GlobalOptions::augment_args(program)
        .arg(switch(
            HELP,
            'h',
            "Show help: of the command that is named, else of the program",
        ))
        .arg(switch(
            VERSION,
            'v',
            "Print the version of the program and of the API",
        ));
    // The words for the type of the commands would otherwise describe the program.
    CtlCommand::augment_subcommands(program).about("A simple command line client for etcd.")
}

/// The definition as it is shown to people: with the default that the parser must not fill in, because the environment comes
/// before it ([`Global`]).
pub(crate) fn documented() -> clap::Command {
    program().mut_args(|arg| match arg.get_id().as_str() {
        "endpoints" => arg.default_value(global::DEFAULT_ENDPOINTS),
        _ => arg,
    })
}

/// The environment variable that stands in for an option.
pub(crate) fn variable(option: &Arg) -> Option<&'static str> {
    let row = VARIABLES.iter().find(|(id, _)| option.get_id() == id)?;
    Some(row.1)
}

fn switch(id: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(id)
        .short(short)
        .long(id)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// The command at the end of `path`, or the last above it that there is.
pub(crate) fn find<'d>(program: &'d clap::Command, path: &[&str]) -> &'d clap::Command {
    path.iter().fold(program, |command, name| {
        command.find_subcommand(name).unwrap_or(command)
    })
}

/// The names that lead to each command that does something, such as `["member", "add"]`.
#[cfg(test)]
pub(crate) fn leaves(program: &clap::Command) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for command in program.get_subcommands() {
        if command.has_subcommands() {
            let below = leaves(command);
            found.extend(
                below
                    .into_iter()
                    .map(|rest| [vec![command.get_name()], rest].concat()),
            );
        } else {
            found.push(vec![command.get_name()]);
        }
    }
    found
}

#[cfg(test)]
mod tests;
