//! Data directories of earlier releases: what they held is served, unchanged, by the server of this checkout.
//!
//! `golden/format-N` has the directories and what the server that made them answered at its end; `golden/make.sh` says how
//! they were made. They are never made again.

#[path = "upgrade/answer.rs"]
mod answer;
#[path = "upgrade/golden.rs"]
mod golden;
mod support;

use std::fs;
use std::time::Duration;

use support::http::Request;

const LIMIT: Duration = Duration::from_secs(30);

/// Every entry is replayed from the log, by the rules of its own time.
#[test]
fn a_killed_server_of_format_1_is_replayed_to_the_same_answers() {
    golden::check("format-1", "killed");
}

#[test]
fn a_stopped_server_of_format_1_gives_the_same_answers() {
    golden::check("format-1", "stopped");
}

/// The new release goes on where the old one was, and what it writes outlives a kill and a clean stop.
#[test]
fn a_directory_of_format_1_is_written_on() {
    for name in ["killed", "stopped"] {
        let golden = golden::unpack("format-1", name);
        let mut server = golden.launch().start();
        let before = server.index();
        let put = |server: &support::server::Server, key: &str, value: &str| {
            let form = format!("value={value}");
            let answer = server.exchange(&Request::put(&format!("/v2/keys{key}"), &form));
            assert_eq!(answer.status(), 201, "{name}: {}", answer.dump());
        };
        put(&server, "/upgraded/killed", "x");
        server.restart();
        put(&server, "/upgraded/stopped", "y");
        let status = server.terminate(LIMIT);
        assert_eq!(status.code(), Some(0), "{name}: {}", server.log_tail());
        server.restart();
        assert_eq!(server.index(), before + 2, "{name}");
        let list = server.exchange(&Request::get("/v2/keys/upgraded?sorted=true"));
        let wanted = format!(
            concat!(
                r#"{{"action":"get","node":{{"key":"/upgraded","dir":true,"nodes":["#,
                r#"{{"key":"/upgraded/killed","value":"x","modifiedIndex":{0},"createdIndex":{0}}},"#,
                r#"{{"key":"/upgraded/stopped","value":"y","modifiedIndex":{1},"createdIndex":{1}}}],"#,
                r#""modifiedIndex":{0},"createdIndex":{0}}}}}"#
            ),
            before + 1,
            before + 2
        );
        assert_eq!(list.text().trim_end(), wanted, "{name}");
    }
}

/// Format 1 had no witness file, and so no mark of a clean stop: without the log nobody can say what is missing.
#[test]
fn a_stopped_server_of_format_1_that_lost_its_log_is_refused_until_that_is_accepted() {
    let golden = golden::unpack("format-1", "stopped");
    let mut server = golden.launch().start();
    let wanted = server.exchange(&Request::get("/v2/keys/?recursive=true"));
    let index = server.index();
    server.kill();
    let golden = golden::unpack("format-1", "stopped");
    fs::remove_dir_all(golden.path().join("wal")).expect("removed");
    let mut server = golden.launch().spawn();
    let status = server.wait_exit(LIMIT);
    let said = server.log();
    assert_eq!(status.code(), Some(65), "{said}");
    let (_, kept) = said
        .split_once("--accept-log-loss=")
        .expect("it is offered");
    let end = kept.find(|c: char| !c.is_ascii_digit());
    server.restart_with(&format!(
        "--accept-log-loss={}",
        &kept[..end.unwrap_or(kept.len())]
    ));
    // The stop had flushed everything.
    assert_eq!(server.index(), index);
    let answer = server.exchange(&Request::get("/v2/keys/?recursive=true"));
    assert_eq!(without_ttls(&answer.text()), without_ttls(&wanted.text()));
    let answer = server.exchange(&Request::put("/v2/keys/after", "value=x"));
    assert_eq!(answer.status(), 201, "{}", answer.dump());
    server.restart();
    assert_eq!(server.index(), index + 1);
}

/// The first release wrote down whose data it was in the log, and in the store only with a flush.
#[test]
fn a_killed_server_of_format_1_that_lost_its_log_offers_nothing() {
    let golden = golden::unpack("format-1", "killed");
    fs::remove_dir_all(golden.path().join("wal")).expect("removed");
    let mut server = golden.launch().arg("--accept-log-loss=0").spawn();
    let status = server.wait_exit(LIMIT);
    let said = server.log();
    assert_eq!(status.code(), Some(65), "{said}");
    let place = golden.path().display().to_string();
    assert!(
        said.contains(&place) && said.contains("whose data it is"),
        "{said}"
    );
    assert!(!said.contains("--accept-log-loss"), "{said}");
}

/// A listing without what counts down.
fn without_ttls(listing: &str) -> String {
    let mut parts = listing.split("\"ttl\":");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}
