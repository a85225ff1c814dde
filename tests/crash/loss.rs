//! A start that is refused because of what is lost, and the start that accepts it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::image::Image;
use super::support::server::Server;

/// The status of a refusal that is about the data.
const ABOUT_DATA: i32 = 65;

const LIMIT: Duration = Duration::from_secs(30);

/// What a refused start said.
#[derive(Debug)]
pub(crate) struct Refusal(String);

/// Starts a stopped server that must be refused for its data, and change none of it.
///
/// # Panics
/// When it starts, ends with another status, or changes a file.
pub(crate) fn refused(server: &mut Server) -> Refusal {
    let before = Image::of_data(server.data_dir());
    let said_before = server.log().len();
    server.respawn();
    let status = server.wait_exit(LIMIT);
    let said = server.log().split_off(said_before);
    assert_eq!(status.code(), Some(ABOUT_DATA), "{status}\n{said}");
    let changed = before.differences(&Image::of_data(server.data_dir()));
    assert!(
        changed.is_empty(),
        "the refusal changed {changed:?}\n{said}"
    );
    Refusal(said)
}

/// Starts a stopped server and accepts that everything after entry `kept` is lost.
///
/// # Panics
/// When it does not start.
pub(crate) fn accept(server: &mut Server, kept: u64) {
    server.restart_with(&format!("--accept-log-loss={kept}"));
}

/// How many segments of an old log are kept in the data directory.
///
/// # Panics
/// When the log's directory cannot be read.
pub(crate) fn set_aside(data: &Path) -> usize {
    let names = fs::read_dir(data.join("wal")).expect("a log has a directory");
    let names = names.map(|entry| entry.expect("a directory can be read").path());
    names
        .filter(|path| path.extension().is_some_and(|end| end == "damaged"))
        .count()
}

impl Refusal {
    /// From what a server printed that ended by itself.
    pub(crate) fn of(said: String) -> Refusal {
        Refusal(said)
    }

    /// All that was printed.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The entry that the offered option names.
    ///
    /// # Panics
    /// When none is offered.
    pub(crate) fn kept(&self) -> u64 {
        self.number_after("--accept-log-loss=")
            .unwrap_or_else(|| panic!("no loss can be accepted\n{}", self.0))
    }

    /// The highest entry of which the refusal says that it was durable and is gone from the log.
    pub(crate) fn proven(&self) -> Option<u64> {
        self.number_after("(at least up to entry ")
    }

    fn number_after(&self, words: &str) -> Option<u64> {
        let (_, rest) = self.0.split_once(words)?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    }
}
