//! A start that sets a lost log aside is killed in its middle: whatever step it was at, the next start refuses the same
//! loss again or goes on, and in the end exactly the same keys are there.

use std::fs;
use std::path::Path;

use super::disk_shim::Disk;
use super::event::Tree;
use super::history;
use super::image::Image;
use super::loss;
use super::lost_log::write;
use super::subject;
use super::support::server::{START_TIMEOUT, Server};
use super::support::wait;

/// A flush never happens by itself.
const NEVER: u64 = 1_000_000;

/// Whose sync does not return, and what is new in the directory when that is waited for: the store being opened, a table
/// of a flush, the new log before it has its name, the witness file after the old log was set aside.
const STEPS: [(&str, &str); 4] = [
    ("/store/MANIFEST-", "store/MANIFEST-"),
    (".sst", ".sst"),
    ("/wal/", "wal/"),
    ("/WITNESS", ".damaged"),
];

#[test]
fn a_start_that_accepts_a_loss_may_be_killed_at_any_step() {
    let mut run = Run::new();
    let lost = write(&run.server, "lost", 1);
    write(&run.server, "lost", 10);
    run.server.kill();
    // The group of an early entry is hurt: what lies before it is salvaged, what follows proves the loss.
    let mut image = Image::take(run.server.data_dir());
    hurt(&mut image, b"/lost/0");
    for (part, new) in STEPS {
        image.restore(run.server.data_dir());
        let kept = loss::refused(&mut run.server).kept();
        assert_eq!(kept, lost - 1);
        run.killed_at(part, new, &[&format!("--accept-log-loss={kept}")]);
        run.server.respawn();
        if run.server.wait_ready().is_err() {
            // Once more, to read what it says.
            assert_eq!(
                loss::refused(&mut run.server).kept(),
                kept,
                "killed at {part}"
            );
            loss::accept(&mut run.server, kept);
        }
        run.check(part);
    }
}

#[test]
fn a_start_that_needs_no_log_may_be_killed_at_any_step() {
    let mut run = Run::new();
    assert_eq!(run.server.terminate(START_TIMEOUT).code(), Some(0));
    let mut image = Image::take(run.server.data_dir());
    hurt(&mut image, b"/kept/3");
    for (part, new) in STEPS {
        image.restore(run.server.data_dir());
        run.killed_at(part, new, &[]);
        run.server.restart();
        run.check(part);
    }
}

struct Run {
    server: Server,
    disk: Disk,
    /// What must be there in the end.
    keys: (Tree, u64),
    _scratch: tempfile::TempDir,
}

impl Run {
    fn new() -> Run {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::new(scratch.path());
        let launch = subject::launch(NEVER).settled();
        let launch = launch.data_dir(scratch.path().join("data"));
        let server = disk.under(launch).start();
        write(&server, "kept", 30);
        let keys = history::list(&server);
        Run {
            server,
            disk,
            keys,
            _scratch: scratch,
        }
    }

    /// Starts it, and kills it when it waits for a sync of `part`.
    fn killed_at(&mut self, part: &str, new: &str, arguments: &[&str]) {
        let data = self.server.data_dir().to_owned();
        let before = names(&data);
        self.disk.hang(part);
        match arguments {
            [argument] => self.server.respawn_with(argument),
            _ => self.server.respawn(),
        }
        wait::until(&format!("nothing like {new} is made"), || {
            let made = names(&data).into_iter();
            let mut made = made.filter(|name| !before.contains(name));
            made.any(|name| name.contains(new))
        });
        self.server.kill();
        self.disk.heal();
    }

    /// All keys are there, and what is written now outlives a kill.
    fn check(&mut self, part: &str) {
        let told = format!("killed at {part}\n{}", self.server.log_tail());
        assert!(history::list(&self.server) == self.keys, "{told}");
        write(&self.server, "after", 3);
        let after = history::list(&self.server);
        self.server.restart();
        assert!(history::list(&self.server) == after, "{told}");
        self.server.kill();
    }
}

/// Changes a byte of `label`, where it first stands in the log. The file that is kept ready for the next segment goes too,
/// so that the new log's is made.
fn hurt(image: &mut Image, label: &[u8]) {
    let spares = image
        .paths()
        .filter(|path| path.extension().is_some_and(|end| end == "spare"));
    let spares: Vec<String> = spares.map(|path| path.display().to_string()).collect();
    for spare in spares {
        image.remove(&spare);
    }
    let segments = image.below("wal").into_iter();
    let mut places = segments.filter_map(|(path, content)| {
        let mut windows = content.bytes.windows(label.len());
        Some((path.to_owned(), windows.position(|part| part == label)?))
    });
    let (path, at) = places.next().expect("an acknowledged write is in the log");
    drop(places);
    image.file(&path).bytes[at] ^= 1;
}

/// The paths of all files below `data`, and of those in its directories.
fn names(data: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for part in ["wal", "store", "."] {
        let entries = fs::read_dir(data.join(part)).expect("the directory is there");
        // One that vanishes meanwhile is none.
        for entry in entries.filter_map(Result::ok) {
            names.push(format!("{part}/{}", entry.file_name().to_string_lossy()));
        }
    }
    names
}
