//! A golden directory: unpacked, started, asked everything again.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::answer::{self, Answer};
use super::support::http::Request;
use super::support::place;
use super::support::server::{self, Launch};

/// Fewer answers than this were never written: an empty file must not look like a proof.
const ANSWERS_MIN: usize = 100;

/// A copy of a golden data directory, gone with the value.
pub(crate) struct Golden {
    directory: TempDir,
    answers: PathBuf,
}

/// Unpacks `golden/FORMAT/NAME.tar.gz`.
pub(crate) fn unpack(format: &str, name: &str) -> Golden {
    let place = place::file("tests/golden").join(format);
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let archive = place.join(format!("{name}.tar.gz"));
    let output = Command::new(place::program("tar"))
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(directory.path())
        .output()
        .expect("tar can be run");
    assert!(output.status.success(), "{}: {output:?}", archive.display());
    Golden {
        directory,
        answers: place.join(format!("{name}.jsonl")),
    }
}

impl Golden {
    /// Where it was unpacked.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The server of this checkout on the directory, with the words that its maker was given: a member that announces
    /// other addresses writes them.
    pub(crate) fn launch(&self) -> Launch {
        server::ours()
            .data_dir(self.directory.path())
            .arg("--name=golden")
            .arg("--advertise-client-urls=http://127.0.0.1:2379")
            .arg("--initial-advertise-peer-urls=http://127.0.0.1:2380")
            .arg("--initial-cluster=golden=http://127.0.0.1:2380")
    }
}

/// Starts the server on the directory and compares every answer, again after a kill and after a clean stop.
pub(crate) fn check(format: &str, name: &str) {
    let golden = unpack(format, name);
    let wanted = answer::read(&golden.answers);
    assert!(wanted.len() >= ANSWERS_MIN, "only {} answers", wanted.len());
    let mut server = golden.launch().start();
    let compare = |server: &server::Server, when: &str| {
        for wanted in &wanted {
            let answer = server.exchange(&Request::get(&wanted.target));
            let found = Answer::received(&wanted.target, &answer);
            assert_eq!(
                &found,
                wanted,
                "{format}/{name} {when}\n{}",
                server.log_tail()
            );
        }
    };
    compare(&server, "at its first start");
    server.restart();
    compare(&server, "after a kill");
    let status = server.terminate(server::START_TIMEOUT);
    assert_eq!(status.code(), Some(0), "{}", server.log_tail());
    server.restart();
    compare(&server, "after a clean stop");
}
