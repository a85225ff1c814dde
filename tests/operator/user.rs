//! Users of Debian's etcd with authentication on: who may do what, how they are named, and that no password is shown.

use super::run::{Ended, Etcdctl, line};
use super::support::server::{self, Server};

/// A cluster with authentication: root, bob who reads below /open, and guests who may do nothing.
fn guarded() -> Server {
    let server = server::debian().start();
    let root = |words: &str| {
        line(&format!("-u root:rp {words}"))
            .at(server.url())
            .output()
    };
    let open = |words: &str| line(words).at(server.url()).output();
    open("set /open/k v");
    open("set /closed v");
    assert_eq!(open("user add root:rp"), "User root created\n");
    assert_eq!(open("user add bob:bp"), "User bob created\n");
    assert_eq!(open("role add reader"), "Role reader created\n");
    assert_eq!(
        open("role grant reader --path /open/* --read"),
        "Role reader updated\n"
    );
    assert_eq!(open("user grant bob --roles reader"), "User bob updated\n");
    assert_eq!(open("auth enable"), "Authentication Enabled\n");
    // A guest may do all until somebody says otherwise.
    assert_eq!(open("set /closed v"), "v\n");
    assert_eq!(
        root("role revoke guest --path /* --rw"),
        "Role guest updated\n"
    );
    server
}

#[test]
fn users_may_do_what_their_roles_say() {
    let server = guarded();
    for (words, code) in [
        ("get /open/k", 4),
        ("ls /", 4),
        ("watch --after-index 3 /open/k", 4),
        ("-u bob:bp get /open/k", 0),
        ("-u bob:bp get /closed", 4),
        ("-u bob:bp set /open/k w", 4),
        ("-u bob:bp mk /open/new w", 4),
        ("-u bob:bp rm /open/k", 4),
        ("-u bob:wrong get /open/k", 4),
        ("-u nobody:bp get /open/k", 4),
        ("-u root:rp get /closed", 0),
        ("-u root:wrong get /closed", 4),
        ("user list", 1),
        ("-u bob:bp user list", 1),
        ("-u root:wrong user get bob", 1),
        ("-u bob:bp auth disable", 1),
        ("-u bob:bp member list", 0),
        ("-u root:rp user list", 0),
        ("-u root:rp role get reader", 0),
        ("cluster-health", 0),
    ] {
        let command = line(words).at(server.url());
        let (ours, original) = (command.run(), command.by_debian().run());
        assert_eq!(ours, original, "{words}");
        assert_eq!(ours.code, Some(code), "{words}: {ours:?}");
    }
    // Here the original has a number where the server has a sentence; the hint says what it means.
    let roles = line("-u root:wrong role list --hints always")
        .at(server.url())
        .run();
    assert_eq!(roles.first(), "unexpected status code 401");
    assert!(roles.hints().concat().contains("--username"), "{roles:?}");
    assert_eq!(roles.code, Some(1));
    assert_eq!(
        line("get /open/k").at(server.url()).run().first(),
        "Error:  110: The request requires user authentication (Insufficient credentials) [0]"
    );
    hints_say_who_could_be_meant(&server);
}

#[test]
fn a_user_is_named_by_option_or_variable_with_or_without_password() {
    let server = guarded();
    let get = line("get /open/k").at(server.url());
    let asked = "Password: \nv\n";
    for (command, output) in [
        (get.clone().and(["--username", "bob:bp"]), "v\n"),
        (get.clone().and(["-u", "bob"]).input("bp\n"), asked),
        (get.clone().and(["-u", "bob"]).input("bp"), asked),
        (get.clone().env("ETCDCTL_USERNAME", "bob:bp"), "v\n"),
        (
            get.clone().env("ETCDCTL_USERNAME", "bob").input("bp\n"),
            asked,
        ),
        (
            get.clone()
                .env("ETCDCTL_USERNAME", "bob:wrong")
                .and(["-u", "bob:bp"]),
            "v\n",
        ),
        (get.clone().and(["-u", "bob:bp", "--no-sync"]), "v\n"),
    ] {
        assert_eq!(command.output(), output, "{command:?}");
    }
    let refused = get.clone().and(["-u", "bob"]).input("wrong\n").run();
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (Some(4), "Password: \n")
    );
    // A colon belongs to the password from the second on.
    let root = |words: &str| line("-u root:rp").and(words.split(' ')).at(server.url());
    assert_eq!(root("user add ann:a:b").output(), "User ann created\n");
    assert_eq!(
        root("user grant ann --roles reader").output(),
        "User ann updated\n"
    );
    assert_eq!(get.clone().and(["-u", "ann:a:b"]).output(), "v\n");
    // The first line is root's password, the second the new one's.
    let passwd = line("-u root user passwd ann")
        .at(server.url())
        .input("rp\nnext\n");
    assert_eq!(
        passwd.output(),
        "Password: \nNew password: \nPassword updated\n"
    );
    assert_eq!(get.clone().and(["-u", "ann:next"]).output(), "v\n");
    assert_eq!(get.and(["-u", "ann:a:b"]).run().code, Some(4));
}

