//! Asking for a password: the question on standard output, the answer from standard input, unseen on a terminal
//! (etcdctl reference 3, "Password prompts").

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;

/// Asks, reads one line, and ends the line that the unseen answer left open.
///
/// # Errors
/// When standard input cannot be read or standard output not written.
pub(super) fn ask(question: &str) -> Result<String, Failure> {
    let mut out = io::stdout();
    out.write_all(question.as_bytes())?;
    out.flush()?;
    let stdin = io::stdin();
    let mut line = Vec::new();
    {
        let _hidden = stdin.is_terminal().then(Hidden::new).flatten();
        stdin
            .lock()
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::text(1, format!("the password cannot be read: {error}")))?;
    }
    out.write_all(b"\n")?;
    out.flush()?;
    while line
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| Failure::text(1, "the password is not UTF-8"))
}

/// While it lives the terminal does not show what is typed. Ctrl-C still shows: a terminal that stays silent after an
/// interrupted question is worse than a visible newline, so the signal is not taken while asking.
struct Hidden(Termios);

impl Hidden {
    fn new() -> Option<Hidden> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Hidden(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is no better place to put a terminal that refuses.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
