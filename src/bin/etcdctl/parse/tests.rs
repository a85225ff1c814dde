use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::*;
use crate::definition::{
    AuthCommand, ColorChoice, MemberCommand, OutputFormat, PermissionChange, Read, RoleCommand,
    UserCommand,
};

mod counting;
mod order;
mod topics;
mod usage;

fn parsed(words: &[&str]) -> Result<Parsed, UsageError> {
    parse(words.iter().map(OsString::from), |_| None)
}

fn invoked(words: &[&str]) -> Invocation {
    match parsed(words) {
        Ok(Parsed::Run(invocation)) => *invocation,
        other => panic!("{words:?}: {other:?}"),
    }
}

/// The command that `line` means; words are separated by blanks.
fn command(line: &str) -> CtlCommand {
    invoked(&line.split(' ').collect::<Vec<_>>()).command
}

fn printed(words: &[&str]) -> String {
    match parsed(words) {
        Ok(Parsed::Print(text)) => text,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn refused(words: &[&str]) -> UsageError {
    match parsed(words) {
        Err(refusal) => refusal,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn set(key: &str, value: &str) -> CtlCommand {
    CtlCommand::Set {
        key: key.into(),
        value: Some(value.into()),
        ttl: 0,
        swap_with_value: OsString::new(),
        swap_with_index: 0,
    }
}

fn with_ttl(command: CtlCommand, seconds: i64) -> CtlCommand {
    match command {
        CtlCommand::Set {
            key,
            value,
            swap_with_value,
            swap_with_index,
            ..
        } => CtlCommand::Set {
            key,
            value,
            ttl: seconds,
            swap_with_value,
            swap_with_index,
        },
        other => other,
    }
}

fn exec_watch(key: &str, recursive: bool, child: &[&str]) -> CtlCommand {
    CtlCommand::ExecWatch {
        key: key.into(),
        after_index: 0,
        recursive,
        reconnect: false,
        command: child.iter().map(OsString::from).collect(),
    }
}

#[test]
fn every_option_of_every_command_arrives() {
    let read = Read {
        quorum: Some(true),
        local: false,
    };
    let cases = [
        (
            "ls /a --sort -r -p --tree -q",
            CtlCommand::Ls {
                key: "/a".into(),
                sort: true,
                recursive: true,
                slash: true,
                tree: true,
                read: read.clone(),
            },
        ),
        (
            "ls --local",
            CtlCommand::Ls {
                key: "/".into(),
                sort: false,
                recursive: false,
                slash: false,
                tree: false,
                read: Read {
                    quorum: None,
                    local: true,
                },
            },
        ),
        (
            "get /a --sort --consistent",
            CtlCommand::Get {
                key: "/a".into(),
                sort: true,
                read,
            },
        ),
        (
            "get /a --quorum=false --local",
            CtlCommand::Get {
                key: "/a".into(),
                sort: false,
                read: Read {
                    quorum: Some(false),
                    local: true,
                },
            },
        ),
        (
            "mk /a v --in-order --ttl 9",
            CtlCommand::Mk {
                key: "/a".into(),
                value: Some("v".into()),
                in_order: true,
                ttl: 9,
            },
        ),
        (
            "mkdir /a --ttl 120",
            CtlCommand::Mkdir {
                key: "/a".into(),
                ttl: 120,
            },
        ),
        (
            "setdir /a --ttl 0x10",
            CtlCommand::Setdir {
                key: "/a".into(),
                ttl: 16,
            },
        ),
        (
            "updatedir /a --ttl -5",
            CtlCommand::Updatedir {
                key: "/a".into(),
                ttl: -5,
            },
        ),
        (
            "set /a v --ttl 1 --swap-with-value p --swap-with-index 18446744073709551615",
            CtlCommand::Set {
                key: "/a".into(),
                value: Some("v".into()),
                ttl: 1,
                swap_with_value: "p".into(),
                swap_with_index: u64::MAX,
            },
        ),
        (
            "update /a --ttl 7",
            CtlCommand::Update {
                key: "/a".into(),
                value: None,
                ttl: 7,
            },
        ),
        (
            "rm /a --dir -r --with-value p --with-index 4",
            CtlCommand::Rm {
                key: "/a".into(),
                dir: true,
                recursive: true,
                with_value: "p".into(),
                with_index: 4,
            },
        ),
        ("rmdir /a", CtlCommand::Rmdir { key: "/a".into() }),
        (
            "watch /a -f --after-index 7 -r --reconnect",
            CtlCommand::Watch {
                key: "/a".into(),
                forever: true,
                after_index: 7,
                recursive: true,
                reconnect: true,
            },
        ),
        (
            "exec-watch /a --after-index 7 -r --reconnect -- echo hi",
            CtlCommand::ExecWatch {
                key: "/a".into(),
                after_index: 7,
                recursive: true,
                reconnect: true,
                command: vec!["echo".into(), "hi".into()],
            },
        ),
        (
            "cluster-health -f",
            CtlCommand::ClusterHealth { forever: true },
        ),
        (
            "import --snap f --hidden /_a --hidden /_b -c 50",
            CtlCommand::Import {
                snap: "f".into(),
                hidden: vec!["/_a".into(), "/_b".into()],
                concurrency: 50,
            },
        ),
        (
            "import --snap=f",
            CtlCommand::Import {
                snap: "f".into(),
                hidden: vec![],
                concurrency: 10,
            },
        ),
        (
            "completion zsh",
            CtlCommand::Completion {
                shell: clap_complete::Shell::Zsh,
            },
        ),
        ("man", CtlCommand::Man { directory: None }),
        (
            "man d",
            CtlCommand::Man {
                directory: Some("d".into()),
            },
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(command(line), expected, "{line}");
    }
}

#[test]
fn every_command_about_members_and_users_arrives() {
    let name = || "n".to_owned();
    let change = |read, write| PermissionChange {
        path: "/a/*".to_owned(),
        read,
        write,
    };
    let cases = [
        ("member list", CtlCommand::Member(MemberCommand::List)),
        (
            "member add n http://h:1",
            CtlCommand::Member(MemberCommand::Add {
                name: name(),
                peer_url: "http://h:1".into(),
            }),
        ),
        (
            "member remove 1f",
            CtlCommand::Member(MemberCommand::Remove { id: "1f".into() }),
        ),
        (
            "member update 1f http://h:1,http://h:2",
            CtlCommand::Member(MemberCommand::Update {
                id: "1f".into(),
                peer_urls: vec!["http://h:1".into(), "http://h:2".into()],
            }),
        ),
        ("user list", CtlCommand::User(UserCommand::List)),
        (
            "user add n",
            CtlCommand::User(UserCommand::Add {
                name: name(),
                password: None,
            }),
        ),
        (
            "user add n:p:w",
            CtlCommand::User(UserCommand::Add {
                name: name(),
                password: Some("p:w".into()),
            }),
        ),
        (
            "user add n:",
            CtlCommand::User(UserCommand::Add {
                name: name(),
                password: Some(String::new()),
            }),
        ),
        (
            "user get n",
            CtlCommand::User(UserCommand::Get { name: name() }),
        ),
        (
            "user remove n",
            CtlCommand::User(UserCommand::Remove { name: name() }),
        ),
        (
            "user passwd n",
            CtlCommand::User(UserCommand::Passwd { name: name() }),
        ),
        (
            "user grant --roles a,b n --roles ,c,",
            CtlCommand::User(UserCommand::Grant {
                name: name(),
                roles: vec!["a".into(), "b".into(), "c".into()],
            }),
        ),
        (
            "user revoke n -roles=a",
            CtlCommand::User(UserCommand::Revoke {
                name: name(),
                roles: vec!["a".into()],
            }),
        ),
        ("role list", CtlCommand::Role(RoleCommand::List)),
        (
            "role add n",
            CtlCommand::Role(RoleCommand::Add { name: name() }),
        ),
        (
            "role get n",
            CtlCommand::Role(RoleCommand::Get { name: name() }),
        ),
        (
            "role remove n",
            CtlCommand::Role(RoleCommand::Remove { name: name() }),
        ),
        (
            "role grant n --path /a/* -read",
            CtlCommand::Role(RoleCommand::Grant {
                name: name(),
                change: change(true, false),
            }),
        ),
        (
            "role grant n --path /a/* --rw",
            CtlCommand::Role(RoleCommand::Grant {
                name: name(),
                change: change(true, true),
            }),
        ),
        (
            "role revoke --path=/a/* --write n",
            CtlCommand::Role(RoleCommand::Revoke {
                name: name(),
                change: change(false, true),
            }),
        ),
        (
            "role revoke --readwrite --path=/a/* n",
            CtlCommand::Role(RoleCommand::Revoke {
                name: name(),
                change: change(true, true),
            }),
        ),
        ("auth enable", CtlCommand::Auth(AuthCommand::Enable)),
        ("auth disable", CtlCommand::Auth(AuthCommand::Disable)),
    ];
    for (line, expected) in cases {
        assert_eq!(command(line), expected, "{line}");
    }
}

#[test]
fn keys_values_and_child_arguments_may_be_any_bytes() {
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let words = |words: &[&[u8]]| match parse(words.iter().map(|word| bytes(word)), |_| None) {
        Ok(Parsed::Run(invocation)) => invocation.command,
        other => panic!("{words:?}: {other:?}"),
    };
    assert_eq!(
        words(&[
            b"set",
            b"/\xff",
            b"-\x80=",
            b"--swap-with-value=\xfe",
            b"--swap-with-index",
            b"3"
        ]),
        CtlCommand::Set {
            key: bytes(b"/\xff"),
            value: Some(bytes(b"-\x80=")),
            ttl: 0,
            swap_with_value: bytes(b"\xfe"),
            swap_with_index: 3,
        }
    );
    assert_eq!(
        words(&[
            b"exec-watch",
            b"/\xff",
            b"--",
            b"echo",
            b"\xfe",
            b"--",
            b"-r"
        ]),
        CtlCommand::ExecWatch {
            key: bytes(b"/\xff"),
            after_index: 0,
            recursive: false,
            reconnect: false,
            command: vec![bytes(b"echo"), bytes(b"\xfe"), bytes(b"--"), bytes(b"-r")],
        }
    );
}

#[test]
fn an_empty_word_is_a_key_and_a_value() {
    let invocation = invoked(&["set", "", ""]);
    assert_eq!(invocation.command, set("", ""));
    let CtlCommand::Rm {
        key, with_value, ..
    } = invoked(&["rm", "", "--with-value", ""]).command
    else {
        panic!("not rm");
    };
    assert_eq!(
        (key.as_os_str(), with_value.as_os_str()),
        (OsStr::new(""), OsStr::new(""))
    );
}

#[test]
fn an_invocation_that_says_nothing_has_the_defaults() {
    let global = invoked(&["ls"]).global;
    assert_eq!(
        (global.debug, global.no_sync, global.insecure_discovery),
        (false, false, false)
    );
    assert_eq!(
        (global.output, global.color),
        (OutputFormat::Simple, ColorChoice::Auto)
    );
    assert_eq!(
        global.endpoints,
        "http://127.0.0.1:2379,http://127.0.0.1:4001"
    );
    assert_eq!(global.timeout, Some(Duration::from_secs(2)));
    assert_eq!(global.total_timeout, Some(Duration::from_secs(5)));
    assert_eq!(
        (
            global.username,
            global.discovery_srv,
            global.discovery_srv_name
        ),
        (None, None, None)
    );
    assert_eq!(
        (global.cert_file, global.key_file, global.ca_file),
        (None, None, None)
    );
}
