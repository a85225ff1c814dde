//! The log is gone, cut or flipped: after a kill it is missed, after a clean stop it is not.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::event::Tree;
use super::history;
use super::image::Image;
use super::loss;
use super::subject;
use super::support::http::{self, Request};
use super::support::seed::{self, Rng};
use super::support::server::{self, START_TIMEOUT, Server};
use super::support::wait;
use etcd2::node::witness_file;
use wal::fs::OsFs;

/// A flush never happens by itself.
const NEVER: u64 = 1_000_000;

/// Where a segment's salt stands, and where its first group begins.
const SEGMENT_HEADER_SALT: u64 = 40;
const FIRST_GROUP: u64 = 512;

/// Flips after a clean stop.
const FLIPS: u64 = 20;

fn start() -> Server {
    subject::launch(NEVER).settled().start()
}

/// Writes `count` keys; gives the log index of the last one.
pub(crate) fn write(server: &Server, directory: &str, count: u64) -> u64 {
    let mut entry = 0;
    for number in 0..count {
        let target = format!("/v2/keys/{directory}/{number}");
        let answer = server.exchange(&Request::put(&target, &format!("value={number}")));
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        let told = answer.head.number("X-Raft-Index");
        entry = told.expect("a write's reply carries X-Raft-Index");
    }
    entry
}

fn stop(server: &mut Server) {
    let status = server.terminate(START_TIMEOUT);
    assert_eq!(status.code(), Some(0), "{}", server.log_tail());
}

/// Starts, and checks that everything is there and that the lost log was told.
fn starts_loudly(server: &mut Server, wanted: &(Tree, u64), told: &str) {
    let said_before = server.log().len();
    server.restart();
    let said = server.log().split_off(said_before);
    assert!(history::list(server) == *wanted, "{told}\n{said}");
    let loud = |line: &str| line.contains("ERROR") && line.contains("begins anew after entry");
    assert!(said.lines().any(loud), "{told}: not told\n{said}");
}

/// Nothing was flushed: all of it is lost, and that is what is offered.
#[test]
fn a_log_that_is_removed_after_a_kill_is_refused() {
    let mut server = start();
    let last = write(&server, "kept", 30);
    stop(&mut server);
    server.restart();
    let kept_tree = history::list(&server);
    write(&server, "lost", 20);
    server.kill();
    fs::remove_dir_all(server.data_dir().join("wal")).expect("removed");
    let refusal = loss::refused(&mut server);
    let text = refusal.text();
    assert!(text.contains("wal is gone"), "{text}");
    let kept = refusal.kept();
    assert!(kept >= last && kept < last + 20, "{last}: {text}");
    // Another number is no consent.
    for wrong in [kept - 1, kept + 1, 0] {
        let mut other = subject::launch(NEVER)
            .data_dir(server.data_dir())
            .arg(format!("--accept-log-loss={wrong}"))
            .spawn();
        assert_eq!(loss::refused(&mut other).kept(), kept, "{wrong} was given");
    }
    loss::accept(&mut server, kept);
    assert!(history::list(&server) == kept_tree, "{}", server.log_tail());
    write(&server, "new", 5);
    let before = history::list(&server);
    server.restart();
    assert!(history::list(&server) == before, "{}", server.log_tail());
}

/// The mark of the clean stop covers what was before it, and not one write more.
#[test]
fn a_log_that_is_removed_after_a_clean_stop_is_not_missed() {
    let mut server = start();
    write(&server, "kept", 200);
    let before = history::list(&server);
    stop(&mut server);
    fs::remove_dir_all(server.data_dir().join("wal")).expect("removed");
    starts_loudly(&mut server, &before, "removed");
    let entry = write(&server, "after", 1);
    let with_it = history::list(&server);
    server.kill();
    let image = Image::take(server.data_dir());
    server.restart();
    assert!(history::list(&server) == with_it, "{}", server.log_tail());
    server.kill();
    // Both the head of the new segment and its first group were written and synced before that write.
    let segment = segment(&image, b"/after/0");
    for at in [SEGMENT_HEADER_SALT, FIRST_GROUP + 4] {
        image.restore(server.data_dir());
        flip(&server.data_dir().join(&segment), at, 0x10);
        let refusal = loss::refused(&mut server);
        let text = refusal.text();
        assert!(refusal.kept() < entry, "entry {entry} is not told: {text}");
        loss::accept(&mut server, refusal.kept());
        assert!(history::list(&server) == before, "offset {at}: {text}");
        server.kill();
    }
}

