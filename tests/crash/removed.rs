//! Files that are removed under a running node, as by somebody who makes room: the node says which, and ends while nothing
//! acknowledged is lost, or goes on where the next start mends what is gone.

use std::fs;
use std::path::PathBuf;

use super::history;
use super::image::Image;
use super::loss;
use super::lost_log::write;
use super::subject;
use super::support::http::{Connection, Request};
use super::support::server::{START_TIMEOUT, Server};
use super::support::wait;

/// A flush never happens by itself.
const NEVER: u64 = 1_000_000;

fn start() -> Server {
    subject::launch(NEVER).settled().start()
}

/// What must lie in the data directory by now, with this end of its name.
fn files(server: &Server, part: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A spare is prepared in the background.
    wait::until(&format!("there is no {end} in {part}"), || {
        let entries = fs::read_dir(server.data_dir().join(part)).expect("it can be listed");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        found = paths
            .filter(|path| path.to_string_lossy().ends_with(end))
            .collect();
        !found.is_empty()
    });
    found
}

/// Writes until that is refused; gives how many were acknowledged.
fn write_until_refused(server: &Server) -> usize {
    let mut acknowledged = 0;
    wait::until("writes are never refused", || {
        let target = format!("/v2/keys/more/{acknowledged}");
        let Ok(mut connection) = Connection::open(server.addr()) else {
            return true;
        };
        let answer = connection.exchange(&Request::put(&target, "value=x"));
        let taken = answer.is_ok_and(|answer| matches!(answer.status(), 200 | 201));
        acknowledged += usize::from(taken);
        !taken
    });
    acknowledged
}

fn ends(server: &mut Server, words: &[&str]) {
    let status = server.wait_exit(START_TIMEOUT);
    let log = server.log();
    assert_eq!(status.code(), Some(74), "{status}\n{log}");
    let last = log.lines().last().unwrap_or_default();
    for word in words {
        assert!(last.contains(word), "{word:?} is not in {last}");
    }
}

#[test]
fn a_removed_log_ends_the_node_and_nothing_acknowledged_is_lost() {
    let mut server = start();
    for round in 0..4 {
        write(&server, &format!("kept{round}"), 100);
        let segments = files(&server, "wal", ".wal");
        if round == 3 {
            // With all that is in it, the spares too.
            fs::remove_dir_all(server.data_dir().join("wal")).expect("removed");
        } else {
            for segment in &segments {
                fs::remove_file(segment).expect("removed");
            }
        }
        if round == 1 {
            // Nothing is written any more, so nothing looks for a while.
            server.signal_term();
        }
        let acknowledged = match round {
            1 => 0,
            _ => write_until_refused(&server),
        };
        if round == 1 {
            server.wait_exit(START_TIMEOUT);
        } else {
            ends(
                &mut server,
                &["was removed", "everything flushed", "start again"],
            );
        }
        let said_before = server.log().len();
        server.restart();
        let said = server.log().split_off(said_before);
        assert!(said.contains("begins anew after entry"), "{said}");
        let (tree, _) = history::list(&server);
        let more = tree.keys().filter(|key| key.starts_with("/more/")).count();
        let kept = format!("/kept{round}/");
        let kept = tree.keys().filter(|key| key.starts_with(&kept)).count();
        assert!(more >= acknowledged, "{more} of {acknowledged}\n{said}");
        assert_eq!(kept, 100, "{said}");
    }
}

/// What is prepared for later holds nothing: the log goes on in a file that is made on the spot.
#[test]
fn a_removed_spare_is_not_missed() {
    const VALUE_BYTES: usize = 1 << 20;
    let mut server = start();
    for spare in files(&server, "wal", ".spare") {
        fs::remove_file(spare).expect("removed");
    }
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let value = format!("value={}", "x".repeat(VALUE_BYTES));
    let mut written = 0;
    wait::until("the log never begins a second segment", || {
        let target = format!("/v2/keys/large/{written}");
        let answer = connection.exchange(&Request::put(&target, &value));
        let answer = answer.expect("it is kept open");
        assert_eq!(answer.status(), 201, "{}", server.log_tail());
        written += 1;
        files(&server, "wal", ".wal").len() > 1
    });
    server.kill();
    server.restart();
    let (tree, _) = history::list(&server);
    let kept = tree.keys().filter(|key| key.starts_with("/large/")).count();
    assert_eq!(kept, written);
}

#[test]
fn a_store_without_its_list_of_files_ends_the_node() {
    for end in ["CURRENT", "MANIFEST-"] {
        let mut server = start();
        write(&server, "kept", 50);
        let before = history::list(&server);
        let gone: Vec<PathBuf> = match end {
            "CURRENT" => files(&server, "store", end),
            _ => {
                let all = files(&server, "store", "");
                let is_manifest = |path: &PathBuf| path.to_string_lossy().contains(end);
                all.into_iter().filter(is_manifest).collect()
            }
        };
        let aside = |path: &PathBuf| server.data_dir().join(path.file_name().expect("a name"));
        for path in &gone {
            fs::rename(path, aside(path)).expect("moved");
        }
        let moved: Vec<PathBuf> = gone.iter().map(aside).collect();
        write_until_refused(&server);
        ends(&mut server, &[end, "was removed", "ending without closing"]);
        for (path, aside) in gone.iter().zip(&moved) {
            fs::rename(aside, path).expect("moved back");
        }
        server.restart();
        let (tree, _) = history::list(&server);
        assert!(before.0.keys().all(|key| tree.contains_key(key)), "{end}");
    }
}

#[test]
fn what_the_next_start_makes_again_is_told() {
    let mut server = start();
    write(&server, "kept", 20);
    for name in ["FORMAT", "WITNESS"] {
        fs::remove_file(server.data_dir().join(name)).expect("removed");
    }
    for name in ["FORMAT", "WITNESS"] {
        let told = format!("{name} was removed");
        wait::until(&format!("{name} is not told"), || {
            server
                .log()
                .lines()
                .any(|line| line.contains("ERROR") && line.contains(&told))
        });
    }
    write(&server, "more", 20);
    let before = history::list(&server);
    server.kill();
    server.restart();
    assert!(history::list(&server) == before, "{}", server.log_tail());
    for name in ["FORMAT", "WITNESS"] {
        assert!(server.data_dir().join(name).exists(), "{name}");
    }
}

/// A log of before the start in the place of the present one: from the first entry on, not from some seconds later on.
#[test]
fn an_older_log_is_told_soon_after_a_start() {
    let mut server = start();
    write(&server, "kept", 60);
    assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
    let older = Image::take(server.data_dir());
    server.restart();
    let entry = write(&server, "after", 1);
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.kill();
    let mut mixed = Image::take(server.data_dir());
    mixed.replace("wal", &older);
    mixed.restore(server.data_dir());
    let refusal = loss::refused(&mut server);
    assert!(refusal.kept() < entry, "{}", refusal.text());
}
