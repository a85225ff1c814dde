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

use std::io::Write;
use std::process::ExitCode;

use parse::{Parsed, parse};

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Parsed::Run(invocation)) => command::run(*invocation),
        Ok(Parsed::Print(text)) => print(text.as_bytes()),
        Err(refusal) => {
            print(refusal.stdout.as_bytes());
            // Nobody is left to tell when stderr is gone.
            let _ = std::io::stderr().write_all(refusal.stderr.as_bytes());
            ExitCode::from(refusal.code)
        }
    }
}

/// A reader that went away (`etcdctl --help | head -1`) has seen all it wanted.
fn print(text: &[u8]) -> ExitCode {
    let _ = std::io::stdout().write_all(text);
    ExitCode::SUCCESS
}
