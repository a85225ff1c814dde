//! The command-line client: reads the command line, calls the client library, prints, decides the exit status.

#![forbid(unsafe_code)]

mod command;
mod completion;
mod constraint;
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
        Ok(Parsed::Run(invocation)) => {
            tell_api();
            command::run(*invocation)
        }
        Ok(Parsed::Print(text)) => command::print(&text, "", 0),
        Err(refusal) => {
            // What is refused may be a command of v3.
            tell_api();
            command::print(&refusal.stdout, &refusal.stderr, refusal.code)
        }
    }
}

/// Who asks for v3 gets v2, and should not have to find that out by what a command does.
fn tell_api() {
    if std::env::var_os("ETCDCTL_API").is_some_and(|version| version == "3") {
        // A reader that went away is no reason to end.
        let _ = std::io::stderr().write_all(
            b"etcdctl: ETCDCTL_API=3 has no effect, this client speaks the v2 API alone: set ETCDCTL_API=2, or use the \
              etcdctl of the v3 server\n",
        );
    }
}
