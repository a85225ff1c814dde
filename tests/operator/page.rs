//! What the program tells about itself: completion scripts, manual pages, the version.

use std::fs;
use std::process::Command;

use super::run::{etcdctl, line};
use super::terminal::{self, Streams, show};

#[test]
fn a_completion_script_is_one_the_shell_takes() {
    for shell in ["bash", "zsh", "fish"] {
        let script = line("completion").and([shell]).output();
        for word in ["etcdctl", "exec-watch", "total-timeout"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("etcdctl.bash");
    fs::write(&file, line("completion bash").output()).expect("a temporary directory takes files");
    let check = Command::new("bash").arg("-n").arg(&file).output();
    let check = check.unwrap_or_else(|error| panic!("bash cannot be started: {error}"));
    assert!(check.status.success(), "{check:?}");
    let unknown = line("completion tcsh").run();
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    // Nobody needs a cluster to read.
    let alone = line("completion bash").at("http://127.0.0.1:1").run();
    assert_eq!(alone.code, Some(0), "{alone:?}");
}

#[test]
fn manual_pages_go_where_they_are_told() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let place = directory.path().join("share/man1");
    let man = |place: &std::path::Path| etcdctl(["man".as_ref(), place.as_os_str()]).run();
    let written = man(&place);
    assert_eq!(
        (written.code, written.stdout.as_str()),
        (Some(0), ""),
        "{written:?}"
    );
    let first =
        fs::read_to_string(place.join("etcdctl.1")).expect("the page of the program is there");
    assert_eq!(line("man").output(), first);
    assert!(first.contains(".TH etcdctl 1"), "{first}");
    for page in ["etcdctl-get.1", "etcdctl-member-add.1", "etcdctl-import.1"] {
        assert!(place.join(page).is_file(), "{page}");
    }
    // Writing again replaces what is there.
    fs::write(place.join("etcdctl.1"), "old").expect("the page can be replaced");
    assert_eq!(man(&place).code, Some(0));
    assert_eq!(
        fs::read_to_string(place.join("etcdctl.1")).expect("it is there"),
        first
    );
    // Root may write anywhere but below a file.
    let file = place.join("etcdctl.1");
    let refused = man(&file.join("below"));
    let said = format!(
        "cannot write {}: Not a directory (os error 20); name a directory that you may write into\n",
        file.join("below").display()
    );
    assert_eq!((refused.stderr, refused.code), (said, Some(1)));
    let page = place.join("etcdctl-get.1");
    fs::remove_file(&page).expect("it is there");
    fs::create_dir(&page).expect("its place is free");
    let refused = man(&place);
    assert!(
        refused
            .stderr
            .starts_with(&format!("cannot write {}: ", page.display())),
        "{refused:?}"
    );
    assert_eq!(refused.code, Some(1));
}

#[test]
fn the_version_has_two_lines() {
    if !terminal::is_there() {
        return;
    }
    let version = concat!(
        "etcdctl version: ",
        env!("CARGO_PKG_VERSION"),
        "\nAPI version: 2\n"
    );
    for words in ["--version", "-v", "-version", "--no-sync --version"] {
        let ended = line(words).run();
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str(), ended.code),
            (version, "", Some(0))
        );
        assert_eq!(show(&line(words), Streams::All).screen, version);
    }
}
