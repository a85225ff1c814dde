//! Missing, surplus and contradictory arguments: the texts of etcdctl reference 8 to 12.

use super::*;

fn text(line: &str) -> String {
    let refusal = refused(&line.split(' ').collect::<Vec<_>>());
    assert_eq!((refusal.code, refusal.stdout.as_str()), (1, ""), "{line}");
    refusal.stderr
}

/// Asserts that each of `lines` (separated by semicolons) is refused with `expected`.
fn all(expected: &str, lines: &str) {
    for line in lines.split(';').map(str::trim_start) {
        assert_eq!(text(line), format!("{expected}\n"), "{line}");
    }
}

#[test]
fn key_commands_say_what_they_lack() {
    all(
        "Error:  key required",
        "get; mk; mkdir; setdir; updatedir; set; update; rm; rmdir; watch; get -o json; set --ttl 5; get --",
    );
    all(
        "Error:  key and command to exec required",
        "exec-watch; exec-watch /k; exec-watch /k --; exec-watch --; exec-watch -r /k; exec-watch -- /k",
    );
}

#[test]
fn the_other_commands_count() {
    all(
        "Please provide a username",
        "user add; user get; user remove; user passwd; user grant --roles a; user revoke --roles a; user add a b; \
         user grant a b --roles x",
    );
    all(
        "Please provide a role name",
        "role add; role get; role remove; role grant --path /a --read; role revoke --rw --path /a; role add a b; \
         role grant --path /a --read a b",
    );
    all(
        "No arguments accepted",
        "member list x; user list x; role list x; auth enable x; auth disable x",
    );
    all(
        "Provide a name and a single member peerURL",
        "member add; member add a; member add a b c",
    );
    all(
        "Provide a single member ID",
        "member remove; member remove a b",
    );
    all(
        "Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)",
        "member update; member update x; member update a b c",
    );
    all(
        "Name one shell: bash, zsh or fish",
        "completion; completion bash zsh",
    );
    all(
        "Cannot use \"tcsh\": must be bash, zsh or fish",
        "completion tcsh",
    );
    all(
        "Name one directory, or none to print the first page",
        "man a b; man ",
    );
    all(
        "No arguments accepted; name the file with --snap",
        "import --snap f g",
    );
}

#[test]
fn roles_and_permissions_are_checked_in_the_originals_order() {
    all(
        "No roles specified; please use `--roles`",
        "user grant; user grant bob; user revoke x; user grant a b; user grant bob --roles ,; user grant --roles= bob",
    );
    all(
        "No path specified; please use `--path`",
        "role grant; role grant r; role revoke x --read; role grant --path= r",
    );
    for (path, canonical) in [
        ("foo", "/foo"),
        ("/foo/../bar", "/bar"),
        ("//foo/", "/foo/"),
        ("foo/*", "/foo/*"),
        ("/..", "/"),
    ] {
        let expected = format!("Not canonical path; please use `--path={canonical}`");
        all(
            &expected,
            &format!("role grant --path {path} r; role revoke --path={path}"),
        );
    }
    all(
        "Please specify exactly one of --read, --write or --readwrite",
        "role grant --path /a; role grant --path /a --read --write; role revoke --path /a --readwrite --read; \
         role grant --path /a --rw --write; role grant --path /a --read --read=false r",
    );
}

#[test]
fn import_says_on_stdout_that_it_lacks_a_file() {
    for words in [&["import"][..], &["import", "--snap="], &["import", "f"]] {
        let stdout = "no snapshot file provided (use --snap)\n".to_owned();
        let expected = UsageError {
            stdout,
            stderr: String::new(),
            code: 1,
        };
        assert_eq!(refused(words), expected, "{words:?}");
    }
}

#[test]
fn one_answer_is_either_local_or_the_newest() {
    all(
        "Choose --local or --quorum: the answer of one server, or the newest",
        "get /k --local --quorum; ls -q --local",
    );
}
