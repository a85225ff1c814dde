//! Refusals of options and values (etcdctl reference 7.3): the reasons word for word, both streams, the exit status.

use proptest::prelude::*;

use super::*;

/// The reason for which `words` are refused, after checking what is around it.
fn reason(words: &[&str]) -> String {
    let refusal = refused(words);
    assert_eq!(refusal.code, 1, "{words:?}");
    let reason = refusal.stderr.lines().next().unwrap_or_default().to_owned();
    let around =
        [':', '.'].map(|mark| format!("Incorrect Usage{mark} {reason}\n\nNAME:\n   etcdctl "));
    assert!(
        around.iter().any(|start| refusal.stdout.starts_with(start)),
        "{words:?}: {refusal:?}"
    );
    reason
}

#[test]
fn options_are_refused_in_the_originals_words() {
    let cases: [(&[&str], &str); 17] = [
        (&["ls", "--bogus"], "flag provided but not defined: -bogus"),
        (
            &["--bogus=3", "ls"],
            "flag provided but not defined: -bogus",
        ),
        (
            &["member", "--bogus"],
            "flag provided but not defined: -bogus",
        ),
        (&["ls", "-rp"], "flag provided but not defined: -rp"),
        (&["ls", "-\u{e9}"], "flag provided but not defined: -\u{e9}"),
        (&["-o"], "flag needs an argument: -o"),
        (&["--output"], "flag needs an argument: -output"),
        (&["set", "/k", "v", "--ttl"], "flag needs an argument: -ttl"),
        (&["ls", "---x"], "bad flag syntax: ---x"),
        (&["ls", "-=x"], "bad flag syntax: -=x"),
        (&["--=x", "ls"], "bad flag syntax: --=x"),
        (
            &["get", "--quorum=maybe", "/k"],
            r#"invalid boolean value "maybe" for -quorum: parse error"#,
        ),
        (
            &["get", "-q=maybe", "/k"],
            r#"invalid boolean value "maybe" for -q: parse error"#,
        ),
        (
            &["get", "--quorum=", "/k"],
            r#"invalid boolean value "" for -quorum: parse error"#,
        ),
        (
            &["get", "-q=tRUE", "/k"],
            r#"invalid boolean value "tRUE" for -q: parse error"#,
        ),
        (
            &["--debug=x", "ls"],
            r#"invalid boolean value "x" for -debug: parse error"#,
        ),
        (
            &["ls", "--help=x"],
            r#"invalid boolean value "x" for -help: parse error"#,
        ),
    ];
    for (words, expected) in cases {
        assert_eq!(reason(words), expected, "{words:?}");
    }
}

#[test]
fn values_are_refused_in_the_originals_words() {
    let huge = "99999999999999999999";
    let cases: [(&[&str], &str, &str, &str); 18] = [
        (
            &["set", "--ttl", "abc", "/k", "v"],
            "abc",
            "ttl",
            "parse error",
        ),
        (&["set", "--ttl", "", "/k", "v"], "", "ttl", "parse error"),
        (&["set", "--ttl=08", "/k", "v"], "08", "ttl", "parse error"),
        (&["set", "-ttl", "/k"], "/k", "ttl", "parse error"),
        (
            &["mk", "/k", "v", "--ttl", huge],
            huge,
            "ttl",
            "value out of range",
        ),
        (
            &["set", "/k", "v", "--swap-with-index", "-1"],
            "-1",
            "swap-with-index",
            "parse error",
        ),
        (
            &["set", "/k", "v", "--swap-with-index", huge],
            huge,
            "swap-with-index",
            "value out of range",
        ),
        (
            &["rm", "/k", "--with-index=-1"],
            "-1",
            "with-index",
            "parse error",
        ),
        (
            &["watch", "/k", "--after-index", "-1"],
            "-1",
            "after-index",
            "parse error",
        ),
        (
            &["exec-watch", "--after-index", "x", "/k", "ls"],
            "x",
            "after-index",
            "parse error",
        ),
        (&["--timeout", "5", "ls"], "5", "timeout", "parse error"),
        (&["--timeout=", "ls"], "", "timeout", "parse error"),
        (
            &["ls", "--total-timeout", "1x"],
            "1x",
            "total-timeout",
            "parse error",
        ),
        (
            &["--timeout", "-1s", "ls"],
            "-1s",
            "timeout",
            "must not be negative",
        ),
        (
            &["ls", "--timeout", "1s", "--timeout", "2"],
            "2",
            "timeout",
            "parse error",
        ),
        (
            &["ls", "--color", "red"],
            "red",
            "color",
            "must be auto, always or never",
        ),
        (
            &["import", "--snap", "f", "-c", "0"],
            "0",
            "c",
            "must be between 1 and 1000",
        ),
        (
            &["import", "--snap", "f", "--concurrency", "x"],
            "x",
            "concurrency",
            "parse error",
        ),
    ];
    for (words, value, name, why) in cases {
        let expected = format!("invalid value {value:?} for flag -{name}: {why}");
        assert_eq!(reason(words), expected, "{words:?}");
    }
}

