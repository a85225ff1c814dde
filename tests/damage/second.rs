//! The lock files are removed while a server runs: a second one on the directory must still be refused, and the first
//! must not notice.

use std::fs;

use super::image::Image;
use super::start::{Started, ask, launch, start};
use super::support::http::Request;
use super::support::server;

#[test]
fn second_server_is_refused_though_the_lock_files_are_gone() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let first = server::ours().data_dir(home.path()).start();
    let put = |value: &str| {
        let request = Request::put("/v2/keys/k", &format!("value={value}"));
        let answer = first.exchange(&request);
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    };
    put("before");
    let locks: Vec<_> = Image::take(home.path()).0.into_keys().collect();
    let mut locks: Vec<_> = locks
        .into_iter()
        .filter(|path| path.ends_with("LOCK"))
        .collect();
    assert!(!locks.is_empty(), "a running server holds a lock file");
    let mut rounds: Vec<Vec<_>> = locks.iter().map(|lock| vec![lock.clone()]).collect();
    locks.sort();
    rounds.push(locks);
    let mut served = Vec::new();
    for round in rounds {
        for lock in &round {
            // An earlier round may have removed it for good.
            let _ = fs::remove_file(home.path().join(lock));
        }
        match start(&launch(50_000), home.path()) {
            Started::Ended(status, log) => {
                let refused = matches!(status.code(), Some(1 | 65));
                let place = home.path().display().to_string();
                assert!(
                    refused && log.contains(&place),
                    "{round:?}: {status}\n{log}"
                );
            }
            Started::Served(second) => {
                let read = ask(second.addr(), &Request::get("/v2/keys/k"));
                let read = read.map(|answer| answer.text());
                served.push(format!(
                    "without {round:?} a second server served: {read:?}"
                ));
            }
            Started::Hung(log) => {
                served.push(format!("{round:?}: neither refused nor served\n{log}"))
            }
        }
        put("after");
    }
    assert!(served.is_empty(), "{}", served.join("\n"));
    let answer = first.exchange(&Request::get("/v2/keys/k"));
    assert!(
        answer.text().contains("\"value\":\"after\""),
        "{}",
        answer.dump()
    );
}
