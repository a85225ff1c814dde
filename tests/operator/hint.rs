//! Every hint provoked for real, and the commands that it names run as they stand there.

use std::process::Command;

use super::run::{Ended, PATIENCE, etcdctl, line, until};
use super::support::fake::{Fake, Step, answer, refusing};
use super::support::http::{Connection, Request};
use super::support::server::{self, Server};

/// Runs a command line of a hint as a shell would, and asserts that it succeeds.
fn follow(server: &Server, advice: &str) {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_etcdctl"));
    let place = program
        .parent()
        .expect("a file is in a directory")
        .display();
    let output = Command::new("sh")
        .args([
            "-c",
            &advice.replacen("etcdctl", &format!("etcdctl {PATIENCE}"), 1),
        ])
        .env_clear()
        .env("PATH", format!("{place}:/usr/bin:/bin"))
        .env("ETCDCTL_ENDPOINTS", server.url())
        .output()
        .unwrap_or_else(|error| panic!("sh cannot be started: {error}"));
    assert!(output.status.success(), "{advice}: {output:?}");
}

fn hinted(command: super::run::Etcdctl) -> Ended {
    command.and(["--hints=always"]).run()
}

/// Each refusal of a key, what it says, and the commands in it that must work, in an order in which they can.
#[test]
fn what_a_refused_key_needs_is_said_and_works() {
    let server = server::ours().start();
    let at = |words: &str| line(words).at(server.url());
    for words in [
        "mkdir /dir",
        "set /full/below v",
        "set /full/more v",
        "set /file v",
        "mkdir /made",
    ] {
        at(words).output();
    }
    // A key that no shell takes as it is.
    let odd = "/it's $HOME";
    etcdctl(["mkdir", odd]).at(server.url()).output();
    let rows: [(&[&str], &str, &[&str]); 8] = [
        (&["get", "/dir"], "list it with: ", &["etcdctl ls /dir"]),
        (
            &["get", odd],
            "list it with: ",
            &[r"etcdctl ls '/it'\''s $HOME'"],
        ),
        (
            &["set", odd, "v"],
            r"'/it'\''s $HOME' is a directory: ",
            &[
                r"etcdctl ls '/it'\''s $HOME'",
                r"etcdctl updatedir '/it'\''s $HOME'",
                r"etcdctl rm --recursive '/it'\''s $HOME'",
            ],
        ),
        (
            &["rm", "/full"],
            "/full is a directory: ",
            &["etcdctl ls /full", "etcdctl updatedir /full"],
        ),
        (
            &["set", "/file/below", "v"],
            "/file is a file, and files have nothing below them: ",
            &["etcdctl get /file"],
        ),
        (
            &["mk", "/file", "w"],
            "it is there already: ",
            &[
                "etcdctl -o extended get /file",
                "etcdctl update /file VALUE",
            ],
        ),
        (
            &["mkdir", "/made"],
            "it is there already: ",
            &["etcdctl -o extended get /made"],
        ),
        (
            &["rmdir", "/full"],
            "it is not empty: ",
            &[
                "etcdctl ls --recursive /full",
                "etcdctl rm --recursive /full",
            ],
        ),
    ];
    for (words, beginning, advice) in rows {
        let ended = hinted(etcdctl(words).at(server.url()));
        let [hint] = ended.hints()[..] else {
            panic!("{words:?}: one hint is expected: {ended:?}");
        };
        assert!(hint.starts_with(beginning), "{words:?}: {hint}");
        for advice in advice {
            assert!(hint.contains(advice), "{words:?}: {hint}");
            follow(&server, advice);
        }
    }
    // What is no mistake of the cluster's or of an address is not commented on.
    for words in ["get /missing", "rm /", "set /file v --swap-with-value w"] {
        let ended = hinted(at(words));
        assert_eq!(
            (ended.hints().len(), ended.code),
            (0, Some(4)),
            "{words}: {ended:?}"
        );
    }
}

#[test]
fn a_forgotten_event_is_caught_up_with_as_the_hint_says() {
    let server = server::ours().arg("--retention-events=10").start();
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let mut outdated = || {
        let put = Request::put("/v2/keys/k", "value=v");
        let answer = connection.exchange(&put).expect("a running server answers");
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        let ended = hinted(line("watch --after-index 1 /k").at(server.url()));
        // Young history answers the watch with its first event.
        (ended.code == Some(4)).then_some(ended)
    };
    let ended = until("history is forgotten", &mut outdated);
    assert!(ended.first().starts_with("Error:  401: "), "{ended:?}");
    let hint = "events have been forgotten: read the key with etcdctl -o extended get, then watch with --after-index and the Etcd-Index of that answer";
    assert_eq!(ended.hints(), [hint]);
    let block = line("-o extended get /k").at(server.url()).output();
    let index = block
        .lines()
        .find_map(|line| line.strip_prefix("Etcd-Index: "));
    let index = index.expect("the block has an index");
    let watch = line("watch /k --after-index")
        .and([index])
        .at(server.url())
        .start();
    line("set /k next").at(server.url()).output();
    assert_eq!(watch.end().stdout, "next\n");
}