/// The mark names one state of the store: an older copy of it is not that one, and misses the log.
#[test]
fn an_older_store_beside_a_newer_mark_of_a_clean_stop_is_refused() {
    let mut server = start();
    let last = write(&server, "kept", 30);
    let before = history::list(&server);
    stop(&mut server);
    let older = Image::take(server.data_dir());
    server.restart();
    write(&server, "lost", 30);
    stop(&mut server);
    let mut mixed = Image::take(server.data_dir());
    mixed.replace("store", &older);
    mixed.remove("wal");
    mixed.restore(server.data_dir());
    let refusal = loss::refused(&mut server);
    assert_eq!(refusal.kept(), last, "{}", refusal.text());
    loss::accept(&mut server, last);
    assert!(history::list(&server) == before, "{}", server.log_tail());
}

/// A mark that came back with an older store says nothing of what the log shows to have been written after it.
#[test]
fn an_older_store_with_its_mark_below_a_newer_hurt_log_is_refused() {
    let mut server = start();
    let last = write(&server, "kept", 30);
    stop(&mut server);
    let older = Image::take(server.data_dir());
    server.restart();
    write(&server, "after", 60);
    server.kill();
    let mut mixed = Image::take(server.data_dir());
    let segment = segment(&mixed, b"/after/40");
    let bytes = &mixed.file(&segment).bytes;
    let label = b"/after/40";
    let place = bytes.windows(label.len()).position(|part| part == label);
    let place = place.expect("it is in this segment") as u64;
    mixed.replace("store", &older);
    mixed.replace("WITNESS", &older);
    // In the middle, and at the head: then nothing but the groups behind it tells what was there.
    for (at, all) in [(place, 31..70), (SEGMENT_HEADER_SALT, 0..1), (0, 0..1)] {
        mixed.restore(server.data_dir());
        flip(&server.data_dir().join(&segment), at, 0x10);
        let refusal = loss::refused(&mut server);
        let (text, kept) = (refusal.text(), refusal.kept());
        let lost = format!("everything after entry {kept} is lost");
        assert_eq!(text.matches(" lost").count(), 1, "{text}");
        assert!(
            text.contains(&lost) && refusal.proven() > Some(last),
            "{text}"
        );
        loss::accept(&mut server, kept);
        let (tree, _) = history::list(&server);
        let after = tree.keys().filter(|key| key.starts_with("/after/")).count();
        assert!(
            all.contains(&after),
            "flip at {at}: {after} of them; {text}"
        );
        server.kill();
    }
}

/// The same where the damage lies before the mark's place: what can be read of the log the store holds, and the rest shows
/// that it does not hold all.
#[test]
fn an_older_mark_is_not_believed_where_damage_hides_what_came_after_it() {
    let mut server = start();
    let marked = write(&server, "kept", 60);
    stop(&mut server);
    let older = Image::take(server.data_dir());
    server.restart();
    let last = write(&server, "after", 60);
    server.kill();
    let newer = Image::take(server.data_dir());
    let segment = segment(&newer, b"/after/40");
    for (label, parts) in [
        ("/kept/20", &["WITNESS"][..]),
        ("/kept/20", &["WITNESS", "store"]),
        ("/kept/59", &["WITNESS", "store"]),
    ] {
        let mut mixed = newer.clone();
        let place = place_of(&mixed.file(&segment).bytes, label);
        parts.iter().for_each(|part| mixed.replace(part, &older));
        mixed.restore(server.data_dir());
        flip(&server.data_dir().join(&segment), place, 0x10);
        let refusal = loss::refused(&mut server);
        let text = refusal.text();
        assert_eq!(refusal.kept(), marked, "{label} {parts:?}: {text}");
        assert!(refusal.proven() >= Some(last), "{label} {parts:?}: {text}");
    }
    // The newer mark names a state that the log does not go beyond.
    newer.restore(server.data_dir());
    server.restart();
    let before = history::list(&server);
    stop(&mut server);
    flip(&server.data_dir().join(&segment), FIRST_GROUP + 4, 0x10);
    starts_loudly(&mut server, &before, "nothing is behind this mark");
}

fn place_of(bytes: &[u8], label: &str) -> u64 {
    let mut parts = bytes.windows(label.len());
    let place = parts.position(|part| part == label.as_bytes());
    place.expect("it is in this segment") as u64
}

/// What stands before the entries, of the only segment, with nothing in the store: the option that the refusal names is
/// taken, and after a clean stop none is needed.
#[test]
fn a_segment_whose_head_is_hurt_is_given_up_when_that_is_accepted() {
    let mut server = start();
    write(&server, "kept", 60);
    server.kill();
    let killed = Image::take(server.data_dir());
    let segment = segment(&killed, b"/kept/59");
    server.restart();
    let before = history::list(&server);
    stop(&mut server);
    let stopped = Image::take(server.data_dir());
    for at in [0, 7, 20, SEGMENT_HEADER_SALT] {
        killed.restore(server.data_dir());
        flip(&server.data_dir().join(&segment), at, 0x10);
        let refusal = loss::refused(&mut server);
        assert_eq!(refusal.kept(), 0, "{}", refusal.text());
        assert!(refusal.proven() >= Some(60), "{}", refusal.text());
        loss::accept(&mut server, 0);
        write(&server, "new", 3);
        let after = history::list(&server);
        server.restart();
        assert!(history::list(&server) == after, "{}", server.log_tail());
        server.kill();
        stopped.restore(server.data_dir());
        flip(&server.data_dir().join(&segment), at, 0x10);
        starts_loudly(&mut server, &before, &format!("flip at {at}"));
        server.kill();
    }
}

