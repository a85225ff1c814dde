//! Colours and hints: on a terminal, and nowhere else unless asked for.

use super::run::{Etcdctl, line};
use super::support::server::{self, Server};
use super::terminal::{self, Streams, show};

/// The commands that paint, and their output: `<` and `>` stand around what is painted.
fn painting(server: &Server) -> Vec<(Etcdctl, String)> {
    let url = server.url();
    let at = |words: &str| line(words).at(&url);
    for words in ["set /c/file v", "mkdir /c/dir", "set /c/dir/below v"] {
        at(words).output();
    }
    let health = at("cluster-health").output();
    let health = health.replace("is healthy", "is <[32mhealthy>");
    // The verdict is painted whole.
    let health = health.replace("cluster is <[32mhealthy>", "<[32mcluster is healthy>");
    [
        ("ls /c", "<[1;34m/c/dir>\n/c/file\n"),
        ("ls -r -p /c", "<[1;34m/c/dir>/\n/c/dir/below\n/c/file\n"),
        (
            "ls --tree /c",
            "<[1;34m/c>\n├── <[1;34mdir>\n│   └── below\n└── file\n\n1 directory, 2 files\n",
        ),
        ("watch -r --after-index 2 /c", "<[36m[set]> /c/file\nv\n"),
        ("get /c/file", "v\n"),
        ("cluster-health", &health),
    ]
    .into_iter()
    .map(|(words, painted)| (at(words), painted.to_owned()))
    .collect()
}

fn painted(text: &str) -> String {
    text.replace('<', "\x1b").replace('>', "\x1b[0m")
}

fn bare(text: &str) -> String {
    ["[1;34m", "[32m", "[36m"]
        .iter()
        .fold(text.replace('>', ""), |text, code| {
            text.replace(&format!("<{code}"), "")
        })
}

#[test]
fn colours_are_for_eyes() {
    if !terminal::is_there() {
        return;
    }
    let server = server::ours().start();
    for (command, text) in painting(&server) {
        let (painted, bare) = (painted(&text), bare(&text));
        let on_terminal = |command: &Etcdctl| show(command, Streams::All).screen;
        let with = |option: &str| command.clone().and([option]);
        let variable = |name: &str, value: &str| command.clone().env(name, value);
        assert_eq!(on_terminal(&command), painted, "{command:?}");
        assert_eq!(command.output(), bare, "{command:?}");
        assert_eq!(with("--color=always").output(), painted, "{command:?}");
        assert_eq!(with("--color=never").output(), bare, "{command:?}");
        assert_eq!(on_terminal(&with("--color=never")), bare, "{command:?}");
        assert_eq!(on_terminal(&variable("NO_COLOR", "1")), bare, "{command:?}");
        assert_eq!(
            on_terminal(&variable("NO_COLOR", "")),
            painted,
            "{command:?}"
        );
        assert_eq!(on_terminal(&variable("TERM", "dumb")), bare, "{command:?}");
        // Whoever says "always" has said it last.
        let insists = with("--color=always").env("NO_COLOR", "1");
        assert_eq!(on_terminal(&insists), painted, "{command:?}");
    }
    let unwell = line("cluster-health").at("http://127.0.0.1:1");
    let text = show(&unwell.and(["--hints=never"]), Streams::NotErr).screen;
    assert_eq!(text, "cluster may be unhealthy: failed to list members\n");
}

#[test]
fn hints_are_for_whoever_reads_the_error() {
    if !terminal::is_there() {
        return;
    }
    let server = server::ours().start();
    let directory = line("get /").at(server.url());
    let error = "/ is a directory\n";
    let hinted = "/ is a directory\nhint: list it with: etcdctl ls /\n";
    let with = |option: &str| directory.clone().and([option]);
    let screen = |command: &Etcdctl, streams| show(command, streams).screen;
    assert_eq!(screen(&directory, Streams::All), hinted);
    assert_eq!(screen(&directory, Streams::NotOut), hinted);
    assert_eq!(screen(&directory, Streams::NotErr), "");
    assert_eq!(screen(&with("--hints=never"), Streams::All), error);
    assert_eq!(directory.run().stderr, error);
    assert_eq!(with("--hints=always").run().stderr, hinted);
    assert_eq!(with("--hints=auto").run().stderr, error);
    // Colour is a matter of standard output alone.
    let list = line("ls /_etcd --color=auto").at(server.url());
    assert!(!screen(&list, Streams::NotOut).contains('\x1b'));
    assert!(screen(&list, Streams::NotErr).contains('\x1b'));
}
