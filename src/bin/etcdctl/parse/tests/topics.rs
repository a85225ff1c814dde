//! Help, version, and names that are no command (etcdctl reference 2 and 7).

use super::*;

/// Asserts that each of `lines` prints `page`.
fn all_print(page: &str, lines: &[&[&str]]) {
    for words in lines {
        assert_eq!(printed(words), page, "{words:?}");
    }
}

#[test]
fn help_is_given_wherever_it_is_asked_for() {
    let program = printed(&[]);
    assert!(program.starts_with("NAME:\n   etcdctl - "));
    all_print(
        &program,
        &[
            &["--help"],
            &["-h"],
            &["-help"],
            &["help"],
            &["h"],
            &["--debug"],
            &["--help", "nosuch"],
            &["--debug", "help"],
            &[""],
            &["--help=false"],
        ],
    );
    let set = printed(&["help", "set"]);
    assert!(set.starts_with("NAME:\n   etcdctl set - "));
    all_print(
        &set,
        &[
            &["set", "--help"],
            &["set", "-h"],
            &["set", "/k", "v", "--help"],
            &["set", "/k", "-h"],
            &["--debug", "set", "--ttl", "5", "-help"],
            &["h", "set"],
            &["help", "set", "surplus"],
            &["set", "--help", "--bogus"],
        ],
    );
    assert!(
        printed(&["exec-watch", "/k", "--help"]).starts_with("NAME:\n   etcdctl exec-watch - ")
    );
    assert!(printed(&["help", "help"]).starts_with("NAME:\n   etcdctl help - "));
}

#[test]
fn groups_of_commands_explain_themselves() {
    let member = printed(&["member"]);
    assert!(member.starts_with("NAME:\n   etcdctl member - "));
    all_print(
        &member,
        &[
            &["member", "--help"],
            &["help", "member"],
            &["member", "help"],
            &["member", "h"],
            &["member", ""],
            &["member", "--debug"],
        ],
    );
    let add = printed(&["member", "add", "--help"]);
    assert!(add.starts_with("NAME:\n   etcdctl member add - "));
    all_print(
        &add,
        &[
            &["help", "member", "add"],
            &["member", "help", "add"],
            &["member", "-h=f", "add", "x", "-h"],
        ],
    );
}

#[test]
fn help_can_be_a_key_and_a_value() {
    assert_eq!(command("set /k -- --help"), set("/k", "--help"));
    assert_eq!(command("set help v"), set("help", "v"));
    let CtlCommand::Rm { with_value, .. } = command("rm /k --with-value --help") else {
        panic!("not rm")
    };
    assert_eq!(with_value, "--help");
}

#[test]
fn the_version_is_two_lines() {
    let expected = format!(
        "etcdctl version: {}\nAPI version: 2\n",
        env!("CARGO_PKG_VERSION")
    );
    all_print(
        &expected,
        &[
            &["--version"],
            &["-v"],
            &["-version"],
            &["--debug", "-v", "ls"],
            &["--version=true"],
        ],
    );
}

#[test]
fn unknown_commands_have_a_status_of_their_own() {
    for (words, word) in [
        (&["nosuch"][..], "nosuch"),
        (&["help", "nosuch"], "nosuch"),
        (&["member", "nosuch"], "nosuch"),
        (&["help", "member", "nosuch"], "nosuch"),
        (&["user", "help", "nosuch"], "nosuch"),
        (&["-"], "-"),
        (&["version"], "version"),
    ] {
        let refusal = refused(words);
        assert_eq!(
            (refusal.code, refusal.stdout.as_str()),
            (3, ""),
            "{words:?}"
        );
        let first = format!("No help topic for '{word}'");
        assert_eq!(
            refusal.stderr.lines().next(),
            Some(first.as_str()),
            "{words:?}"
        );
    }
}

#[test]
fn what_was_meant_is_suggested() {
    let backup = "There is no backup command: stop the server, and copy its data directory.";
    for (words, expected) in [
        (&["nosuch"][..], None),
        (&["mkdri"], Some("Did you mean mkdir?")),
        (&["member", "lst"], Some("Did you mean list?")),
        (&["help", "wacth"], Some("Did you mean watch?")),
        (&["backup", "--data-dir", "d"], Some(backup)),
        (&["help", "backup"], Some(backup)),
    ] {
        let refusal = refused(words);
        assert_eq!(refusal.stderr.lines().nth(1), expected, "{words:?}");
        assert_eq!(refusal.code, 3, "{words:?}");
    }
}
