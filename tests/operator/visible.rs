//! Texts of others on a terminal: nothing in keys, values and error texts is obeyed, and pipes get every byte.

use super::run::{Etcdctl, etcdctl, line};
use super::support::fake::{Fake, answer};
use super::support::server;
use super::terminal::{self, Streams, show};

/// Whatever a terminal would obey: a sequence, a return, C1, bidirectional overrides, DEL.
const EVIL: &str = "a\x1b[2Jb\rc\u{9b}31md\u{202e}e\u{2066}f\x7f";
/// What is shown for it.
const SHOWN: &str = "a\\x1b[2Jb\\rc\\u009b31md\\u202ee\\u2066f\\x7f";

#[test]
fn keys_and_values_are_shown_escaped_on_a_terminal() {
    if !terminal::is_there() {
        return;
    }
    let server = server::ours().start();
    let at = |words: &[&str]| -> Etcdctl { etcdctl(words).at(server.url()) };
    let dir = format!("/d{EVIL}\nz");
    let key = format!("{dir}/k{EVIL}");
    let value = format!("first\n\tsecond {EVIL}");
    at(&["set", &key, &value]).output();
    let (shown_dir, shown_key) = (format!("/d{SHOWN}\\nz"), format!("/d{SHOWN}\\nz/k{SHOWN}"));
    // Lines and tabs of a value are what they are; in a key they would make up another.
    let shown_value = format!("first\n\tsecond {SHOWN}\n");
    let json = |text: &str| {
        let text = text
            .replace('\n', "\\n")
            .replace('\t', "\\t")
            .replace('\r', "\\r");
        let text = text.replace('\x1b', "\\u001b");
        (
            text.clone(),
            text.replace('\u{9b}', "\\u009b")
                .replace('\u{202e}', "\\u202e")
                .replace('\u{2066}', "\\u2066")
                .replace('\x7f', "\\u007f"),
        )
    };
    let listed = |(key, dir): (&str, &str)| {
        format!(
            "{{\"action\":\"get\",\"node\":{{\"key\":\"{dir}\",\"dir\":true,\"value\":\"\",\"nodes\":[{{\"key\":\"{key}\",\"value\":\"{}\",\"nodes\":null,\"createdIndex\":3,\"modifiedIndex\":3}}],\"createdIndex\":3,\"modifiedIndex\":3}},\"prevNode\":null}}\n",
            "VALUE"
        )
    };
    let (raw_key, shown_json_key) = json(&key);
    let (raw_dir, shown_json_dir) = json(&dir);
    let (raw_value, shown_json_value) = json(&value);
    let rows: [(&[&str], String, String); 7] = [
        (&["get", &key], format!("{value}\n"), shown_value.clone()),
        (&["ls", "/"], format!("{dir}\n"), format!("{shown_dir}\n")),
        (&["ls", &dir], format!("{key}\n"), format!("{shown_key}\n")),
        (
            &["ls", "--tree", "/"],
            format!(
                "/\n└── {}\n    └── k{EVIL}\n\n1 directory, 1 file\n",
                &dir[1..]
            ),
            format!(
                "/\n└── {}\n    └── k{SHOWN}\n\n1 directory, 1 file\n",
                &shown_dir[1..]
            ),
        ),
        (
            &["watch", "-r", "--after-index", "2", "/"],
            format!("[set] {key}\n{value}\n"),
            format!("[set] {shown_key}\n{shown_value}"),
        ),
        (
            &["-o", "json", "ls", "-r", &dir],
            listed((&raw_key, &raw_dir)).replace("VALUE", &raw_value),
            listed((&shown_json_key, &shown_json_dir)).replace("VALUE", &shown_json_value),
        ),
        (
            &["rm", &key],
            format!("PrevNode.Value: {value}\n"),
            format!("PrevNode.Value: {shown_value}"),
        ),
    ];
    for (words, piped, seen) in rows {
        let command = at(&[&["--color", "never"], words].concat());
        let screen = show(&command, Streams::NotErr).screen;
        assert_eq!(screen, seen, "{words:?}");
        if words[0] == "rm" {
            at(&["set", &key, &value]).output();
        }
        assert_eq!(command.output(), piped, "{words:?}");
    }
}

#[test]
fn error_texts_are_shown_escaped_on_a_terminal() {
    if !terminal::is_there() {
        return;
    }
    let server = server::ours().start();
    let key = format!("/no{EVIL}\nsuch");
    let missing = etcdctl(["--hints", "never", "get", &key]).at(server.url());
    let shown = format!("Error:  100: Key not found (/no{SHOWN}\\nsuch) [2]\n");
    assert_eq!(show(&missing, Streams::NotOut).screen, shown);
    let piped = format!("Error:  100: Key not found ({key}) [2]\n");
    assert_eq!(missing.run().stderr, piped);
    // What a stranger says is no better.
    let stranger = Fake::start(|_| answer(414, &format!("too {EVIL}\nlong")));
    let asked = line("--hints never --no-sync set /k v").at(stranger.url());
    let said = |text: &str| {
        let url = stranger.url();
        format!(
            "Error:  client: response is invalid json; {url} answered 414 URI Too Long: too {text}\n"
        )
    };
    assert_eq!(show(&asked, Streams::NotOut).screen, said(SHOWN));
    assert_eq!(asked.run().stderr, said(EVIL));
    let member = line("--hints never --no-sync member list").at(stranger.url());
    let shown = format!("unexpected status code 414: too {SHOWN}\n");
    assert_eq!(show(&member, Streams::NotOut).screen, shown);
    // Wrong words of the command line come back in the complaint about them.
    let wrong = etcdctl(["get", "/k", &format!("--{EVIL}")]);
    let screen = show(&wrong, Streams::NotOut).screen;
    assert!(
        !screen.contains('\x1b') && screen.contains("\\x1b[2J"),
        "{screen:?}"
    );
}