/// What stands in a JSON text, a shell's word and Go's JSON in different ways.
const SECRETS: [&str; 4] = [
    "s3cret",
    "s\"3\\c<r>&et",
    "s3cr\u{e9}t\u{2028}",
    "s3 'cret'\t",
];

/// Succeeded, showed the request, and nothing that leads to a password.
fn is_discreet(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = &ended.stderr;
    assert!(shown.contains("cURL Command: curl -X PUT"), "{shown}");
    assert!(shown.contains(r#"\"password\":\"********\""#), "{shown}");
    for hidden in [
        "s3",
        "<r>",
        "&et",
        "cret",
        "rp",
        "uthorization",
        "Basic",
        "cm9vdDpy",
    ] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    assert!(!ended.stdout.contains("s3"), "{ended:?}");
}

#[test]
fn debugging_shows_requests_and_no_password() {
    let server = guarded();
    let root = |words: &str| line(&format!("-u root:rp {words}")).at(server.url());
    for (number, secret) in SECRETS.iter().enumerate() {
        let name = format!("eve{number}");
        let add = root("--debug user add");
        let added = if number % 2 == 0 {
            add.and([format!("{name}:{secret}")]).run()
        } else {
            add.and([&name]).input(format!("{secret}\n")).run()
        };
        is_discreet(&added);
        // What was hidden is what was sent.
        root(&format!("user grant {name} --roles reader")).output();
        let read = line("get /open/k").and(["-u".to_owned(), format!("{name}:{secret}")]);
        assert_eq!(read.at(server.url()).output(), "v\n");
    }
    let changed = root("--debug user passwd root").input("s3cret\n").run();
    is_discreet(&changed);
    debugging_looks_as_ever(&server);
}

/// The lines about synchronisation and requests on keys are those of the original.
fn debugging_looks_as_ever(server: &Server) {
    for words in [
        "get --quorum=false /open/k",
        "set /open/k <&>\"",
        "ls --quorum=false --sort -r /open",
        "mkdir /open/d --ttl 5",
    ] {
        let command = line("--debug -u bob:bp")
            .and(words.split(' '))
            .at(server.url());
        let (ours, original) = (command.run(), command.by_debian().run());
        assert_eq!(ours, original, "{words}");
        assert!(!ours.stderr.contains("bp"), "{ours:?}");
    }
}

fn hints_say_who_could_be_meant(server: &Server) {
    let hint = |words: &str| {
        let command: Etcdctl = line(words).at(server.url()).and(["--hints=always"]);
        command.run().hints().concat()
    };
    let anonymous = "name a user with --username NAME, or ETCDCTL_USERNAME";
    assert_eq!(hint("get /closed"), anonymous);
    assert_eq!(hint("user list"), anonymous);
    let bob = "the password of bob is wrong, or bob may not do this: etcdctl --username root user get bob shows its roles";
    assert_eq!(hint("-u bob:secret get /closed"), bob);
    assert_eq!(hint("-u bob:secret user list"), bob);
    let roles = line("--username root user get bob")
        .at(server.url())
        .input("rp\n");
    assert_eq!(roles.output(), "Password: \nUser: bob\nRoles: reader\n");
}
