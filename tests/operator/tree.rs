//! `ls --tree`: whole drawings.

use super::run::line;
use super::support::server;

#[test]
fn a_subtree_is_drawn_with_a_count() {
    let server = server::ours().start();
    let at = |words: &str| line(words).at(server.url());
    for key in [
        "/a/1/x",
        "/a/1/y",
        "/a/2",
        "/b/deep/deeper/deepest",
        "/c",
        "/_hid/den/k",
        "/_hid/_den/k",
    ] {
        at("set").and([key, "v"]).output();
    }
    at("mkdir /empty").output();
    for (words, drawing) in [
        (
            "ls --tree /",
            "/
├── a
│   ├── 1
│   │   ├── x
│   │   └── y
│   └── 2
├── b
│   └── deep
│       └── deeper
│           └── deepest
├── c
└── empty

6 directories, 5 files
",
        ),
        (
            "ls --tree -p /b",
            "/b
└── deep/
    └── deeper/
        └── deepest

2 directories, 1 file
",
        ),
        (
            "ls --tree /a/1",
            "/a/1\n├── x\n└── y\n\n0 directories, 2 files\n",
        ),
        ("ls --tree /empty", "/empty\n\n0 directories, 0 files\n"),
        ("ls --tree /c", "/c\n"),
        (
            "ls --tree /_hid",
            "/_hid\n└── den\n    └── k\n\n1 directory, 1 file\n",
        ),
        (
            "ls --tree /_hid/_den",
            "/_hid/_den\n└── k\n\n0 directories, 1 file\n",
        ),
    ] {
        assert_eq!(at(words).output(), drawing, "{words}");
    }
    // The other formats have their own way to show what is below.
    assert_eq!(
        at("ls --tree -o json /b").output(),
        at("ls -r --sort -o json /b").output()
    );
    let missing = at("ls --tree /nope").run();
    assert!(
        missing
            .first()
            .starts_with("Error:  100: Key not found (/nope) ["),
        "{missing:?}"
    );
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(4), ""));
}

/// The deepest key that the tests of the server make, drawn to its end.
#[test]
fn depth_has_no_limit_that_a_key_could_reach() {
    const DEPTH: usize = 128;
    let server = server::ours().start();
    let key = "/x".repeat(DEPTH);
    line("set")
        .and([key.as_str(), "v"])
        .at(server.url())
        .output();
    let drawing = line("ls --tree /").at(server.url()).output();
    let lines: Vec<&str> = drawing.lines().collect();
    assert_eq!(lines.len(), DEPTH + 3);
    assert_eq!(lines[DEPTH], format!("{}└── x", "    ".repeat(DEPTH - 1)));
    assert_eq!(
        lines[DEPTH + 2],
        format!("{} directories, 1 file", DEPTH - 1)
    );
}
