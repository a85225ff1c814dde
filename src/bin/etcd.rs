//! The server program: reads its configuration, sets up the log, runs, and decides the exit status.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use etcd2::config::{self, Config, Loaded, Machine};
use etcd2::{logging, server};

/// For everything in the process: its `malloc` takes the place of the system's, so RocksDB allocates from it too
/// (`tests/http/memory.rs` shows it). The system's keeps hundreds of MiB after a burst of large values; this one has a thread
/// that gives back what nobody uses.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    match config::load(arguments, std::env::vars_os(), &Machine) {
        Ok(Loaded::Run(config)) => run(*config),
        Ok(Loaded::Print { text, code }) => {
            print(&text, "");
            exit_code(code)
        }
        Err(exit) => {
            print(&exit.stdout, &exit.stderr);
            exit_code(exit.code)
        }
    }
}

fn run(config: Config) -> ExitCode {
    if let Err(error) = logging::init(&config.log) {
        print("", &format!("etcd: {error}\n"));
        return ExitCode::from(server::EXIT_REFUSED);
    }
    match server::run(config) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// A reader that went away (a closed pipe) is no reason to panic.
fn print(stdout: &str, stderr: &str) {
    let _ = std::io::stdout().write_all(stdout.as_bytes());
    let _ = std::io::stderr().write_all(stderr.as_bytes());
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(server::EXIT_REFUSED))
}