/// Entries before the damage are applied on a store whose tables are hurt as well, which only their rows show.
#[test]
fn an_accepted_loss_is_carried_out_on_a_damaged_store() {
    let few = server::ours().arg("--retention-events=20");
    let few = few.arg(format!("--snapshot-count={NEVER}")).settled();
    let mut server = few.start();
    write_over(&server);
    stop(&mut server);
    server.restart();
    write_over(&server);
    let last = write(&server, "last", 30);
    server.kill();
    let image = Image::take(server.data_dir());
    for families in [&["versions", "events"][..], &["nodes"]] {
        image.restore(server.data_dir());
        families
            .iter()
            .for_each(|family| hurt_tables(server.data_dir(), family));
        let segment = server.data_dir().join(segment(&image, b"/last/20"));
        let bytes = fs::read(&segment).expect("a segment can be read");
        let mut labels = bytes.windows(8).enumerate();
        let (at, _) = labels
            .find(|(_, part)| *part == b"/last/20")
            .expect("it is here");
        flip(&segment, at as u64, 0x10);
        let refusal = loss::refused(&mut server);
        let kept = refusal.kept();
        assert!(kept < last && kept > last - 30, "{}", refusal.text());
        // It is up, and says that it is not healthy.
        server.respawn_with(&format!("--accept-log-loss={kept}"));
        answers(&server);
        let read = server.exchange(&Request::get("/v2/keys/last/1"));
        if families == ["nodes"] {
            // What could not be applied is not hidden, and the log is as it was.
            assert_eq!(read.status(), 500, "{}", read.dump());
            assert_eq!(loss::set_aside(server.data_dir()), 0);
            server.kill();
            assert_eq!(loss::refused(&mut server).kept(), kept);
        } else {
            assert_eq!(read.status(), 200, "{}", read.dump());
            let gone = server.exchange(&Request::get("/v2/keys/last/21"));
            assert_eq!(gone.status(), 404, "{}", gone.dump());
            write(&server, "kept", 60);
            server.respawn();
            answers(&server);
            write(&server, "kept", 60);
            server.kill();
        }
    }
}

/// The same keys again and again, so that there is history to give back.
fn write_over(server: &Server) {
    for _ in 0..10 {
        write(server, "kept", 30);
    }
}

fn answers(server: &Server) {
    let version = Request::get("/version");
    wait::until("no answer", || {
        http::exchange(server.addr(), &version).is_ok()
    });
}

/// Changes a byte of the rows of each table of a family.
fn hurt_tables(data: &Path, family: &str) {
    let store = data.join("store");
    let found = storage::judge(&store).expect("the store can be read");
    let storage::StoreJudgement::Store(inventory) = found else {
        panic!("no store: {found:?}");
    };
    let tables = inventory.tables.iter();
    for table in tables.filter(|table| table.family == family) {
        flip(
            &store.join(table.file_name()),
            table.bytes.min(800) / 8,
            0x40,
        );
    }
}

/// The witness file alone says that there was something: no node is founded over it.
#[test]
fn nothing_is_founded_over_a_witness_of_entries() {
    let mut server = start();
    let last = write(&server, "kept", 50);
    wait::until("the witness file names no entry", || {
        let found = witness_file::read(&OsFs, server.data_dir()).expect("it can be read");
        found
            .testimony()
            .is_some_and(|said| said.witness.index >= last)
    });
    server.kill();
    let mut image = Image::take(server.data_dir());
    for (lost, option) in [("wal", true), ("store", false)] {
        image.remove("FORMAT");
        image.remove(lost);
        image.restore(server.data_dir());
        for _ in 0..2 {
            let refusal = loss::refused(&mut server);
            let text = refusal.text();
            assert_eq!(text.contains("--accept-log-loss=0"), option, "{text}");
            assert!(option || text.contains("WITNESS says"), "{text}");
        }
    }
}

/// All that says what was here is gone, but for a store that was never written out, and the room that a node keeps.
#[test]
fn nothing_is_founded_beside_a_reserve() {
    let mut server = start();
    write(&server, "kept", 50);
    server.kill();
    let mut image = Image::take(server.data_dir());
    for lost in ["FORMAT", "WITNESS", "wal"] {
        image.remove(lost);
    }
    image.restore(server.data_dir());
    let refusal = loss::refused(&mut server);
    let text = refusal.text();
    assert!(text.contains("--accept-log-loss=0"), "{text}");
}

