//! Starts around tables that are missing or hurt, and the starts after those.

use std::fs;
use std::path::{Path, PathBuf};

use super::disk_shim::Disk;
use super::history;
use super::image::Image;
use super::loss;
use super::subject;
use super::support::http::{self, Request};
use super::support::server::{START_TIMEOUT, Server};
use super::support::wait;

/// Flushes with each that many writes.
const SNAPSHOT_COUNT: u64 = 20;
/// Attempts to find the manifest between two compactions.
const ATTEMPTS: u64 = 20;

fn put(server: &Server, count: u64) {
    for number in 0..count {
        let target = format!("/v2/keys/kept/{number}");
        let answer = server.exchange(&Request::put(&target, "value=x"));
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    }
}

/// Waits for a node that is up, healthy or not.
fn answers(server: &Server) {
    let version = Request::get("/version");
    wait::until("no answer", || {
        http::exchange(server.addr(), &version).is_ok()
    });
}

fn inventory(data: &Path) -> storage::judge::Inventory {
    match storage::judge(&data.join("store")).expect("the store can be read") {
        storage::StoreJudgement::Store(inventory) => inventory,
        other => panic!("no store: {other:?}"),
    }
}

/// The file of the largest table of a family.
fn table(data: &Path, family: &str) -> PathBuf {
    let tables = inventory(data).tables.into_iter();
    let largest = tables
        .filter(|table| table.family == family)
        .max_by_key(|table| table.bytes);
    let name = largest.expect("the family has a table").file_name();
    data.join("store").join(name)
}

/// Tables that the manifest does not name, from behind its end.
fn newer(data: &Path) -> usize {
    let inventory = inventory(data);
    let end = Some(inventory.last_sequence);
    let left = inventory.leftovers.iter();
    left.filter(|left| left.last_sequence > end).count()
}

/// A kill in the middle of a flush beside a table that was known to be missing is no manifest that lost its end; beside any
/// other missing table it may be one.
#[test]
fn a_kill_in_a_flush_beside_a_missing_table_is_no_lost_manifest() {
    for family in ["versions", "events"] {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::new(scratch.path());
        let mut server = disk
            .under(subject::launch(SNAPSHOT_COUNT).settled())
            .start();
        let list = server.data_dir().join("MISSING");
        put(&server, 3 * SNAPSHOT_COUNT);
        assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
        let gone = table(server.data_dir(), family);
        let bytes = fs::read(&gone).expect("readable");
        fs::remove_file(&gone).expect("removed");
        server.respawn();
        answers(&server);
        assert!(list.exists(), "{}", server.log_tail());
        disk.hang(".sst");
        put(&server, 2 * SNAPSHOT_COUNT);
        wait::until("no table was written", || {
            newer_names(server.data_dir(), &gone)
        });
        let before = history::list(&server);
        server.kill();
        disk.heal();
        assert!(newer(server.data_dir()) > 0, "nothing was left of a flush");
        let killed = Image::take(server.data_dir());

        // The list takes one doubt away, and no other.
        fs::remove_file(&list).expect("removed");
        refused(&mut server, "has lost its end");
        killed.restore(server.data_dir());
        fs::remove_file(table(server.data_dir(), "nodes")).expect("removed");
        refused(&mut server, "has lost its end: 1 tables");

        killed.restore(server.data_dir());
        server.respawn();
        answers(&server);
        assert!(history::list(&server) == before, "{}", server.log_tail());
        let metrics = server.exchange(&Request::get("/metrics")).text();
        assert!(metrics.contains("etcd2_store_damage{"), "{metrics}");
        put(&server, SNAPSHOT_COUNT);
        let before = history::list(&server);
        server.kill();
        fs::write(&gone, bytes).expect("written");
        server.restart();
        assert!(history::list(&server) == before, "{}", server.log_tail());
        assert!(!list.exists(), "no table is missing");
    }
}

/// Whether there is a table with a higher number: cheaper than a look into it.
fn newer_names(data: &Path, than: &Path) -> bool {
    let named: Vec<PathBuf> = inventory(data)
        .tables
        .iter()
        .map(|table| data.join("store").join(table.file_name()))
        .collect();
    let entries = fs::read_dir(data.join("store")).expect("listed");
    let mut paths = entries.map(|entry| entry.expect("listed").path());
    paths.any(|path| {
        let is_table = path.extension().is_some_and(|end| end == "sst");
        is_table && path > *than && !named.contains(&path) && newer(data) > 0
    })
}

fn refused(server: &mut Server, words: &str) {
    let refusal = loss::refused(server);
    assert!(refusal.text().contains(words), "{}", refusal.text());
}

