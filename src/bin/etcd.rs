//! The server program: reads its configuration, sets up the log, runs, and decides the exit status.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use etcd2::config::{self, Config, Loaded, Machine};
use etcd2::{logging, server};

/// For everything in the process: its `malloc` takes the place of the system's, so RocksDB allocates from it too
/// (`tests/http/memory.rs` shows it). The system's keeps hundreds of MiB after a burst of large values; this one has a thread
/// that gives back what nobody uses.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long a text may stay unread.
const UNREAD: Duration = Duration::from_secs(1);

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
    let code = server::run(config);
    logging::finish();
    code
}

/// A reader that went away (a closed pipe) is no reason to panic. Help may be read page by page; the reason of a refusal
/// is not waited for where nobody reads.
fn print(stdout: &str, stderr: &str) {
    let _ = std::io::stdout().write_all(stdout.as_bytes());
    if stderr.is_empty() {
        return;
    }
    let text = stderr.to_owned();
    let (written, wait) = sync_channel(1);
    std::thread::spawn(move || {
        let _ = std::io::stderr().write_all(text.as_bytes());
        let _ = written.send(());
    });
    let _ = wait.recv_timeout(UNREAD);
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(server::EXIT_REFUSED))
}
