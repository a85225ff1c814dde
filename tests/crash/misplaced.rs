//! Entries of a data directory that are not what they should be, or nobody's: told by name, in time, and nothing is touched.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::history;
use super::image::Image;
use super::subject;
use super::support::http::{self, Request};
use super::support::server::{START_TIMEOUT, Server};
use super::support::wait;

/// The status of a refusal that is about the data.
const ABOUT_DATA: i32 = 65;
/// A start that is refused takes no longer.
const LIMIT: Duration = Duration::from_secs(10);
/// A hole: it takes no room, and reading it takes all of the memory.
const HOLE_BYTES: u64 = 10 << 30;

fn stopped() -> (Server, Image) {
    let mut server = subject::launch(20).settled().start();
    for number in 0..50 {
        let target = format!("/v2/keys/kept/{number}");
        let answer = server.exchange(&Request::put(&target, "value=x"));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
    let image = Image::take(server.data_dir());
    (server, image)
}

/// Whom nothing belongs to.
const NOBODY: u32 = 65534;

/// Every entry with its kind, length and time, but not with its content; lock files apart.
fn entries(directory: &Path) -> BTreeMap<PathBuf, (u32, u64, i64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("listed") {
        let path = entry.expect("listed").path();
        let data = fs::symlink_metadata(&path).expect("there");
        if data.is_dir() {
            found.extend(entries(&path));
        } else if !path.ends_with("LOCK") {
            found.insert(path, (data.mode(), data.len(), data.mtime_nsec()));
        }
    }
    found
}

/// Starts, is refused in time with the entry named, and changed nothing.
fn refused(server: &mut Server, named: &Path) -> String {
    let before = entries(server.data_dir());
    let said_before = server.log().len();
    server.respawn();
    let status = server.wait_exit(LIMIT);
    let said = server.log().split_off(said_before);
    assert_eq!(status.code(), Some(ABOUT_DATA), "{status}\n{said}");
    assert!(said.contains(&named.display().to_string()), "{said}");
    assert!(before == entries(server.data_dir()), "changed\n{said}");
    said
}

/// One entry of each kind that a start opens.
fn opened(data: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["FORMAT", "WITNESS", "LOCK"]
        .map(|name| data.join(name))
        .into();
    for (directory, wanted) in [
        ("wal", &[".wal", ".spare"][..]),
        (
            "store",
            &["CURRENT", "IDENTITY", "MANIFEST-", "OPTIONS-", "LOCK"],
        ),
    ] {
        for part in wanted {
            let entries = fs::read_dir(data.join(directory)).expect("listed");
            let mut paths = entries.map(|entry| entry.expect("listed").path());
            let path = paths.find(|path| path.display().to_string().contains(part));
            found.extend(path);
        }
    }
    found
}

#[test]
fn pipes_and_links_that_lead_nowhere_are_refused_by_name() {
    let (mut server, image) = stopped();
    let opened = opened(server.data_dir());
    assert!(opened.len() >= 9, "{opened:?}");
    for path in opened {
        for pipe in [true, false] {
            image.restore(server.data_dir());
            fs::remove_file(&path).expect("removed");
            if pipe {
                make_pipe(&path);
            } else {
                symlink("nowhere", &path).expect("made");
            }
            let said = refused(&mut server, &path);
            assert!(said.contains("Move it away"), "{said}");
            // The image would go over it, or through it.
            fs::remove_file(&path).expect("still there");
        }
    }
    for name in ["wal", "store"] {
        image.restore(server.data_dir());
        let path = server.data_dir().join(name);
        fs::remove_dir_all(&path).expect("removed");
        symlink("nowhere", &path).expect("made");
        refused(&mut server, &path);
        fs::remove_file(&path).expect("still there");
    }
    image.restore(server.data_dir());
    server.restart();
}

fn in_store(data: &Path, part: &str) -> PathBuf {
    let entries = fs::read_dir(data.join("store")).expect("listed");
    let mut paths = entries.map(|entry| entry.expect("listed").path());
    let path = paths.find(|path| path.display().to_string().contains(part));
    path.expect("there")
}

/// A right that is missing is told with the file and what gives it, wherever the file is. What runs as root has every right,
/// so the server then runs as another user.
#[test]
fn a_file_that_may_not_be_read_is_told_with_what_to_do() {
    let (server, image) = stopped();
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let data = scratch.path().join("data");
    image.restore(&data);
    let root = rustix::process::geteuid().is_root();
    if root {
        for path in entries(&data)
            .keys()
            .chain([&data.join("LOCK"), &data.join("store/LOCK")])
        {
            std::os::unix::fs::chown(path, Some(NOBODY), None).expect("given away");
        }
        for path in [
            scratch.path(),
            &data,
            &data.join("wal"),
            &data.join("store"),
        ] {
            std::os::unix::fs::chown(path, Some(NOBODY), None).expect("given away");
        }
    }
    let tables = in_store(&data, ".sst");
    let unread = |path: &PathBuf| !path.display().to_string().contains("OPTIONS-");
    for path in opened(&data).into_iter().filter(unread).chain([tables]) {
        let allow = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(&path, mode).expect("changed");
        };
        allow(0);
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd"));
        command.arg("--data-dir").arg(&data);
        let url = server.url();
        command.args([
            "--listen-client-urls",
            &url,
            "--advertise-client-urls",
            &url,
        ]);
        if root {
            command.uid(NOBODY);
        }
        let output = command.output().expect("the server can be started");
        allow(0o600);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        let told =
            |line: &str| line.contains(&path.display().to_string()) && line.contains("chown -R");
        assert!(said.lines().any(told), "{}: {said}", path.display());
    }
}

fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("made");
}

#[test]
fn files_of_any_length_are_not_read() {
    let (mut server, _) = stopped();
    let hole = |path: &Path| {
        let file = File::options().write(true).open(path);
        file.and_then(|file| file.set_len(HOLE_BYTES))
            .expect("a hole");
    };
    let data = server.data_dir().to_owned();
    hole(&data.join("LOCK"));
    hole(&data.join("store/LOCK"));
    hole(&in_store(&data, "OPTIONS-"));
    server.restart();
    let before = history::list(&server);
    server.kill();
    for part in ["IDENTITY", "MANIFEST-"] {
        let path = in_store(&data, part);
        let length = fs::metadata(&path).expect("there").len();
        hole(&path);
        let said = refused(&mut server, &path);
        if part == "IDENTITY" {
            // As it says.
            assert!(said.contains("Move it away"), "{said}");
            fs::remove_file(&path).expect("removed");
        } else {
            let file = File::options().write(true).open(&path).expect("opens");
            file.set_len(length).expect("cut");
        }
        server.restart();
        assert!(history::list(&server) == before, "{}", server.log_tail());
        server.kill();
    }
}

/// What people and file systems leave beside the tables is told once per start, and stays.
#[test]
fn entries_of_others_in_the_store_are_told_and_left_alone() {
    let (mut server, _) = stopped();
    let store = server.data_dir().join("store");
    let strays = [
        "a\n2026 ERROR b",
        ".nfs0001",
        "000012.sst.bak",
        "CURRENT.bak",
        "notes~",
    ];
    for stray in strays {
        fs::write(store.join(stray), stray).expect("written");
    }
    fs::create_dir(store.join("lost+found")).expect("made");
    for _ in 0..2 {
        let said_before = server.log().len();
        server.restart();
        let said = server.log().split_off(said_before);
        let told: Vec<&str> = said
            .lines()
            .filter(|line| line.contains(" WARN "))
            .collect();
        let [line] = told[..] else {
            panic!("{said}");
        };
        assert!(
            strays[1..].iter().all(|stray| line.contains(stray)),
            "{line}"
        );
        let (tree, _) = history::list(&server);
        assert_eq!(tree.len(), 50);
        assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
    }
    for stray in strays {
        assert_eq!(fs::read_to_string(store.join(stray)).expect("there"), stray);
    }
    // Nothing but them is no store, and is not made one.
    for entry in fs::read_dir(&store).expect("listed") {
        let path = entry.expect("listed").path();
        let name = path
            .file_name()
            .expect("named")
            .to_string_lossy()
            .into_owned();
        if !strays.contains(&name.as_str()) && path.is_file() {
            fs::remove_file(&path).expect("removed");
        }
    }
    refused(&mut server, &store);
}