#[test]
fn a_missing_server_is_told_from_a_wrong_announcement() {
    let server = server::ours().start();
    let (_held, nobody) = refusing();
    let wrong = "is the server running, and is this its address? Another one: etcdctl --endpoints http://HOST:2379 …, or ETCDCTL_ENDPOINTS";
    for words in ["get /", "set /k v", "mk /k v", "member list"] {
        for options in [&[][..], &["--no-sync"]] {
            let ended = hinted(line(words).and(options).at(nobody.to_string()));
            assert_eq!(ended.hints(), [wrong], "{words} {options:?}: {ended:?}");
        }
    }
    follow(
        &server,
        &format!("etcdctl --endpoints {} ls /", server.url()),
    );
    // A cluster that announces an address at which nobody is.
    let real = server.addr();
    let members = format!(
        "{{\"members\":[{{\"id\":\"1\",\"name\":\"a\",\"clientURLs\":[\"http://{nobody}\"]}}]}}"
    );
    let front = Fake::start(
        move |heard| match heard.line().starts_with("GET /v2/members") {
            true => answer(200, &members),
            false => vec![Step::Forward(real)],
        },
    );
    let announced = "these are the addresses that the cluster announces; to use yours as they are: etcdctl --no-sync …";
    let ended = hinted(line("set /k v").at(front.url()));
    assert_eq!(ended.hints(), [announced], "{ended:?}");
    assert_eq!(line("--no-sync set /k v").at(front.url()).output(), "v\n");
    // One that announces none.
    let silent = Fake::start(
        move |heard| match heard.line().starts_with("GET /v2/members") {
            true => answer(200, "{\"members\":[]}"),
            false => vec![Step::Forward(real)],
        },
    );
    let ended = hinted(line("set /k v").at(silent.url()));
    assert_eq!(ended.code, Some(4));
    let hints = ended.hints();
    assert!(
        hints
            .concat()
            .starts_with("use the addresses as they were given: etcdctl --no-sync …"),
        "{hints:?}"
    );
    assert_eq!(line("--no-sync set /k v").at(silent.url()).output(), "v\n");
    // No address at all.
    let ended = hinted(line("get /").at(" , "));
    assert_eq!(
        ended.hints(),
        ["name the cluster: etcdctl --endpoints http://HOST:2379 …"]
    );
    assert_eq!(ended.first(), "Error:  client: no endpoints available");
}

#[test]
fn a_slow_server_is_waited_for_as_the_hint_says() {
    let server = server::ours().start();
    line("set /k v").at(server.url()).output();
    let hangs = Fake::start(|_| vec![Step::Hang]);
    let impatient = line("--no-sync --timeout 50ms get /k").at(hangs.url());
    let slow = format!(
        "{} is slow or hangs; wait longer with --timeout 10s --total-timeout 30s",
        hangs.url()
    );
    assert_eq!(hinted(impatient).hints(), [slow]);
    let out_of_time = line("--timeout 0 --total-timeout 50ms get /k").at(hangs.url());
    assert_eq!(
        hinted(out_of_time).hints(),
        [
            "give the command more time with --total-timeout 30s, or ask how the cluster is: etcdctl cluster-health"
        ]
    );
    follow(&server, "etcdctl --timeout 10s --total-timeout 30s get /k");
    follow(&server, "etcdctl --total-timeout 30s get /k");
    follow(&server, "etcdctl cluster-health");
}

#[test]
fn what_another_kind_of_server_said_is_shown() {
    let page = "<html>\n<title>Not etcd</title>\n</html>";
    let website = Fake::start(move |_| answer(200, page));
    let ended = hinted(line("--no-sync get /k").at(website.url()));
    assert_eq!(
        ended.first(),
        format!(
            "Error:  client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint; {} answered 200 OK: <html>",
            website.url()
        )
    );
    let [said, scheme] = ended.hints()[..] else {
        panic!("two hints are expected: {ended:?}");
    };
    assert!(
        said.starts_with(&format!("{} answered something else: ", website.url())),
        "{said}"
    );
    assert!(
        said.ends_with("it begins \"<html>\\n<title>Not etcd</title>\\n</html>\""),
        "{said}"
    );
    let secure = website.url().replace("http:", "https:");
    assert_eq!(
        scheme,
        format!("if the server speaks TLS, say so: --endpoints {secure}")
    );

    // A page is cut to what a line can hold, and cannot paint the terminal.
    let long = format!("no disk \u{1b}[31mspace{}\nand more", "!".repeat(500));
    for (status, error) in [
        (503, "has no leader"),
        (500, "has no leader"),
        (502, "returns server error [Bad Gateway]"),
    ] {
        let long = long.clone();
        let failing = Fake::start(move |_| answer(status, &long));
        let ended = hinted(line("--no-sync get /k").at(failing.url()));
        assert!(
            ended
                .first()
                .ends_with(&format!("etcd member {} {error}", failing.url())),
            "{ended:?}"
        );
        let said = format!(
            "{} said: no disk [31mspace{}",
            failing.url(),
            "!".repeat(183)
        );
        assert_eq!(ended.hints(), [said]);
    }
    // A server without a word gives nothing to repeat.
    let mute = Fake::start(|_| answer(503, ""));
    assert_eq!(
        hinted(line("--no-sync get /k").at(mute.url()))
            .hints()
            .len(),
        0
    );
}

/// Who asks for v3 is told what he gets, beside what he gets without asking.
#[test]
fn a_client_that_is_asked_for_v3_says_once_that_it_speaks_v2() {
    let server = server::ours().start();
    let run = |version: &str| {
        let command = line("set /key value").at(server.url());
        command.env("ETCDCTL_API", version).run()
    };
    let (second, third) = (run("2"), run("3"));
    assert_eq!((second.code, third.code), (Some(0), Some(0)));
    assert_eq!(third.stdout, second.stdout);
    assert_eq!(second.stderr, "");
    let told: Vec<&str> = third.stderr.lines().collect();
    assert!(
        matches!(told[..], [line] if line.contains("speaks the v2 API alone") && line.contains("ETCDCTL_API=2")),
        "{told:?}"
    );
}
