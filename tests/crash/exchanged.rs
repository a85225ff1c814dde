//! The data directory is exchanged under a running node, as by an operator who restores a backup without stopping it.
//! The node ends with words that say so, and neither directory is hurt by it: each starts and has what it had.

use std::fs;
use std::path::{Path, PathBuf};

use super::history;
use super::image::Image;
use super::subject;
use super::support::http::Request;
use super::support::server::{START_TIMEOUT, Server};

/// Flushes with each that many writes; the last writes before the exchange lie in memory alone.
const SNAPSHOT_COUNT: u64 = 20;

#[test]
fn a_directory_put_in_the_place_of_a_running_node_s_is_left_as_it_is() {
    for stopped in [false, true] {
        let mut server = subject::launch(SNAPSHOT_COUNT).settled().start();
        put(&server, 5 * SNAPSHOT_COUNT);
        assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
        let backup = Image::take(server.data_dir());
        server.restart();
        let in_backup = history::list(&server);
        put(&server, SNAPSHOT_COUNT / 2);
        let written = history::list(&server);

        let aside = aside(server.data_dir());
        fs::rename(server.data_dir(), &aside).expect("the directory can be moved");
        backup.restore(server.data_dir());
        let put_there = Image::take(server.data_dir());
        if stopped {
            server.signal_term();
        }
        let status = server.wait_exit(START_TIMEOUT);
        assert_eq!(status.code(), Some(74), "{status}\n{}", server.log_tail());
        let log = server.log();
        // Another directory, or, between the two steps, none.
        let told = "the directory was moved while this process used it";
        assert!(log.contains(told), "{log}");
        let changed = Image::take(server.data_dir()).differences(&put_there);
        assert!(changed.is_empty(), "stopped: {stopped}: {changed:?}");

        server.restart();
        assert!(history::list(&server) == in_backup, "stopped: {stopped}");
        server.kill();
        fs::remove_dir_all(server.data_dir()).expect("the directory can be removed");
        fs::rename(&aside, server.data_dir()).expect("the directory can be moved back");
        server.restart();
        assert!(history::list(&server) == written, "stopped: {stopped}");
    }
}

/// Beside the directory, on its file system.
fn aside(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("aside")
}

fn put(server: &Server, count: u64) {
    for number in 0..count {
        let target = format!("/v2/keys/{}", number % 10);
        let answer = server.exchange(&Request::put(&target, &format!("value={number}")));
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    }
}
