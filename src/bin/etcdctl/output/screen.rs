//! Standard output, written in blocks and flushed when a command or an event is complete; standard error for the rest.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::palette::{Paint, Palette};
use super::visible::{Shape, visible, visible_json};

/// Standard output that is waited for when whoever made it let it refuse to wait (`O_NONBLOCK`, which all holders of a
/// pipe share).
struct Patient(StdoutLock<'static>);

impl Patient {
    fn patiently<T>(
        &mut self,
        mut step: impl FnMut(&mut StdoutLock<'static>) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match step(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut ready = [PollFd::new(&self.0, PollFlags::OUT)];
                    match poll(&mut ready, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(|out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.patiently(StdoutLock::flush)
    }
}

/// Standard output of this process.
pub(crate) struct Screen {
    out: BufWriter<Patient>,
    palette: Palette,
    /// Whether texts of others could act on whoever reads them.
    terminal: bool,
}

impl Screen {
    pub(crate) fn new(palette: Palette) -> Screen {
        Screen {
            out: BufWriter::new(Patient(io::stdout().lock())),
            palette,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Writes the parts and a newline: one line, whatever is in the parts.
    pub(crate) fn line(&mut self, parts: &[&str]) -> io::Result<()> {
        for part in parts {
            self.write(part, Shape::Line)?;
        }
        self.out.write_all(b"\n")
    }

    /// Writes text that may have several lines.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.write(text, Shape::Lines)
    }

    /// Writes a value and a newline.
    pub(crate) fn value(&mut self, value: &str) -> io::Result<()> {
        self.text(value)?;
        self.out.write_all(b"\n")
    }

    fn write(&mut self, text: &str, shape: Shape) -> io::Result<()> {
        if self.terminal {
            self.out.write_all(visible(text, shape).as_bytes())
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    /// Writes text in a colour, if colours are on.
    pub(crate) fn painted(&mut self, paint: Paint, text: &str) -> io::Result<()> {
        let (on, off) = self.palette.codes(paint);
        self.out.write_all(on.as_bytes())?;
        self.write(text, Shape::Line)?;
        self.out.write_all(off.as_bytes())
    }

    /// Writes JSON text.
    pub(crate) fn json(&mut self, json: &[u8]) -> io::Result<()> {
        match std::str::from_utf8(json) {
            Ok(text) if self.terminal => self.out.write_all(visible_json(text).as_bytes()),
            _ => self.out.write_all(json),
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Hands everything written so far to the reader.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes text to standard error. Nobody is left to be told when that fails.
pub(crate) fn complain(text: &str) {
    let mut stderr = io::stderr();
    let _ = if stderr.is_terminal() {
        stderr.write_all(visible(text, Shape::Lines).as_bytes())
    } else {
        stderr.write_all(text.as_bytes())
    };
}

/// A text of others inside a line of standard error.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if io::stderr().is_terminal() {
        visible(text, Shape::Line)
    } else {
        Cow::Borrowed(text)
    }
}
