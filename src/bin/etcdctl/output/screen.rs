//! Standard output, written in blocks and flushed when a command or an event is complete; standard error for the rest.

use std::io::{self, BufWriter, StdoutLock, Write};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::palette::{Paint, Palette};

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
}

impl Screen {
    pub(crate) fn new(palette: Palette) -> Screen {
        Screen {
            out: BufWriter::new(Patient(io::stdout().lock())),
            palette,
        }
    }

    /// Writes the parts and a newline.
    pub(crate) fn line(&mut self, parts: &[&str]) -> io::Result<()> {
        for part in parts {
            self.out.write_all(part.as_bytes())?;
        }
        self.out.write_all(b"\n")
    }

    /// Writes text as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// Writes text in a colour, if colours are on.
    pub(crate) fn painted(&mut self, paint: Paint, text: &str) -> io::Result<()> {
        let (on, off) = self.palette.codes(paint);
        for part in [on, text, off] {
            self.out.write_all(part.as_bytes())?;
        }
        Ok(())
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
    let _ = io::stderr().write_all(text.as_bytes());
}
