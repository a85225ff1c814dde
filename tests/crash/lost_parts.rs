//! Parts of the data directory other than the log are gone or damaged: the store, the small files, the locks.

use std::fs;
use std::path::Path;

use super::event::Tree;
use super::history;
use super::image::Image;
use super::loss;
use super::subject;
use super::support::http::Request;
use super::support::server::{self, START_TIMEOUT, Server};
use super::support::wait;

/// The two slots of the witness file.
const SLOTS: [usize; 2] = [0, 4096];

/// How a server ended before a part of its directory is lost.
const ENDS: [&str; 2] = ["killed", "stopped"];

/// A server with some keys, its end, and its directory then.
struct Ended {
    server: Server,
    image: Image,
    keys: (Tree, u64),
}

impl Ended {
    fn new(end: &str) -> Ended {
        let mut server = subject::launch(20).settled().start();
        put(&server, 50);
        let keys = history::list(&server);
        if end == "killed" {
            server.kill();
        } else {
            assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
        }
        let image = Image::take(server.data_dir());
        Ended {
            server,
            image,
            keys,
        }
    }

    /// Puts the directory back without `part`.
    fn lose(&self, part: &str) {
        let mut image = self.image.clone();
        image.remove(part);
        image.restore(self.server.data_dir());
    }

    /// Starts, has every key, and goes on; gives what was printed.
    fn starts(&mut self, told: &str) -> String {
        let said_before = self.server.log().len();
        self.server.restart();
        let said = self.server.log().split_off(said_before);
        assert!(history::list(&self.server) == self.keys, "{told}\n{said}");
        put(&self.server, 5);
        let after = history::list(&self.server);
        let said_before = self.server.log().len();
        self.server.restart();
        assert!(history::list(&self.server) == after, "{told}\n{said}");
        let again = self.server.log().split_off(said_before);
        assert!(!again.contains("ERROR"), "{told}: told twice\n{again}");
        self.server.kill();
        said
    }
}

fn put(server: &Server, count: u64) {
    for number in 0..count {
        let target = format!("/v2/keys/kept/{number}");
        let answer = server.exchange(&Request::put(&target, "value=x"));
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    }
}

/// A line that is an error, names the file, and says that it was replaced.
fn tells(said: &str, name: &str) -> bool {
    said.lines()
        .any(|line| line.contains("ERROR") && line.contains(name) && line.contains("written anew"))
}

/// The log alone is not everything: what it released is gone with the store, and no option brings it back.
#[test]
fn a_store_that_is_removed_is_refused() {
    for end in ENDS {
        let mut ended = Ended::new(end);
        ended.lose("store");
        for empty in [false, true] {
            if empty {
                fs::create_dir(ended.server.data_dir().join("store")).expect("made");
            }
            let refusal = loss::refused(&mut ended.server);
            let text = refusal.text().to_owned();
            let store = ended.server.data_dir().join("store").display().to_string();
            assert!(
                text.contains(&format!("the store {store} is gone")),
                "{end}: {text}"
            );
            assert!(!text.contains("--accept-log-loss"), "{end}: {text}");
        }
        ended.image.restore(ended.server.data_dir());
        ended.starts(end);
    }
}

#[test]
fn an_identity_file_that_is_lost_is_written_anew_and_told() {
    for end in ENDS {
        let mut ended = Ended::new(end);
        let format = ended.server.data_dir().join("FORMAT");
        let whole = fs::read(&format).expect("the file is there");
        for damage in ["removed", "emptied", "flipped"] {
            let told = format!("{end}, {damage}");
            ended.lose("FORMAT");
            let hurt = match damage {
                "removed" => None,
                "emptied" => Some(Vec::new()),
                _ => {
                    let mut bytes = whole.clone();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    Some(bytes)
                }
            };
            if let Some(hurt) = hurt {
                fs::write(&format, hurt).expect("written");
            }
            let said = ended.starts(&told);
            assert!(tells(&said, "FORMAT"), "{told}: not told\n{said}");
            assert_eq!(fs::read(&format).expect("there again"), whole, "{told}");
        }
    }
}

#[test]
fn a_witness_file_that_is_lost_is_written_anew_and_told() {
    for end in ENDS {
        let mut ended = Ended::new(end);
        let witness = ended.server.data_dir().join("WITNESS");
        let whole = fs::read(&witness).expect("the file is there");
        let mut damaged = vec![("removed", None), ("emptied", Some(Vec::new()))];
        for slot in SLOTS {
            let mut bytes = whole.clone();
            bytes[slot + 41] ^= 4;
            damaged.push(("flipped", Some(bytes)));
        }
        for (damage, bytes) in damaged {
            let told = format!("{end}, {damage}");
            ended.lose("WITNESS");
            if let Some(bytes) = bytes {
                fs::write(&witness, bytes).expect("written");
            }
            let said = ended.starts(&told);
            assert!(tells(&said, "WITNESS"), "{told}: not told\n{said}");
        }
    }
}

/// Both slots are written without the mark before anything is appended: the older one must not bring it back.
#[test]
fn a_mark_of_a_clean_stop_does_not_come_back_with_the_older_slot() {
    let mut ended = Ended::new("stopped");
    ended.server.restart();
    put(&ended.server, 1);
    ended.server.kill();
    let image = Image::take(ended.server.data_dir());
    for slot in SLOTS {
        let mut hurt = image.clone();
        hurt.remove("wal");
        hurt.file(Path::new("WITNESS")).bytes[slot + 41] ^= 4;
        hurt.restore(ended.server.data_dir());
        let refusal = loss::refused(&mut ended.server);
        assert!(refusal.text().contains("wal is gone"), "{}", refusal.text());
    }
}

/// Locks are held by open files, not by names.
#[test]
fn a_second_server_is_refused_though_the_lock_files_are_removed() {
    let first = server::ours().start();
    put(&first, 1);
    for lock in ["store/LOCK", "LOCK"] {
        fs::remove_file(first.data_dir().join(lock)).expect("a running server has its lock file");
        let mut second = server::ours().data_dir(first.data_dir()).spawn();
        let status = second.wait_exit(wait::LIMIT);
        let said = second.log();
        assert!(
            status.code().is_some_and(|code| code != 0),
            "{status}\n{said}"
        );
        let directory = first.data_dir().display().to_string();
        let sentence = |line: &str| line.contains(&directory) && line.contains("in use");
        assert!(said.lines().any(sentence), "{lock}: {said}");
        put(&first, 2);
    }
}
