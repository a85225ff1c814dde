//! Keys, values and numbers of any bytes on the command line, and passwords that are not there: random command lines,
//! given to Debian's client and to ours against twins of our server.
//!
//! `ETCDCTL_OPS` sets the number of command lines, `ETCDCTL_SEED` replays one run.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Output, Stdio};

use etcd2::client::Key;

use super::support::client::{self, Client};
use super::support::running::command;
use super::support::seed::{self, Rng};
use super::support::server::{self, Server};

const OPS: u64 = 200;

#[test]
fn arguments_of_any_bytes() {
    let seed = seed::from_env("ETCDCTL_SEED");
    let operations = seed::number_from_env("ETCDCTL_OPS", OPS);
    let mut rng = Rng::new(seed);
    let servers = [server::ours().start(), server::ours().start()];
    let clients = [client::debian(), client::ours()];
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut succeeded = 0;
    for number in 0..operations {
        let words = words(&mut rng, &mut keys);
        let [reference, ours] = [0, 1].map(|side| run(&clients[side], &servers[side], &words));
        let replay = format!(
            "ETCDCTL_SEED={seed} ETCDCTL_OPS={} cargo test --test etcdctl arguments_of_any_bytes",
            number + 1
        );
        assert!(
            reference.stdout == ours.stdout
                && reference.stderr == ours.stderr
                && reference.status.code() == ours.status.code(),
            "{replay}\n{}\nthe reference: {reference:?}\nours: {ours:?}",
            show(&words)
        );
        succeeded += u64::from(ours.status.success());
        let indexes = [servers[0].index(), servers[1].index()];
        assert_eq!(indexes[0], indexes[1], "{replay}\n{}", show(&words));
    }
    // Refusals alone would prove little.
    assert!(
        succeeded * 4 >= operations,
        "ETCDCTL_SEED={seed}: {succeeded} of {operations} succeeded"
    );
}

/// A command line: mostly about keys that exist.
fn words(rng: &mut Rng, keys: &mut Vec<Vec<u8>>) -> Vec<OsString> {
    let key = if keys.is_empty() || rng.chance(40) {
        let key = key(rng);
        keys.push(key.clone());
        key
    } else {
        rng.pick(keys).clone()
    };
    let mut words: Vec<Vec<u8>> = Vec::new();
    if rng.chance(40) {
        words.extend([b"-o".to_vec(), b"json".to_vec()]);
    }
    let command = rng.choose(&[
        "set",
        "set",
        "get",
        "mk",
        "mkdir",
        "update",
        "rm",
        "ls",
        "ls -r",
        "mk --in-order",
    ]);
    words.extend(command.split(' ').map(|word| word.as_bytes().to_vec()));
    let writes = ["set", "mk", "update", "mk --in-order"].contains(&command);
    if command == "set" && rng.chance(30) {
        words.extend([b"--swap-with-value".to_vec(), value(rng)]);
    }
    // What begins with a dash is a value only behind two of them, to both clients.
    words.extend([b"--".to_vec(), key]);
    if writes {
        words.push(value(rng));
    }
    words.into_iter().map(OsString::from_vec).collect()
}

/// Segments of hard bytes, but never the root, which the two name differently: `..` may lead there.
fn key(rng: &mut Rng) -> Vec<u8> {
    loop {
        let mut key = Vec::new();
        for _ in 0..rng.between(1, 3) {
            key.push(b'/');
            key.push(rng.choose(b"abc"));
            let length = rng.below(4) as usize;
            key.extend(bytes(rng, length));
        }
        if Key::new(&key).as_bytes() != b"/" {
            return key;
        }
    }
}

fn value(rng: &mut Rng) -> Vec<u8> {
    let length = rng.between(1, 12) as usize;
    bytes(rng, length)
}

/// Bytes that are apt to be mistaken for something else; no zero, which no argument can hold.
fn bytes(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        match rng.below(6) {
            0 => bytes.push(rng.choose(b" %+&=;?#/\\\"'<>.-_~:@$,!*()[]{}|^`\n\r\t\x01\x1b\x7f")),
            1 => bytes.push(rng.between(0x80, 0xff) as u8),
            2 => bytes.extend(
                rng.choose(&[
                    "é", "日", "🦀", "\u{2028}", "\u{feff}", "\u{85}", "%2F", "..", "//",
                ])
                .as_bytes(),
            ),
            _ => bytes.push(rng.choose(b"abcxyz019")),
        }
    }
    bytes
}

fn run(client: &Client, server: &Server, words: &[OsString]) -> Output {
    command(client, server)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("etcdctl can be started")
}

fn show(words: &[OsString]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("\"{}\"", word.as_bytes().escape_ascii()))
        .collect();
    format!("etcdctl {}", words.join(" "))
}

#[test]
fn a_password_is_asked_for_and_read_from_a_pipe() {
    let server = server::debian().start();
    let client = client::ours();
    let ask = |words: &[&str], input: &str| {
        let mut child = command(&client, &server)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("etcdctl can be started");
        let mut stdin = child.stdin.take().expect("the input is a pipe");
        stdin
            .write_all(input.as_bytes())
            .expect("etcdctl reads its input");
        drop(stdin);
        let output = child.wait_with_output().expect("etcdctl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            text(&output.stdout),
            text(&output.stderr),
            output.status.code(),
        )
    };
    let done = |text: &str| (text.to_owned(), String::new(), Some(0));
    assert_eq!(
        ask(&["user", "add", "root"], "first\n"),
        done("New password: \nUser root created\n")
    );
    assert_eq!(
        ask(&["user", "passwd", "root"], "second"),
        done("New password: \nPassword updated\n")
    );
    assert_eq!(
        ask(&["auth", "enable"], ""),
        done("Authentication Enabled\n")
    );
    assert_eq!(
        ask(&["-u", "root", "user", "list"], "second\n"),
        done("Password: \nroot\n")
    );
    assert_eq!(
        ask(&["-u", "root:second", "user", "list"], ""),
        done("root\n")
    );
    let (_, errors, code) = ask(&["-u", "root", "user", "list"], "first\n");
    assert_eq!(
        (errors.as_str(), code),
        ("Insufficient credentials\n", Some(1))
    );
}
