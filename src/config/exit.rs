//! Why a start ends here: what to print, and the exit status.

use std::fmt;

use super::error::ConfigError;
use super::help;

/// See the module.
///
/// Status 2 is a command line that cannot be read (cluster-and-config 6.1), status 1 everything else: a file, an
/// environment value, a failed check, an option this release does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Process exit status.
    pub code: i32,
    /// Text for standard output, mostly empty.
    pub stdout: String,
    /// Text for standard error, newline included.
    pub stderr: String,
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.stderr.trim_end())
    }
}

impl std::error::Error for Exit {}

impl From<ConfigError> for Exit {
    fn from(error: ConfigError) -> Self {
        let code = error.exit_code();
        let usage = if code == 2 {
            help::usage_after_error()
        } else {
            String::new()
        };
        Exit {
            code,
            stdout: String::new(),
            stderr: format!("{error}\n{usage}"),
        }
    }
}