#[test]
fn the_help_is_that_of_who_was_misused() {
    let first = |words: &[&str]| {
        let stdout = refused(words).stdout;
        let lines: Vec<&str> = stdout.lines().collect();
        let name = lines[3]
            .trim()
            .split(" - ")
            .next()
            .unwrap_or_default()
            .to_owned();
        (lines[0].as_bytes()["Incorrect Usage".len()] as char, name)
    };
    for (words, mark, name) in [
        (&["--bogus", "ls"][..], '.', "etcdctl"),
        (&["member", "--bogus", "list"], '.', "etcdctl member"),
        (&["member", "list", "--bogus"], ':', "etcdctl member list"),
        (&["get", "/k", "--bogus"], ':', "etcdctl get"),
        (&["set", "/k", "v", "--ttl", "x"], ':', "etcdctl set"),
        // A global option is the program's, wherever it stands.
        (&["get", "/k", "--timeout", "5"], '.', "etcdctl"),
        (&["get", "/k", "-o"], '.', "etcdctl"),
        (&["get", "/k", "--debug=x"], '.', "etcdctl"),
    ] {
        assert_eq!(first(words), (mark, name.to_owned()), "{words:?}");
    }
}

#[test]
fn values_are_looked_at_before_arguments_are_counted() {
    assert!(reason(&["watch", "--after-index", "abc"]).starts_with("invalid value"));
    assert!(reason(&["member", "remove", "--timeout", "5"]).starts_with("invalid value"));
}

#[test]
fn an_unknown_format_is_refused_before_anything_is_sent() {
    for (words, format) in [
        (&["-o", "yaml", "ls"][..], "yaml"),
        (&["set", "/k", "v", "-o", "JSON"], "JSON"),
        (&["-o=", "ls"], ""),
        (&["member", "list", "--output=x y"], "x y"),
    ] {
        let refusal = refused(words);
        assert_eq!(
            (refusal.code, refusal.stdout.as_str()),
            (1, ""),
            "{words:?}"
        );
        let first = format!("Unsupported output format: {format}\n");
        assert!(refusal.stderr.starts_with(&first), "{words:?}: {refusal:?}");
    }
}

#[test]
fn a_second_line_helps() {
    let dash = "A word that begins with a dash and is no option stands behind a -- of its own.";
    for (words, hint) in [
        (&["ls", "--recursiv"][..], Some("Did you mean --recursive?")),
        (
            &["watch", "--recurisve", "/k"],
            Some("Did you mean --recursive?"),
        ),
        (
            &["--endpoins", "x", "ls"],
            Some("Did you mean --endpoints?"),
        ),
        (
            &["get", "/k", "--timeot", "5s"],
            Some("Did you mean --timeout?"),
        ),
        (
            &["ls", "-rp"],
            Some("Short options cannot be joined: write -r -p."),
        ),
        (
            &["--recursive", "ls"],
            Some("An option of a command stands behind the command."),
        ),
        (&["get", "--zzzzzz"], Some(dash)),
        (&["--zzzzzz", "ls"], None),
    ] {
        let refusal = refused(words);
        assert_eq!(refusal.stderr.lines().nth(1), hint, "{words:?}");
    }
}

#[test]
fn text_must_be_text() {
    for words in [
        &[&b"--username"[..], b"\xff", b"ls"][..],
        &[b"--endpoints=\xff", b"ls"],
        &[b"user", b"add", b"\xff"],
        &[b"member", b"update", b"1f", b"http://\xff"],
        &[b"set", b"/k", b"v", b"--ttl", b"\xff"],
        &[b"set", b"/k", b"v", b"--ttl=\xff"],
    ] {
        let words = words.iter().map(|word| OsString::from_vec(word.to_vec()));
        let refusal = parse(words, |_| None).expect_err("bytes that are no text");
        let stderr = &refusal.stderr;
        assert_eq!(refusal.code, 1, "{stderr}");
        assert!(
            stderr.starts_with("not valid UTF-8: ") && stderr.contains('\u{fffd}'),
            "{stderr}"
        );
    }
}

/// Words that mean something, and words that do not.
fn word() -> impl Strategy<Value = OsString> {
    let known = "set get ls mk rm watch exec-watch member user role add grant list help import completion -- - -r -p -q \
                 --quorum=false --local --ttl --ttl=5 5 /k v -x ---x -= --path --path=/a --read --rw --roles=a,b -o json \
                 --debug --timeout 1s -u --snap f -c --help -h -v";
    let known: Vec<OsString> = known.split(' ').map(OsString::from).collect();
    let byte = any::<u8>().prop_filter("no argument holds a NUL", |byte| *byte != 0);
    let other = proptest::collection::vec(byte, 0..8).prop_map(OsString::from_vec);
    prop_oneof![8 => proptest::sample::select(known), 1 => other]
}

proptest! {
    /// Whatever is typed, there is an answer: a command, a text, or a refusal that says something and has one of the two
    /// exit statuses of the grammar, in its own words and not in those of the library below.
    #[test]
    fn all_words_have_an_answer(words in proptest::collection::vec(word(), 0..7)) {
        match parse(words.clone(), |_| None) {
            Ok(Parsed::Run(_)) => {}
            Ok(Parsed::Print(text)) => prop_assert!(text.ends_with('\n')),
            Err(refusal) => {
                prop_assert!(refusal.code == 1 || refusal.code == 3);
                let said = format!("{}{}", refusal.stdout, refusal.stderr);
                prop_assert!(said.ends_with('\n') && said.len() > 1);
                prop_assert!(!said.contains("error: "), "{words:?}: {said}");
            }
        }
    }
}
