//! Asking for a password: the question on standard output, the answer from standard input, unseen on a terminal
//! (etcdctl reference 3, "Password prompts"). Whatever key ends the question, the terminal shows again what is typed.

use std::io::{self, BufRead, Write};

use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

use super::failure::CommandFailure;

/// What a shell sees of a program that Ctrl-C ended: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;
/// The same for Ctrl-\ and SIGQUIT.
const QUIT: u8 = 131;

/// What stands in the place of a key that the terminal has none for.
const NO_KEY: u8 = 0;

/// Asks, reads one line, and ends the line that the unseen answer left open. The end of the input is an end of the
/// answer too, as it always was: Ctrl-D gives what was typed before it, an empty password mostly.
///
/// # Errors
/// When standard input cannot be read or standard output not written; with status 130 after Ctrl-C.
pub(super) fn ask(question: &str) -> Result<String, CommandFailure> {
    let mut out = io::stdout();
    // First, so that not even the fastest typist sees a part of the password.
    let hidden = Hidden::new();
    let keys = hidden.as_ref().map(Hidden::keys).unwrap_or_default();
    out.write_all(question.as_bytes())?;
    out.flush()?;
    let answer = read(&mut io::stdin().lock(), keys)
        .map_err(|error| CommandFailure::text(1, format!("the password cannot be read: {error}")));
    drop(hidden);
    out.write_all(b"\n")?;
    out.flush()?;
    match answer? {
        PromptOutcome::Line(line) => String::from_utf8(line)
            .map_err(|_| CommandFailure::text(1, "the password is not UTF-8")),
        PromptOutcome::Interrupted => Err(end_by(Signal::INT, INTERRUPTED)),
        PromptOutcome::Quit => Err(end_by(Signal::QUIT, QUIT)),
    }
}

/// How a question ends.
#[derive(Debug, PartialEq, Eq)]
enum PromptOutcome {
    Line(Vec<u8>),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-\.
    Quit,
}

/// The keys that mean something else than themselves, [`NO_KEY`] where there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    interrupt: u8,
    quit: u8,
    suspend: u8,
}

/// Of a password, and of what is typed or piped behind it in one go.
const BYTES_MAX: usize = 64 << 10;

/// Reads up to the end of the line or of the input, or to a key that ends the program.
fn read(input: &mut impl BufRead, keys: Keys) -> io::Result<PromptOutcome> {
    let is = |key: u8, byte: u8| key != NO_KEY && byte == key;
    let mut line = Vec::new();
    loop {
        let block = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            block => block?,
        };
        if line.len() + block.len() > BYTES_MAX {
            let reason = format!("it has more than {BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        let ends = |byte: &u8| *byte == b'\n' || is(keys.interrupt, *byte) || is(keys.quit, *byte);
        let Some(at) = block.iter().position(ends) else {
            line.extend_from_slice(block);
            let taken = block.len();
            input.consume(taken);
            if taken == 0 {
                break;
            }
            continue;
        };
        line.extend_from_slice(&block[..at]);
        let end = block[at];
        input.consume(at + 1);
        if end == b'\n' {
            break;
        }
        return Ok(if is(keys.quit, end) {
            PromptOutcome::Quit
        } else {
            PromptOutcome::Interrupted
        });
    }
    while line.last() == Some(&b'\r') {
        line.pop();
    }
    line.retain(|byte| !is(keys.suspend, *byte));
    Ok(PromptOutcome::Line(line))
}

/// Ends this program by the signal that the terminal would have sent, and to whom it would have sent it: a script that
/// called us ends with us. The failure is for the case that somebody in this program listens to the signal.
fn end_by(signal: Signal, code: u8) -> CommandFailure {
    // A terminal that does not control us would have sent nothing to the rest of our group.
    let in_front = tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp());
    // A process may always signal itself and its own group.
    let _ = if in_front {
        kill_current_process_group(signal)
    } else {
        kill_process(getpid(), signal)
    };
    CommandFailure::text(code, "")
}

/// While it lives the terminal does not show what is typed, and Ctrl-C, Ctrl-\ and Ctrl-Z are characters: as signals
/// they would end or stop the program before it could make the terminal show again what is typed. The first two end the
/// line, so that they arrive at once; Ctrl-Z does nothing. A signal that comes from elsewhere ends the program as ever,
/// and the shell repairs the terminal.
struct Hidden(Termios);

impl Hidden {
    /// `None` when standard input is no terminal.
    fn new() -> Option<Hidden> {
        let before = tcgetattr(io::stdin()).ok()?;
        let hidden = Hidden(before);
        let mut silent = hidden.0.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        let keys = hidden.keys();
        silent.special_codes[SpecialCodeIndex::VEOL] = keys.interrupt;
        silent.special_codes[SpecialCodeIndex::VEOL2] = keys.quit;
        tcsetattr(io::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(hidden)
    }

    fn keys(&self) -> Keys {
        let codes = &self.0.special_codes;
        Keys {
            interrupt: codes[SpecialCodeIndex::VINTR],
            quit: codes[SpecialCodeIndex::VQUIT],
            suspend: codes[SpecialCodeIndex::VSUSP],
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is no better place to put a terminal that refuses.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(input: &[u8], keys: Keys) -> PromptOutcome {
        // Blocks of two bytes, as no key may depend on where a block ends.
        read(&mut io::BufReader::with_capacity(2, input), keys).unwrap()
    }

    #[test]
    fn a_line_ends_with_its_newline_or_the_input() {
        let none = Keys::default();
        for (input, line) in [
            (&b"secret\nrest"[..], &b"secret"[..]),
            (b"secret\r\n", b"secret"),
            (b"secret", b"secret"),
            (b" se cret \n", b" se cret "),
            (b"\n", b""),
            (b"", b""),
            (b"a\x00\x03b\n", b"a\x00\x03b"),
        ] {
            assert_eq!(answer(input, none), PromptOutcome::Line(line.to_vec()));
        }
    }

    #[test]
    fn keys_of_the_terminal_are_no_part_of_a_password() {
        let keys = Keys {
            interrupt: 3,
            quit: 0x1c,
            suspend: 0x1a,
        };
        assert_eq!(answer(b"\x03", keys), PromptOutcome::Interrupted);
        assert_eq!(answer(b"secret\x03\n", keys), PromptOutcome::Interrupted);
        assert_eq!(answer(b"se\x1cret\n", keys), PromptOutcome::Quit);
        assert_eq!(
            answer(b"se\x1acret\n", keys),
            PromptOutcome::Line(b"secret".to_vec())
        );
        assert_eq!(
            answer(b"a\x00b\n", keys),
            PromptOutcome::Line(b"a\0b".to_vec())
        );
    }
}
