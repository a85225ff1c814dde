//! Answers are taken up to a bound in bytes, which an option raises.

use super::run::{etcdctl, line};
use super::support::fake::{Fake, answer};
use super::support::server;

#[test]
fn an_answer_above_the_bound_names_the_option() {
    let server = server::ours().start();
    let value = "x".repeat(10_000);
    line("set /big").and([&value]).at(server.url()).output();
    let at = |words: &str| line(words).at(server.url());
    for bound in ["4KiB", "100", "9999"] {
        let ended = at(&format!("--no-sync --max-reply-bytes {bound} get /big")).run();
        let bytes = if bound == "4KiB" { "4096" } else { bound };
        let said = format!(
            "Error:  client: the answer of {} is larger than {bytes} bytes; --max-reply-bytes takes larger ones\n",
            server.url()
        );
        assert_eq!(
            (ended.stderr, ended.stdout.as_str(), ended.code),
            (said, "", Some(4))
        );
    }
    for bound in ["11000", "1GiB", "0"] {
        let read = at(&format!("--max-reply-bytes {bound} get /big")).output();
        assert_eq!(read.trim_end(), value, "{bound}");
    }
    assert_eq!(
        at("get /big").output().trim_end(),
        value,
        "the default is far above"
    );
    let wrong = at("--max-reply-bytes 1MB get /big").run();
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("max-reply-bytes"), "{wrong:?}");
}

/// Nobody else is asked for the same again, and an answer that never ends is left at the bound.
#[test]
fn an_endless_answer_ends_at_the_bound_for_every_kind_of_command() {
    let stranger = Fake::start(|_| answer(200, &"[".repeat(1 << 20)));
    let other = Fake::start(|_| answer(200, "{}"));
    let both = format!("{},{}", stranger.url(), other.url());
    for (words, code) in [
        ("get /k", 4),
        ("ls -r /", 4),
        ("watch /k", 4),
        ("set /k v", 4),
        ("member list", 1),
        ("user list", 1),
        ("cluster-health", 4),
    ] {
        let ended = etcdctl(["--no-sync", "--max-reply-bytes", "64KiB"])
            .and(words.split(' '))
            .at(&both)
            .run();
        assert!(
            ended
                .stderr
                .contains("is larger than 65536 bytes; --max-reply-bytes takes larger ones"),
            "{words}: {ended:?}"
        );
        assert_eq!(ended.code, Some(code), "{words}");
    }
    assert_eq!(other.lines(), [] as [&str; 0]);
}

#[test]
fn help_and_manual_name_the_option() {
    for words in ["help", "man"] {
        let text = line(words).output();
        let text = text.replace("\\-", "-");
        assert!(
            text.contains("--max-reply-bytes") && text.contains("512MiB"),
            "{words}: {text}"
        );
    }
}
