//! A thread that panics says so in the log, and one that finds an invariant broken ends the process.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::{panic, thread};

use crate::logging;

use super::exit::EXIT_INVARIANT;

/// What an operator can do about a state that must not be.
const BROKEN: &str = "an invariant of this program does not hold: that is a fault of the program, or of this machine's memory. \
                      Nothing more was written or answered. Start again; if it comes back, keep a copy of the data \
                      directory and report it with these lines";

/// To be called once the log is set up: the process may end by a panic, and its lines are not to be lost.
pub(super) fn set_hook() {
    panic::set_hook(Box::new(|info| {
        tell(&info.to_string());
        if breaks_invariant(info.payload()) {
            tracing::error!("{BROKEN}");
            logging::drain();
            signal_hook::low_level::exit(i32::from(EXIT_INVARIANT));
        }
    }));
}

/// In the words of the standard library.
fn tell(info: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let trace = Backtrace::capture();
    let trace = match trace.status() {
        BacktraceStatus::Captured => format!("\n{trace}"),
        _ => String::new(),
    };
    tracing::error!("thread '{name}' {info}{trace}");
    logging::drain();
}

/// Whether a panic is that of an assertion of docs/invariants.md: its message begins so.
fn breaks_invariant(payload: &(dyn Any + Send)) -> bool {
    const MARK: &str = "invariant ";
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.starts_with(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogConfig, LogFormat, LogLevel, LogOutput};

    /// In a process of its own: this test, asked to break one.
    #[test]
    fn a_broken_invariant_ends_the_process_with_its_status() {
        const ASKED: &str = "ETCD2_TEST_BREAKS_AN_INVARIANT";
        if std::env::var_os(ASKED).is_some() {
            let config = LogConfig {
                level: LogLevel::Info,
                format: LogFormat::Text,
                outputs: vec![LogOutput::Stderr],
            };
            logging::init(&config).expect("the log is set up once");
            set_hook();
            let broken =
                thread::spawn(|| assert!(thread::panicking(), "invariant of-a-test: planted"));
            // Nobody waits for the other threads.
            let _ = broken.join();
            return;
        }
        let this = std::env::current_exe().expect("it runs");
        let name = "server::panic::tests::a_broken_invariant_ends_the_process_with_its_status";
        let mut command = std::process::Command::new(this);
        command
            .args(["--exact", name, "--nocapture"])
            .env(ASKED, "1");
        let ended = command.output().expect("it can be started");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(
            ended.status.code(),
            Some(i32::from(EXIT_INVARIANT)),
            "{said}"
        );
        assert!(
            said.contains("invariant of-a-test: planted")
                && said.contains("an invariant of this program"),
            "{said}"
        );
    }
}
