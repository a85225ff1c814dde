//! Which directories are taken, and what is said of the others.

use std::io;

use super::error::failed;
use super::*;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn directories_on_the_way_are_made() {
    let dir = scratch();
    let path = dir.path().join("a/b/c/data");
    drop(DataDir::open(&path).expect("created"));
    drop(DataDir::open(&path).expect("opens again"));
}

#[test]
fn a_second_user_is_told_who_has_it() {
    let dir = scratch();
    let _first = DataDir::open(dir.path()).expect("created");
    let own = format!("in use by process {}", std::process::id());
    let error = DataDir::open(dir.path()).expect_err("in use").to_string();
    assert!(error.contains(&own), "{error}");
    fs::remove_file(dir.path().join("LOCK")).expect("removed");
    let error = DataDir::open(dir.path()).expect_err("in use").to_string();
    assert!(error.contains("in use by process unknown"), "{error}");
}

fn claimed(path: &Path) {
    let mut own = DataDir::open(path).expect("opens");
    own.claim().expect("written");
    assert!(!own.is_copy(), "its own now");
}

#[test]
fn a_copy_is_told_from_the_directory_itself_until_it_is_claimed() {
    let dir = scratch();
    let (own, copy) = (dir.path().join("own"), dir.path().join("copy"));
    assert!(!DataDir::open(&own).expect("created").is_copy());
    claimed(&own);
    assert!(!DataDir::open(&own).expect("opens again").is_copy());
    fs::create_dir(&copy).expect("made");
    fs::copy(own.join("LOCK"), copy.join("LOCK")).expect("copied");
    for _ in 0..3 {
        assert!(DataDir::open(&copy).expect("opens").is_copy());
    }
    claimed(&copy);
    assert!(!DataDir::open(&copy).expect("its own now").is_copy());
    let long = "\0".repeat(1 << 20);
    for text in ["", "17\n", "17\ndirectory x\n", &long] {
        fs::write(own.join("LOCK"), text).expect("written");
        assert!(!DataDir::open(&own).expect("opens").is_copy(), "{text:?}");
        claimed(&own);
    }
}

#[test]
fn a_missing_permission_is_told_with_what_to_do() {
    let source = io::Error::from(io::ErrorKind::PermissionDenied);
    let text = failed("cannot lock", Path::new("/data/LOCK"))(source).to_string();
    assert!(
        text.contains("/data/LOCK") && text.contains("chown -R"),
        "{text}"
    );
}

#[test]
fn entries_of_the_wrong_kind_are_refused_untouched() {
    for name in ["wal", "store", "FORMAT", "WITNESS", "RESERVE", "LOCK"] {
        let dir = scratch();
        let path = dir.path().join(name);
        if matches!(name, "wal" | "store") {
            fs::write(&path, "").expect("made");
        } else {
            fs::create_dir(&path).expect("made");
        }
        let error = DataDir::open(dir.path()).expect_err(name);
        assert!(matches!(error, DataDirError::Misplaced { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }
}

#[test]
fn foreign_directories_are_refused_untouched() {
    for (entry, expected) in [
        ("member/wal", "etcd 2.x or 3.x"),
        ("proxy/cluster", "etcd proxy"),
    ] {
        let dir = scratch();
        fs::create_dir_all(dir.path().join(entry)).expect("made");
        let error = DataDir::open(dir.path()).expect_err(entry).to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!dir.path().join("LOCK").exists());
    }
}