/// A directory under the name of a table of history is served around like a missing table.
#[test]
fn a_directory_in_the_place_of_a_table_is_damage_of_that_table() {
    let (mut server, _) = stopped();
    let store = server.data_dir().join("store");
    let found = storage::judge(&store).expect("the store can be read");
    let storage::StoreJudgement::Store(inventory) = found else {
        panic!("no store: {found:?}");
    };
    let mut tables = inventory.tables.iter();
    let table = tables.find(|table| table.family == "events");
    let table = table.expect("there").file_name();
    fs::remove_file(store.join(&table)).expect("removed");
    fs::create_dir(store.join(&table)).expect("made");
    for _ in 0..2 {
        server.respawn();
        let version = Request::get("/version");
        wait::until("no answer", || {
            http::exchange(server.addr(), &version).is_ok()
        });
        for number in 0..60 {
            let target = format!("/v2/keys/new/{number}");
            let answer = server.exchange(&Request::put(&target, "value=x"));
            assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        }
        let metrics = server.exchange(&Request::get("/metrics")).text();
        let damage = metrics
            .lines()
            .find(|it| it.starts_with("etcd2_store_damage{"));
        assert!(damage.is_some_and(|it| it.contains(&table)), "{metrics}");
        server.kill();
    }
}

/// Files that somebody put into a log by mistake: the start says whose they are, and following it loses nothing.
#[test]
fn a_copy_of_a_segment_and_the_log_of_another_node_are_told_as_what_they_are() {
    let (mut server, _) = stopped();
    server.restart();
    let answer = server.exchange(&Request::put("/v2/keys/kept/last", "value=x"));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    server.kill();
    let log = server.data_dir().join("wal");
    let segments = fs::read_dir(&log).expect("listed");
    let mut segments = segments.map(|entry| entry.expect("listed").path());
    let segment = segments.find(|path| path.extension().is_some_and(|end| end == "wal"));
    let segment = segment.expect("a log has a segment");
    let name = segment.file_name().expect("named").to_string_lossy();
    let stray = log.join("00000000000000ff-00000000000000ff.wal");
    fs::copy(&segment, &stray).expect("copied");
    let said = refused(&mut server, &stray);
    assert!(
        said.contains(&format!("it is a copy of {name}")) && said.contains("move the copy away"),
        "{said}"
    );
    fs::remove_file(&stray).expect("removed");
    let own = segment.with_extension("own");
    fs::rename(&segment, &own).expect("renamed");
    let other = subject::launch(20).start();
    let foreign = fs::read_dir(other.data_dir().join("wal")).expect("listed");
    for entry in foreign {
        let path = entry.expect("listed").path();
        let to = log.join(path.file_name().expect("named"));
        fs::copy(&path, &to).expect("copied");
    }
    let directory = server.data_dir().to_owned();
    let said = refused(&mut server, &directory);
    assert!(
        said.contains("parts of different nodes") && said.contains("wal/ names member"),
        "{said}"
    );
}

/// What is no data directory of ours is told as what it is, and not touched.
#[test]
fn no_directory_and_the_inside_of_an_originals_are_refused() {
    let (server, _) = stopped();
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| scratch.path().join(name);
    fs::write(at("file"), "x").expect("written");
    make_pipe(&at("pipe"));
    symlink("nowhere", at("link")).expect("made");
    fs::create_dir_all(at("member/wal")).expect("made");
    fs::create_dir_all(at("member/snap")).expect("made");
    for (name, told) in [
        ("file", "is a file"),
        ("pipe", "is neither a file nor a directory"),
        ("link", "is a link that leads nowhere"),
        (
            "member",
            "is not ours: it holds the log and the snapshots of etcd 2.x or 3.x",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd"));
        command.arg("--data-dir").arg(at(name));
        let url = server.url();
        command.args([
            "--listen-client-urls",
            &url,
            "--advertise-client-urls",
            &url,
        ]);
        let output = command.output().expect("the server can be started");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(ABOUT_DATA), "{name}: {said}");
        assert!(said.contains(told), "{name}: {said}");
    }
    let left = entries(scratch.path());
    assert_eq!(left.len(), 3, "{left:?}");
}
