//! A disk that hangs or refuses on demand: `disk_shim.c` between a server and the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::support::server::Launch;

/// The compiled library.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let made = place.join(format!("disk_shim.{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/disk_shim.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&made)
            .arg(source)
            .arg("-ldl")
            .output()
            .expect("`cc` can be started: the build needs it too");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cc: {errors}");
        // By rename: another process of these tests may load it.
        let library = place.join("disk_shim.so");
        fs::rename(&made, &library).expect("the library can be renamed");
        library
    })
}

/// The rules of one server's disk.
#[derive(Debug)]
pub(crate) struct Disk {
    rules: PathBuf,
}

impl Disk {
    /// A disk that works, with its rules in `directory`.
    pub(crate) fn new(directory: &Path) -> Disk {
        Disk {
            rules: directory.join("disk.rules"),
        }
    }

    /// Puts it between the server and the system.
    pub(crate) fn under(&self, launch: Launch) -> Launch {
        launch
            .env("LD_PRELOAD", library())
            .env("DISK_SHIM", &self.rules)
    }

    /// Syncs of files with `part` in their path do not return.
    pub(crate) fn hang(&self, part: &str) {
        self.rule(&format!("sync {part} hang\n"));
    }

    /// Writes to files with `part` in their path do not return.
    pub(crate) fn hang_writes(&self, part: &str) {
        self.rule(&format!("write {part} hang\n"));
    }

    /// Looks at paths with `part` in them do not return.
    pub(crate) fn hang_looks(&self, part: &str) {
        self.rule(&format!("look {part} hang\n"));
    }

    /// Writes to files with `part` in their path fail.
    pub(crate) fn refuse(&self, part: &str, error: rustix::io::Errno) {
        self.rule(&format!("write {part} {}\n", error.raw_os_error()));
    }

    /// Syncs of files with `part` in their path fail.
    pub(crate) fn refuse_sync(&self, part: &str, error: rustix::io::Errno) {
        self.rule(&format!("sync {part} {}\n", error.raw_os_error()));
    }

    /// Rights of paths with `part` in them cannot be changed.
    pub(crate) fn refuse_rights(&self, part: &str, error: rustix::io::Errno) {
        self.rule(&format!("rights {part} {}\n", error.raw_os_error()));
    }

    /// A change of their rights succeeds, and changes nothing.
    pub(crate) fn ignore_rights(&self, part: &str) {
        self.rule(&format!("rights {part} ignore\n"));
    }

    /// It works again; what hung returns.
    pub(crate) fn heal(&self) {
        fs::remove_file(&self.rules).expect("there are rules");
    }

    fn rule(&self, text: &str) {
        let new = self.rules.with_extension("new");
        fs::write(&new, text).expect("the rules can be written");
        fs::rename(&new, &self.rules).expect("the rules can be put in place");
    }
}