/// A flip anywhere in what the log holds, with nothing but the store's word for what it held.
#[test]
fn a_log_with_a_flipped_bit_after_a_clean_stop_is_not_missed() {
    let seed = seed::from_env("CRASH_SEED");
    println!("replay: CRASH_SEED={seed} cargo test --test crash flipped_bit_after");
    let mut rng = Rng::new(seed);
    let mut server = start();
    write(&server, "kept", 100);
    let before = history::list(&server);
    stop(&mut server);
    let image = Image::take(server.data_dir());
    let segment = segment(&image, b"/kept/99");
    let bytes = fs::read(server.data_dir().join(&segment)).expect("a segment can be read");
    // The zeros that fill a sector up belong to nothing.
    let held: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    for _ in 0..FLIPS {
        let (at, bit) = (rng.choose(&held), 1 << rng.below(8));
        let told = format!("bit {bit:#x} at {at}");
        image.restore(server.data_dir());
        flip(&server.data_dir().join(&segment), at as u64, bit);
        starts_loudly(&mut server, &before, &told);
        write(&server, "after", 3);
        let after = history::list(&server);
        server.restart();
        assert!(
            history::list(&server) == after,
            "{told}: {}",
            server.log_tail()
        );
        server.kill();
    }
}

/// What is cut off held nothing, but a file that lost its end may have lost more than that before.
#[test]
fn a_segment_that_is_cut_to_half_its_length_is_refused() {
    let mut server = start();
    let last = write(&server, "kept", 50);
    let before = history::list(&server);
    server.kill();
    let image = Image::take(server.data_dir());
    let segment = segment(&image, b"/kept/49");
    let mut cut = image.clone();
    let file = cut.file(&segment);
    file.length /= 2;
    let ends = file.length;
    assert!(ends > file.bytes.len() as u64, "more than half is written");
    cut.restore(server.data_dir());
    let refusal = loss::refused(&mut server);
    let text = refusal.text();
    assert!(
        text.contains(&format!("ends after {ends} of its")),
        "{text}"
    );
    assert_eq!(refusal.kept(), last, "{text}");
    loss::accept(&mut server, last);
    assert!(history::list(&server) == before, "{}", server.log_tail());
    assert_eq!(loss::set_aside(server.data_dir()), 1);
    server.kill();
    // With its length it is the segment that it was.
    image.restore(server.data_dir());
    server.restart();
    assert!(history::list(&server) == before, "{}", server.log_tail());
    stop(&mut server);
    let mut stopped = Image::take(server.data_dir());
    stopped.file(&segment).length = ends;
    stopped.restore(server.data_dir());
    starts_loudly(&mut server, &before, "cut after a clean stop");
}

/// It is for the one start that needs it: left in the command line it does nothing, whatever entry it names.
#[test]
fn an_accepted_loss_has_no_effect_on_a_healthy_node() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // The entry of the last write, and of the last one that the store holds: its number is the one that counts where the
    // log is lost.
    let (mut last, mut stored) = (0, 0);
    let mut wanted = None;
    for round in 0..8 {
        // The first one is a founding.
        let named = match round {
            0 | 1 | 4 | 5 => stored,
            2 | 7 => last,
            3 => last / 2,
            _ => last + 10,
        };
        let mut server = subject::launch(NEVER)
            .settled()
            .data_dir(directory.path())
            .arg(format!("--accept-log-loss={named}"))
            .start();
        let told = format!("round {round}, entry {named}\n{}", server.log());
        if let Some(wanted) = &wanted {
            assert!(history::list(&server) == *wanted, "{told}");
        }
        last = write(&server, &format!("round/{round}"), 10);
        wanted = Some(history::list(&server));
        if matches!(round, 3 | 6) {
            stop(&mut server);
            stored = last;
        } else {
            server.kill();
        }
        assert_eq!(loss::set_aside(directory.path()), 0, "{told}");
        assert!(!server.log().contains("ERROR"), "{told}");
    }
}

/// The segment that holds `label`, below the data directory.
fn segment(image: &Image, label: &[u8]) -> PathBuf {
    let segments = image.below("wal").into_iter();
    let mut holding = segments.filter(|(path, content)| {
        let live = path.extension().is_some_and(|end| end == "wal");
        live && content.bytes.windows(label.len()).any(|part| part == label)
    });
    let (path, _) = holding.next().expect("an acknowledged write is in the log");
    path.to_owned()
}

fn flip(path: &Path, at: u64, bit: u8) {
    let file = File::options().read(true).write(true).open(path);
    let file = file.expect("a segment can be opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is as long");
    file.write_all_at(&[byte[0] ^ bit], at).expect("written");
}
