//! Data directories that are not the ones that the members left behind: an older copy, another member's.

use std::fs;
use std::path::Path;

use super::support::cluster::{Cluster, launches};
use super::support::http::Request;
use super::support::server::Launch;
use super::support::wait::LIMIT;

const OTHERS_DATA: i32 = 65;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("it has one").is_dir() {
            true => copy(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).expect("it can be copied");
            }
        }
    }
}

/// One of three comes back with an older copy, and the third member, which slept, elects it. Nobody among these two can know what is
/// lost. The one that does must not follow them, nor go on with reads of its own: it says what happened.
#[test]
fn a_member_that_knows_better_does_not_follow_an_older_copy() {
    let mut cluster = Cluster::start(3);
    let older = cluster[1].data_dir().with_extension("older");
    let status = cluster[1].terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{}", cluster[1].log_tail());
    copy(cluster[1].data_dir(), &older);
    cluster[1].respawn();
    cluster.wait_healthy();
    cluster[2].kill();
    let leader = cluster.leader_among(&[0, 1]);
    for number in 0..40 {
        let key = format!("/v2/keys/acknowledged/{number}");
        let written = cluster[leader].exchange(&Request::put(&key, "value=x"));
        assert_eq!(written.status(), 201, "{}", written.dump());
    }
    cluster.kill_all();
    fs::remove_dir_all(cluster[1].data_dir()).expect("removed");
    fs::rename(&older, cluster[1].data_dir()).expect("renamed");
    cluster[1].respawn();
    cluster[2].respawn();
    let leader = cluster.leader_among(&[1, 2]);
    let written = cluster[leader].exchange(&Request::put("/v2/keys/after", "value=x"));
    assert_eq!(written.status(), 201, "{}", written.dump());

    cluster[0].respawn();
    let status = cluster[0].wait_exit(LIMIT);
    let log = cluster[0].log();
    assert_eq!(status.code(), Some(OTHERS_DATA), "{log}");
    for wanted in [
        "is committed here",
        "with an older copy of its data directory",
        "Save this data directory before anything else",
    ] {
        assert!(log.contains(wanted), "{wanted:?} is not in:\n{log}");
    }
}

/// Two would answer for one member, and nobody for the other.
#[test]
fn the_directory_of_another_member_is_refused() {
    let launches = launches(3);
    let exchanged: Vec<Launch> = launches.clone();
    let mut cluster = Cluster::of(launches);
    let status = cluster[2].terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{}", cluster[2].log_tail());
    let status = cluster[1].terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{}", cluster[1].log_tail());
    let directory = cluster[2].data_dir().to_owned();
    let mut exchanged = exchanged
        .into_iter()
        .nth(1)
        .expect("three")
        .data_dir(directory)
        .spawn();
    let status = exchanged.wait_exit(LIMIT);
    let log = exchanged.log();
    assert_ne!(status.code(), Some(0), "{log}");
    assert!(
        log.contains("this is the data directory of member"),
        "{log}"
    );
    assert!(log.contains("(m1)"), "{log}");
    // Nothing has happened to it.
    cluster[1].respawn();
    cluster[2].respawn();
    cluster.wait_healthy();
}
