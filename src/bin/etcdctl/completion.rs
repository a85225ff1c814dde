//! Scripts that teach a shell to complete commands and options.

use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;

use crate::definition::{self, NAME, VERSION};

/// The script for `shell`.
pub(crate) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), NAME, &mut script);
    script
}

/// The definition as a shell has to see it: what the grammar adds to clap's rules is spelled out, and what can be asked of
/// `help` is left to clap, which lists every command there.
fn definition() -> Command {
    definition::commands()
        .disable_help_subcommand(false)
        .mut_args(|arg| {
            let everywhere = arg.get_id() != VERSION;
            arg.global(everywhere)
        })
        .mut_subcommands(|command| command.mut_args(plain_switch))
}

/// A switch that may carry a value behind an equals sign is still a switch: the next word is not its value.
fn plain_switch(arg: Arg) -> Arg {
    match arg.get_num_args() {
        Some(range) if range.min_values() == 0 && !arg.is_positional() => arg
            .num_args(0)
            .require_equals(false)
            .default_missing_values([""; 0])
            .action(ArgAction::SetTrue),
        _ => arg,
    }
}

#[cfg(test)]
mod tests;
