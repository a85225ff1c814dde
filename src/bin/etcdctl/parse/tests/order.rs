//! Where words may stand: every row of the table in etcdctl reference 2, column "ours", and what follows from it.

use super::*;

#[test]
fn options_stand_before_and_behind_arguments() {
    let ttl = with_ttl(set("/k", "v"), 5);
    for line in [
        "set /k v --ttl 5",
        "set /k --ttl 5 v",
        "set --ttl 5 /k v",
        "set -ttl 5 /k v",
        "set --ttl=5 /k v",
        "set -ttl=5 /k v",
        "set --ttl 9 --ttl 5 /k v",
    ] {
        assert_eq!(command(line), ttl, "{line}");
    }
    let ls = |sort| CtlCommand::Ls {
        key: "/".into(),
        sort,
        recursive: !sort,
        slash: true,
        tree: false,
        read: Read::default(),
    };
    assert_eq!(command("ls / --recursive -p"), ls(false));
    assert_eq!(command("ls --sort / -p"), ls(true));
    assert_eq!(
        command("mk --in-order /q v --ttl 9"),
        CtlCommand::Mk {
            key: "/q".into(),
            value: Some("v".into()),
            in_order: true,
            ttl: 9
        }
    );
}

#[test]
fn global_options_stand_behind_the_command_too() {
    for line in [
        "-o json get /k",
        "get -o json /k",
        "get /k -o json",
        "get /k --output=json",
        "-output json get /k",
    ] {
        let invocation = invoked(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(invocation.global.output, OutputFormat::Json, "{line}");
        let get = CtlCommand::Get {
            key: "/k".into(),
            sort: false,
            read: Read::default(),
        };
        assert_eq!(invocation.command, get, "{line}");
    }
    let group = invoked(&["member", "-debug", "list", "--timeout", "0"]);
    assert!(group.global.debug && group.global.timeout.is_none());
    // Of two the one behind counts, wherever they stand.
    assert_eq!(
        invoked(&["-o", "json", "ls", "-o", "extended"])
            .global
            .output,
        OutputFormat::Extended
    );
}

#[test]
fn a_word_with_a_dash_is_the_value_where_a_value_is_missing() {
    for (line, value) in [
        ("set /k -x", "-x"),
        ("set /k -1", "-1"),
        ("set /k --x=y", "--x=y"),
        ("set /k ---x", "---x"),
        ("set /k -=", "-="),
        ("set /k -", "-"),
        ("set /k -v", "-v"),
        ("set /k --version", "--version"),
        ("set -- /k -x", "-x"),
        ("set /k -- -x", "-x"),
        ("set /k -- --", "--"),
        ("set -- /k -x --ttl 5", "-x"),
        ("set /k -x y z", "-x"),
    ] {
        assert_eq!(command(line), set("/k", value), "{line}");
    }
    assert_eq!(
        command("set --ttl 5 -- /k -x"),
        with_ttl(set("/k", "-x"), 5)
    );
    assert_eq!(command("set /k -x --ttl 5"), with_ttl(set("/k", "-x"), 5));
    assert_eq!(
        command("set --swap-with-value v /k -x"),
        CtlCommand::Set {
            key: "/k".into(),
            value: Some("-x".into()),
            ttl: 0,
            swap_with_value: "v".into(),
            swap_with_index: 0,
        }
    );
    let value = || Some("-x".into());
    assert_eq!(
        command("mk /k -x"),
        CtlCommand::Mk {
            key: "/k".into(),
            value: value(),
            in_order: false,
            ttl: 0
        }
    );
    assert_eq!(
        command("update /k -x"),
        CtlCommand::Update {
            key: "/k".into(),
            value: value(),
            ttl: 0
        }
    );
}

#[test]
fn elsewhere_it_is_a_mistake() {
    for (line, name) in [
        ("get /k --bogus", "bogus"),
        ("get --bogus /k", "bogus"),
        ("set --bogus /k v", "bogus"),
        ("set /k v -x", "x"),
        ("set -x /k v", "x"),
        ("ls -rp", "rp"),
        ("ls -v", "v"),
        ("exec-watch /k -x -- echo", "x"),
        ("member list --version", "version"),
    ] {
        let refusal = refused(&line.split(' ').collect::<Vec<_>>());
        let reason = format!("flag provided but not defined: -{name}\n");
        assert!(refusal.stderr.starts_with(&reason), "{line}: {refusal:?}");
        assert_eq!(refusal.code, 1, "{line}");
    }
}

#[test]
fn surplus_arguments_of_key_commands_are_not_looked_at() {
    assert_eq!(command("set /d a b c"), set("/d", "a"));
    assert_eq!(command("set /d a b --ttl 5"), with_ttl(set("/d", "a"), 5));
    assert_eq!(
        command("rmdir /d a -- -b"),
        CtlCommand::Rmdir { key: "/d".into() }
    );
    assert_eq!(
        command("mkdir /d a"),
        CtlCommand::Mkdir {
            key: "/d".into(),
            ttl: 0
        }
    );
    assert_eq!(
        command("updatedir /d a b"),
        CtlCommand::Updatedir {
            key: "/d".into(),
            ttl: 0
        }
    );
    assert_eq!(
        command("cluster-health x"),
        CtlCommand::ClusterHealth { forever: false }
    );
}

#[test]
fn the_words_of_a_child_are_its_own() {
    let options: &[&str] = &["sh", "-c", "ls", "-r", "-o", "json", "--help"];
    for (line, recursive, child) in [
        ("exec-watch /e -- echo hi", false, &["echo", "hi"][..]),
        (
            "exec-watch --recursive /e -- echo hi",
            true,
            &["echo", "hi"],
        ),
        (
            "exec-watch /e --recursive -- echo hi",
            true,
            &["echo", "hi"],
        ),
        ("exec-watch /e echo hi", false, &["echo", "hi"]),
        ("exec-watch /e -r echo hi", true, &["echo", "hi"]),
        ("exec-watch -r /e sh -c ls -r -o json --help", true, options),
        (
            "exec-watch -r /e -- sh -c ls -r -o json --help",
            true,
            options,
        ),
        ("exec-watch /e -- --weird", false, &["--weird"]),
        ("exec-watch /e echo -- -r", false, &["echo", "--", "-r"]),
        ("exec-watch /e -- echo -- -r", false, &["echo", "--", "-r"]),
        ("exec-watch -- /e echo hi", false, &["echo", "hi"]),
        ("exec-watch -r -- /e -- echo hi", true, &["echo", "hi"]),
        ("exec-watch /e - x", false, &["-", "x"]),
    ] {
        assert_eq!(command(line), exec_watch("/e", recursive, child), "{line}");
    }
}

#[test]
fn a_switch_can_be_told_that_it_is_off() {
    for (line, quorum) in [
        ("get /k", None),
        ("get /k --quorum", Some(true)),
        ("get /k -q=T", Some(true)),
        ("get /k -quorum=false", Some(false)),
        ("get /k --quorum=0 -q", Some(true)),
        ("get /k -q --consistent=F", Some(false)),
    ] {
        let CtlCommand::Get { key, read, .. } = command(line) else {
            panic!("{line}")
        };
        assert_eq!((key.to_str(), read.quorum), (Some("/k"), quorum), "{line}");
    }
    // A word behind a switch is not its value.
    let CtlCommand::Get { key, read, .. } = command("get --quorum false") else {
        panic!("not get")
    };
    assert_eq!((key.to_str(), read.quorum), (Some("false"), Some(true)));
    let CtlCommand::Ls { recursive, .. } = command("ls -r --recursive=false") else {
        panic!("not ls")
    };
    assert!(!recursive);
    assert!(invoked(&["--debug=false", "ls", "--debug"]).global.debug);
    assert!(!invoked(&["--debug", "ls", "--debug=0"]).global.debug);
}

#[test]
fn the_value_of_an_option_may_look_like_anything() {
    for (value, words) in [
        ("--", &["rm", "/k", "--with-value", "--"][..]),
        ("-r", &["rm", "/k", "--with-value", "-r"]),
        ("a=b", &["rm", "/k", "--with-value=a=b"]),
        ("", &["rm", "/k", "--with-value="]),
        ("a,b", &["rm", "/k", "-with-value", "a,b"]),
    ] {
        let CtlCommand::Rm {
            with_value,
            recursive,
            ..
        } = invoked(words).command
        else {
            panic!("{words:?}")
        };
        assert_eq!(
            (with_value.to_str(), recursive),
            (Some(value), false),
            "{words:?}"
        );
    }
}

#[test]
fn two_dashes_before_the_command_change_nothing() {
    assert_eq!(command("-- ls"), command("ls"));
    assert!(invoked(&["--debug", "--", "ls"]).global.debug);
}
