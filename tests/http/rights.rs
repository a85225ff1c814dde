//! Who may read what is in a data directory: its owner alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::node::{LIMIT, get, written};
use super::support::server;

/// Everything below a directory, links not followed.
fn all(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

/// Asserts that nothing is for others, and all of it for the owner.
fn assert_private(data_dir: &Path) {
    let inside = all(data_dir);
    assert!(inside.len() > 8, "{inside:?}");
    for path in inside {
        // The server goes on meanwhile: a spare becomes a segment, a temporary file a table.
        let Ok(found) = fs::metadata(&path) else {
            continue;
        };
        let wanted = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.mode() & 0o777, wanted, "{}", path.display());
    }
}

#[test]
fn everything_is_made_for_its_owner_alone_whatever_the_umask() {
    for mask in ["000", "027", "777"] {
        let mut server = server::ours().umask(mask).arg("--snapshot-count=5").start();
        for key in 0..30 {
            written(&server, &format!("/v2/keys/{key}"), "value=1");
        }
        assert_private(server.data_dir());
        assert_eq!(server.terminate(LIMIT).code(), Some(0), "umask {mask}");
        assert_private(server.data_dir());
        server.restart();
        assert_eq!(get(&server, "/v2/keys/29").status(), 200);
        assert!(!server.log().contains("by other users"), "{}", server.log());
    }
}

#[test]
fn what_was_wider_is_narrowed_and_told_in_one_line() {
    let mut server = server::ours().start();
    written(&server, "/v2/keys/a", "value=1");
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
    let inside = all(server.data_dir());
    for path in &inside {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }
    server.restart();
    assert_private(server.data_dir());
    let log = server.log();
    assert_eq!(log.matches("now by their owner alone").count(), 1, "{log}");
    assert_eq!(get(&server, "/v2/keys/a").status(), 200);
}

/// People move the log to another disk with a link. A lock or a marker that is one belongs to another directory.
#[test]
fn directories_may_be_links_and_locks_and_markers_may_not() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let (data, link) = (scratch.path().join("data"), scratch.path().join("link"));
    fs::create_dir(&data).expect("made");
    symlink(&data, &link).expect("made");
    let mut server = server::ours().data_dir(&link).start();
    written(&server, "/v2/keys/a", "value=1");
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
    let wal = scratch.path().join("wal");
    fs::rename(data.join("wal"), &wal).expect("moved");
    symlink(&wal, data.join("wal")).expect("made");
    server.restart();
    written(&server, "/v2/keys/b", "value=1");
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
    for name in [
        "LOCK",
        "FORMAT",
        "WITNESS",
        "RESERVE",
        "store/LOCK",
        "store/CURRENT",
    ] {
        let (path, aside) = (data.join(name), scratch.path().join("aside"));
        if !path.exists() {
            continue;
        }
        fs::rename(&path, &aside).expect("moved");
        symlink(&aside, &path).expect("made");
        let before = fs::read(&aside).expect("read");
        server.respawn();
        assert_eq!(
            server.wait_exit(LIMIT).code(),
            Some(65),
            "{name}\n{}",
            server.log_tail()
        );
        let told = format!("{} is a link", link.join(name).display());
        assert!(server.log().contains(&told), "{}", server.log_tail());
        assert!(
            fs::read(&aside).expect("read") == before,
            "{name} was written to"
        );
        fs::remove_file(&path).expect("removed");
        fs::rename(&aside, &path).expect("moved back");
    }
    server.restart();
    assert_eq!(get(&server, "/v2/keys/b").status(), 200);
}
