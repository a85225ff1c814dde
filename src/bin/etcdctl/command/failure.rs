//! How a command fails: the words on standard error and the exit status (etcdctl reference 7).

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use etcd2::client::Error;

use crate::output::{complain, one_line};

/// Exit status when the cluster could not be reached to begin with.
pub(super) const NO_CONNECTION: u8 = 2;
/// Exit status of a key command that the cluster refused or did not answer.
pub(super) const KEY_COMMAND: u8 = 4;
/// Exit status of `cluster-health` for a cluster that is not well.
pub(super) const UNHEALTHY: u8 = 5;
/// What a shell sees of a program that a closed pipe ended: 128 and the number of SIGPIPE. The original died of that
/// signal; scripts with `pipefail` know the number.
const CLOSED_PIPE: u8 = 141;

/// Ends the words of an error about an answer that is too large.
pub(super) const TAKE_LARGER: &str = "; --max-reply-bytes takes larger ones";

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum CommandFailure {
    /// `Error:  ` and the cluster's or the library's words.
    Cluster {
        /// Exit status.
        code: u8,
        error: Error,
    },
    /// The same without `Error:  `: commands on members, users and roles.
    Bare {
        /// What stands before the words, such as `Failed to get leader:  `.
        prefix: String,
        error: Box<Error>,
    },
    /// `get` met a directory.
    Directory {
        /// Its key.
        key: String,
    },
    /// A sentence of our own; empty when everything has been said.
    Text {
        /// Exit status.
        code: u8,
        text: String,
    },
    /// Standard output cannot be written.
    Output(io::Error),
}

impl CommandFailure {
    /// A key command failed.
    pub(super) fn key(error: Error) -> CommandFailure {
        CommandFailure::Cluster {
            code: KEY_COMMAND,
            error,
        }
    }

    /// A command on members, users or roles failed.
    pub(super) fn bare(error: Error) -> CommandFailure {
        CommandFailure::Bare {
            prefix: String::new(),
            error: Box::new(error),
        }
    }

    pub(super) fn text(code: u8, text: impl Into<String>) -> CommandFailure {
        CommandFailure::Text {
            code,
            text: text.into(),
        }
    }

    fn code(&self) -> u8 {
        match self {
            CommandFailure::Cluster { code, .. } | CommandFailure::Text { code, .. } => *code,
            CommandFailure::Bare { .. } | CommandFailure::Directory { .. } => 1,
            CommandFailure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                CLOSED_PIPE
            }
            CommandFailure::Output(_) => 1,
        }
    }

    fn words(&self) -> String {
        match self {
            CommandFailure::Cluster { error, .. } => {
                format!("Error:  {}\n{}", said(error), detail(error))
            }
            CommandFailure::Bare { prefix, error } => format!("{prefix}{}\n", said(error)),
            // The tutorial's words for the root have no colon (16.1).
            CommandFailure::Directory { key } if key == "/" => "/ is a directory\n".to_owned(),
            CommandFailure::Directory { key } => format!("{}: is a directory\n", one_line(key)),
            CommandFailure::Text { text, .. } if text.is_empty() => String::new(),
            CommandFailure::Text { text, .. } => format!("{text}\n"),
            // The reader has seen enough.
            CommandFailure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                String::new()
            }
            CommandFailure::Output(error) => {
                format!("Error:  standard output cannot be written: {error}\n")
            }
        }
    }

    /// Says what was being done when the cluster refused it.
    pub(super) fn because(mut self, doing: &str) -> CommandFailure {
        if let CommandFailure::Bare { prefix, .. } = &mut self {
            prefix.insert_str(0, doing);
        }
        self
    }

    /// Prints the words, then the hints, and gives the exit status.
    pub(super) fn end(&self, hints: &[String]) -> ExitCode {
        let mut words = self.words();
        for hint in hints {
            // Writing to a String cannot fail.
            let _ = writeln!(words, "hint: {hint}");
        }
        complain(&words);
        ExitCode::from(self.code())
    }
}

impl From<io::Error> for CommandFailure {
    fn from(error: io::Error) -> CommandFailure {
        CommandFailure::Output(error)
    }
}

/// The words for an error, and the option that would have prevented it.
fn said(error: &Error) -> String {
    match error {
        // A server's sentence and the names in it are one line, whatever is in them.
        Error::Api(_) | Error::Refused { .. } | Error::InvalidReply { .. } => {
            one_line(&error.to_string()).into_owned()
        }
        Error::ReplyTooLarge { .. } => format!("{error}{TAKE_LARGER}"),
        _ => error.to_string(),
    }
}

/// The list of attempts again, one a line, as the original repeats it (7.2).
fn detail(error: &Error) -> String {
    let Error::Unavailable(attempts) = error else {
        return String::new();
    };
    let mut lines = String::new();
    for (number, attempt) in attempts.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "error #{number}: {attempt}");
    }
    lines.push('\n');
    lines
}
