//! A person at a terminal: keys go in, the screen comes out, and the terminal remembers whether it shows what is typed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::run::{Etcdctl, LIMIT};
use super::support::absent;

/// So many blocks may wait to be looked at; whoever writes more waits, as at any terminal.
const SCREENS: usize = 64;

/// Begins a session, whose terminal this is: Ctrl-C then means what it means in a window, and the last words arrive.
const WINDOW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operator/window.py");

/// Stands before and behind the status that [`WINDOW`] reports.
const SEPARATOR: char = '\x1e';

/// Which streams of a command are the terminal; the others are pipes that nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    All,
    /// Standard output goes into a file or a pipe.
    NotOut,
    /// Standard error does.
    NotErr,
}

/// A terminal with a command running on it.
pub(crate) struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    child: Child,
    shown: String,
}

/// What was left when the command ended.
#[derive(Debug)]
pub(crate) struct Left {
    /// All that was ever on the screen, with plain newlines.
    pub(crate) screen: String,
    pub(crate) status: ExitStatus,
    /// Whether the terminal shows what is typed.
    pub(crate) echoes: bool,
}

impl Terminal {
    /// Runs a command on a terminal that controls it, as a shell in a window would.
    pub(crate) fn start(command: &Etcdctl, streams: Streams) -> Terminal {
        Terminal::start_by(&[], command, streams)
    }

    /// The same, by another program.
    pub(crate) fn start_by(above: &[&str], command: &Etcdctl, streams: Streams) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller = openpt(flags).expect("a pseudo-terminal can be made");
        unlockpt(&controller).expect("it is ours to unlock");
        let user = ioctl_tiocgptpeer(&controller, flags).expect("it has another side");
        let side = || Stdio::from(user.try_clone().expect("a file handle can be copied"));
        let above = [&["python3", "-SE", WINDOW], above].concat();
        let child = command
            .clone()
            .env_unless("TERM", "xterm")
            .command(&above)
            .stdin(side())
            .stdout(if streams == Streams::NotOut {
                Stdio::null()
            } else {
                side()
            })
            .stderr(if streams == Streams::NotErr {
                Stdio::null()
            } else {
                side()
            })
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let keyboard = File::from(controller);
        let screen = watch(keyboard.try_clone().expect("a file handle can be copied"));
        // With our handles gone the last line is followed by the end.
        drop::<OwnedFd>(user);
        Terminal {
            keyboard,
            screen,
            seen: Vec::new(),
            child,
            shown: format!("{command:?}"),
        }
    }

    /// Waits until the screen shows `text`.
    ///
    /// # Panics
    /// When it does not, within [`LIMIT`].
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.text().contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(block) => self.seen.extend(block),
                Err(_) => panic!(
                    "{text:?} is not on the screen of {}\n{}",
                    self.shown,
                    self.text()
                ),
            }
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        let pressed = self.keyboard.write_all(keys.as_bytes());
        pressed.expect("a terminal takes a few keys");
    }

    /// Whether the terminal shows what is typed.
    pub(crate) fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).expect("a terminal tells its modes");
        modes.local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end of the command.
    pub(crate) fn end(mut self) -> Left {
        let deadline = Instant::now() + LIMIT;
        loop {
            let text = self.text();
            let mut parts = text.split(SEPARATOR);
            if let (Some(screen), Some(status), Some(_)) =
                (parts.next(), parts.next(), parts.next())
            {
                let status = status.parse().expect("the window reports a number");
                return Left {
                    screen: screen.to_owned(),
                    status: ExitStatus::from_raw(status),
                    echoes: self.echoes(),
                };
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(block) => self.seen.extend(block),
                Err(_) => panic!("no end within {LIMIT:?}: {}\n{text}", self.shown),
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace("\r\n", "\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What appears on the screen, until nobody is left to write on it.
fn watch(mut screen: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(SCREENS);
    std::thread::spawn(move || {
        let mut block = [0; 4096];
        // The other side is closed: this shows as an error.
        while let Ok(length) = screen.read(&mut block) {
            if length == 0 || sender.send(block[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Whether this machine gives out pseudo-terminals; says so if not.
pub(crate) fn is_there() -> bool {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let made = openpt(flags).and_then(|controller| {
        unlockpt(&controller)?;
        ioctl_tiocgptpeer(&controller, flags)
    });
    if let Err(error) = &made {
        absent::not_run(&format!("no pseudo-terminal can be made here: {error}"));
    }
    made.is_ok()
}

/// Runs a command on a terminal to its end.
pub(crate) fn show(command: &Etcdctl, streams: Streams) -> Left {
    Terminal::start(command, streams).end()
}
