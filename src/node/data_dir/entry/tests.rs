//! Entries of every wrong kind in every place, and nothing of it opened.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::*;

/// Every file that a start may open.
const FILES: [&str; 13] = [
    "LOCK",
    "FORMAT",
    "WITNESS",
    "MISSING",
    "RESERVE",
    "wal/0000000000000001-0000000000000001.wal",
    "wal/0000000000000002.spare",
    "store/CURRENT",
    "store/IDENTITY",
    "store/LOCK",
    "store/MANIFEST-000005",
    "store/OPTIONS-000007",
    "store/000012.sst",
];

/// A directory with all of them.
fn whole() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    for directory in ["wal", "store"] {
        fs::create_dir(scratch.path().join(directory)).expect("made");
    }
    for name in FILES {
        fs::write(scratch.path().join(name), "").expect("made");
    }
    check(scratch.path()).expect("all is in its place");
    scratch
}

fn pipe(path: &Path) {
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("made");
}

#[test]
fn a_pipe_a_directory_a_socket_and_a_link_that_leads_nowhere_are_refused_by_name() {
    for name in FILES {
        for kind in ["a pipe", "a directory", "a socket", "a link", "a circle"] {
            let scratch = whole();
            let path = scratch.path().join(name);
            fs::remove_file(&path).expect("removed");
            let mut socket = None;
            match kind {
                "a pipe" => pipe(&path),
                "a directory" => fs::create_dir(&path).expect("made"),
                "a socket" => socket = Some(UnixListener::bind(&path).expect("made")),
                "a link" => symlink("nowhere", &path).expect("made"),
                _ => symlink(&path, &path).expect("made"),
            }
            let checked = check(scratch.path());
            drop(socket);
            if name.ends_with(".sst") && !["a pipe", "a circle"].contains(&kind) {
                checked.expect("the store is served around it");
                continue;
            }
            let error = checked.expect_err("nobody can use it");
            assert!(matches!(error, DataDirError::Misplaced { .. }), "{error}");
            assert!(error.is_about_data());
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "{text}");
            assert!(text.contains("Move it away"), "{text}");
        }
    }
}

#[test]
fn directories_that_are_links_are_followed_and_must_lead_somewhere() {
    for name in ["wal", "store"] {
        let scratch = whole();
        let (path, moved) = (scratch.path().join(name), scratch.path().join("moved"));
        fs::rename(&path, &moved).expect("moved");
        symlink(&moved, &path).expect("made");
        check(scratch.path()).expect("another disk");
        fs::rename(&moved, scratch.path().join("away")).expect("moved");
        let error = check(scratch.path()).expect_err("nowhere").to_string();
        assert!(error.contains("leads nowhere"), "{error}");
        fs::remove_file(&path).expect("removed");
        check(scratch.path()).expect("a missing one is for the judgement");
    }
}

#[test]
fn other_entries_are_nobody_s_affair() {
    let scratch = whole();
    for name in [
        "wal/pipe",
        "wal/old.wal",
        "store/.nfs0001",
        "store/CURRENT.bak",
        "note",
    ] {
        pipe(&scratch.path().join(name));
    }
    check(scratch.path()).expect("they are not opened");
}

#[test]
fn an_identity_of_the_store_of_any_length_is_not_read() {
    let scratch = whole();
    let path = scratch.path().join("store/IDENTITY");
    let file = fs::File::create(&path).expect("made");
    file.set_len(10 << 30).expect("a hole");
    let error = check(scratch.path()).expect_err("too long");
    assert!(error.is_about_data());
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
}