/// Zeros where a table describes itself: RocksDB blames its manifest for some of them.
#[test]
fn zeros_in_what_a_table_of_history_says_of_itself_leave_writes_alone() {
    let mut server = subject::launch(SNAPSHOT_COUNT).settled().start();
    put(&server, 3 * SNAPSHOT_COUNT);
    let before = history::list(&server);
    assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
    let image = Image::take(server.data_dir());
    for family in ["versions", "events"] {
        for (from, count) in [(0, 64), (0, 512), (30, 200)] {
            image.restore(server.data_dir());
            let table = table(server.data_dir(), family);
            zero_properties(&table, from, count);
            server.respawn();
            answers(&server);
            let told = format!("{family}, {count} from {from}\n{}", server.log_tail());
            assert!(history::list(&server) == before, "{told}");
            put(&server, 2 * SNAPSHOT_COUNT);
            let metrics = server.exchange(&Request::get("/metrics")).text();
            let name = table.file_name().expect("named").to_string_lossy();
            let damage = metrics
                .lines()
                .find(|it| it.starts_with("etcd2_store_damage{"));
            let damage = damage.unwrap_or_else(|| panic!("nothing is told: {told}"));
            assert!(
                damage.contains(&format!("\"{family}\"")) && damage.contains(&*name),
                "{damage}: {told}"
            );
            server.kill();
        }
    }
}

fn zero_properties(table: &Path, from: usize, count: usize) {
    let mut bytes = fs::read(table).expect("readable");
    let wanted = b"rocksdb.block.based";
    let start = bytes.windows(wanted.len()).position(|it| it == wanted);
    let start = start.expect("the table has properties") + from;
    bytes[start..start + count].fill(0);
    fs::write(table, bytes).expect("written");
}

/// What the refusal says of the option holds: the node only serves reads, and the log stays as it is. A torn end of the
/// manifest that RocksDB would refuse is not in the way.
#[test]
fn a_lost_log_beside_a_hurt_tree_is_accepted_at_each_start() {
    let mut server = subject::launch(SNAPSHOT_COUNT).settled().start();
    for torn in [false, true] {
        tear(&mut server, torn);
        let table = table(server.data_dir(), "nodes");
        let mut bytes = fs::read(&table).expect("readable");
        let footer = bytes.len() - 20;
        bytes[footer] ^= 1;
        fs::write(&table, bytes).expect("written");
        fs::remove_dir_all(server.data_dir().join("wal")).expect("removed");
        let mut kept = None;
        for _ in 0..2 {
            let refusal = loss::refused(&mut server);
            let text = refusal.text();
            assert!(text.contains("each start needs this option"), "{text}");
            assert!(!text.contains("set aside"), "{text}");
            assert!(kept.is_none_or(|kept| kept == refusal.kept()), "{text}");
            kept = Some(refusal.kept());
            let before = Image::of_data(server.data_dir());
            server.respawn_with(&format!("--accept-log-loss={}", refusal.kept()));
            answers(&server);
            let write = server.exchange(&Request::put("/v2/keys/new", "value=x"));
            assert_eq!(write.status(), 500, "{}", write.dump());
            server.kill();
            let changed = before.differences(&Image::of_data(server.data_dir()));
            assert!(changed.is_empty(), "{changed:?}");
        }
        fs::remove_dir_all(server.data_dir()).expect("removed");
        server.restart();
    }
}

/// A node that was killed, with or without the last record of its manifest: that of a flush, behind which no compaction has
/// removed anything yet.
fn tear(server: &mut Server, torn: bool) {
    for _ in 0..ATTEMPTS {
        put(server, SNAPSHOT_COUNT + 1);
        assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
        server.restart();
        let before = inventory(server.data_dir());
        put(server, SNAPSHOT_COUNT + 1);
        wait::until("no flush", || {
            inventory(server.data_dir()).last_sequence > before.last_sequence
        });
        server.kill();
        let manifest = inventory(server.data_dir()).manifest;
        let manifest = server.data_dir().join("store").join(manifest);
        if !torn {
            return;
        }
        let whole = fs::read(&manifest).expect("readable");
        let mut bytes = whole.clone();
        *bytes.last_mut().expect("not empty") ^= 1;
        fs::write(&manifest, bytes).expect("written");
        let found = inventory(server.data_dir());
        let in_the_way = found.torn.is_some_and(|torn| !torn.rocksdb_drops);
        if in_the_way && found.faults.is_empty() {
            return;
        }
        fs::write(&manifest, whole).expect("written");
        server.restart();
    }
    panic!("a compaction came between every time");
}
