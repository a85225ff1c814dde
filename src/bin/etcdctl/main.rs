//! The command-line client: reads the command line, calls the client library, prints, decides the exit status.

#![forbid(unsafe_code)]

mod arity;
mod command;
mod completion;
mod definition;
mod grammar;
mod help;
mod man;
mod output;
mod parse;
mod refusal;
mod suggestion;
mod value;

use std::process::ExitCode;

use parse::{Parsed, parse};

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Parsed::Run(invocation)) => command::run(*invocation),
        Ok(Parsed::Print(text)) => command::print(&text, "", 0),
        Err(refusal) => command::print(&refusal.stdout, &refusal.stderr, refusal.code),
    }
}
