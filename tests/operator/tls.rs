//! TLS with Debian's etcd: the files, the variables, and what each mistake is called.

use std::path::Path;

use tokio_rustls::rustls::version::TLS12;

use super::run::{Ended, Etcdctl, line};
use super::support::absent;
use super::support::authority::{Authority, Pair, Time};
use super::support::fake::{Fake, answer};
use super::support::server::{self, Server, free_ports};

/// Debian's etcd with a secure client port, and its URL. The port that the tests watch its health at stays plain.
pub(crate) fn secure(pair: &Pair, clients: Option<&Authority>) -> (Server, String) {
    let url = format!("https://{}", free_ports().0);
    let mut launch = server::debian()
        .listen(&url)
        .arg(format!("--advertise-client-urls={url}"))
        .arg(format!("--cert-file={}", pair.cert.display()))
        .arg(format!("--key-file={}", pair.key.display()));
    if let Some(clients) = clients {
        launch = launch
            .arg("--client-cert-auth")
            .arg(format!("--trusted-ca-file={}", clients.file().display()));
    }
    (launch.start(), url)
}

/// Names files in front of a command line.
fn with(files: &[(&str, &Path)], words: &str) -> Etcdctl {
    let options = files
        .iter()
        .flat_map(|(option, file)| [std::ffi::OsStr::new(*option), file.as_os_str()]);
    super::run::etcdctl(options).and(words.split_whitespace())
}

/// One of each kind: reading, writing, writing once, about members, about health.
const COMMANDS: [&str; 5] = [
    "get /k",
    "set /k v",
    "mk /k v",
    "member list",
    "cluster-health",
];

/// A mistake: what it is called, and what to do about it.
struct Mistake {
    command: Etcdctl,
    /// The cause in our words where they are not the original's.
    cause: Option<String>,
    hint: String,
}

/// What differs between two runs a second apart.
fn timeless(line: &str) -> &str {
    line.split("current time").next().unwrap_or_default()
}

/// The first line and the exit status are those of Debian's client, both as a key command and as a command on members.
fn check(mistake: &Mistake) {
    let command = &mistake.command;
    let original = command.by_debian().run();
    let hinted = command.clone().and(["--hints=always"]).run();
    let Ended {
        stdout,
        stderr,
        code,
    } = command.run();
    assert_eq!(
        (&stdout, code),
        (&original.stdout, original.code),
        "{command:?}\n{original:?}"
    );
    let first = stderr.lines().next().unwrap_or_default();
    let expected = original.first();
    let frame = expected.split("x509: ").next().unwrap_or_default();
    match &mistake.cause {
        Some(cause) => assert_eq!(first, format!("{frame}{cause}"), "{command:?}"),
        None => assert_eq!(timeless(first), timeless(expected), "{command:?}"),
    }
    assert_eq!(
        hinted.hints(),
        [mistake.hint.as_str()],
        "{command:?}\n{stderr}"
    );
    assert!(!stderr.contains("hint"), "{stderr}");
}

#[test]
fn mistakes_have_the_first_line_and_status_of_the_original() {
    let ca = Authority::new("ours");
    let other = Authority::new("theirs");
    let pair = ca.issue("server", &["127.0.0.1"], Time::Now);
    let (_server, url) = secure(&pair, None);
    let (_expired, expired) = secure(&ca.issue("old", &["127.0.0.1"], Time::Over), None);
    let (ca, other) = (ca.file(), other.file());
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let trusting = [("--ca-file", ca.as_path())];
    let untrusted = format!(
        "the certificate of {url} is not trusted: name the CA that signed it with --ca-file FILE"
    );
    let rows = [
        (&[][..], &url, None, untrusted.clone()),
        (&[("--ca-file", other.as_path())], &url, None, untrusted),
        (
            &trusting,
            &elsewhere,
            Some("x509: certificate is valid for 127.0.0.1, not localhost"),
            format!(
                "use a name that the certificate of {elsewhere} holds instead of localhost, or have it made for localhost too"
            ),
        ),
        (
            &trusting,
            &expired,
            None,
            format!(
                "the certificate of {expired} must be renewed, unless this machine's clock is wrong: date"
            ),
        ),
    ];
    let local = absent::has_localhost();
    for (files, at, cause, hint) in rows {
        if at.contains("localhost") && !local {
            continue;
        }
        for words in COMMANDS {
            check(&Mistake {
                command: with(files, words).at(at),
                cause: cause.map(str::to_owned),
                hint: hint.clone(),
            });
        }
    }
}

/// The server's refusal and its close race with our request, and the original's words depend on who is first. Ours do not.
#[test]
fn a_certificate_of_ours_that_is_missing_or_unknown_is_asked_for() {
    let ca = Authority::new("ours");
    let pair = ca.issue("server", &["127.0.0.1"], Time::Now);
    let (server, url) = secure(&pair, Some(&ca));
    let other = Authority::new("theirs");
    let stranger = other.issue("stranger", &["somebody"], Time::Now);
    let trust = ca.file();
    let cause = "remote error: tls: bad certificate";
    let listed = format!("client: etcd cluster is unavailable or misconfigured; error #0: {cause}");
    for files in [
        &[("--ca-file", &*trust)][..],
        &[
            ("--ca-file", &trust),
            ("--cert-file", &stranger.cert),
            ("--key-file", &stranger.key),
        ],
    ] {
        for words in COMMANDS {
            let (said, code) = match words.split(' ').next() {
                Some("mk") => (format!("Error:  {cause}"), 4),
                Some("member") => (listed.clone(), 1),
                _ => (format!("Error:  {listed}"), 4),
            };
            let ended = with(files, words).at(&url).and(["--hints=always"]).run();
            assert_eq!(
                (ended.first(), ended.code),
                (said.as_str(), Some(code)),
                "{words}"
            );
            let hint = "the server wants a certificate of yours: --cert-file FILE --key-file FILE, signed by a CA it trusts";
            assert_eq!(ended.hints(), [hint], "{words}");
        }
    }
    // Nothing came through.
    assert_eq!(line("--no-sync ls /").at(server.url()).output(), "");
}

#[test]
fn files_are_looked_at_before_anybody_is_asked() {
    let ca = Authority::new("ours");
    let pair = ca.issue("client", &["somebody"], Time::Now);
    let rival = ca.issue("rival", &["somebody"], Time::Now);
    let empty = ca.write("empty.pem", "nothing here\n");
    let nope = Path::new("/nope");
    for words in ["get /k", "set /k v", "member list", "user list"] {
        for files in [
            &[("--ca-file", nope)][..],
            &[("--cert-file", nope), ("--key-file", nope)],
            &[("--cert-file", &*pair.cert), ("--key-file", nope)],
            &[("--cert-file", &*pair.cert)],
            &[("--key-file", &*pair.key)],
        ] {
            let command = with(files, words).at("http://127.0.0.1:1");
            assert_eq!(command.run(), command.by_debian().run(), "{command:?}");
            assert_eq!(command.run().code, Some(1));
        }
    }
    // The original's cluster-health has a status and a word of its own for this; here it is one mistake for all.
    let health = with(&[("--ca-file", nope)], "cluster-health").run();
    let said = "open /nope: no such file or directory\n";
    assert_eq!((health.stderr.as_str(), health.code), (said, Some(1)));
    // Where the original goes on with what cannot work, the file is named.
    let trusting = with(&[("--ca-file", &*empty)], "--no-sync get /k");
    let ended = trusting.at("https://127.0.0.1:1").run();
    assert_eq!(ended.code, Some(4), "nobody is there: {ended:?}");
    for (files, said) in [
        (
            &[("--cert-file", &*pair.cert), ("--key-file", &*rival.key)][..],
            format!("{} is not the private key of", rival.key.display()),
        ),
        (
            &[("--cert-file", &*pair.cert), ("--key-file", &*pair.cert)],
            format!(
                "{}: there is no usable private key in it",
                pair.cert.display()
            ),
        ),
    ] {
        let ended = with(files, "get /k").at("http://127.0.0.1:1").run();
        assert!(ended.first().starts_with(&said), "{said}\n{ended:?}");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    }
}

#[test]
fn files_come_from_options_or_variables() {
    let ca = Authority::new("ours");
    let (_server, url) = secure(&ca.issue("server", &["127.0.0.1"], Time::Now), Some(&ca));
    let client = ca.issue("client", &["somebody"], Time::Now);
    let options = [
        ("--ca-file", &*ca.file()),
        ("--cert-file", &*client.cert),
        ("--key-file", &*client.key),
    ];
    let by_option = |words: &str| with(&options, words).at(&url);
    let by_variable = |words: &str| {
        line(words)
            .at(&url)
            .env("ETCDCTL_CA_FILE", ca.file())
            .env("ETCDCTL_CERT_FILE", &client.cert)
            .env("ETCDCTL_KEY_FILE", &client.key)
    };
    for way in [&by_option as &dyn Fn(&str) -> Etcdctl, &by_variable] {
        for (words, output) in [
            ("set /k v", "v\n"),
            ("get /k", "v\n"),
            ("ls /", "/k\n"),
            ("watch --after-index 1 /k", "v\n"),
            ("rm /k", "PrevNode.Value: v\n"),
        ] {
            assert_eq!(way(words).output(), output, "{words}");
        }
        let health = way("cluster-health").output();
        assert!(
            health.ends_with(&format!(
                "got healthy result from {url}\ncluster is healthy\n"
            )),
            "{health}"
        );
        assert!(
            way("member list")
                .output()
                .contains(&format!("clientURLs={url}"))
        );
        // The secure port is what the cluster announces, and the debug lines show it.
        let debug = way("--debug get /").run().stderr;
        assert!(
            debug.contains(&format!("got endpoints({url}) after sync\n")),
            "{debug}"
        );
    }
    // An option wins over its variable.
    let overruled = by_variable("--ca-file /nope get /k").run();
    assert_eq!(overruled.first(), "open /nope: no such file or directory");
}

#[test]
fn a_plain_and_a_secure_port_are_told_apart() {
    let ca = Authority::new("ours");
    let (server, url) = secure(&ca.issue("server", &["127.0.0.1"], Time::Now), None);
    let trust = ca.file();
    let trusting = |words: &str| with(&[("--ca-file", &trust)], words).and(["--hints=always"]);
    let plain = url.replace("https:", "http:");
    for words in ["set /k v", "mk /new v", "get /k"] {
        let ended = trusting(words).at(&plain).run();
        let original = line(words).at(&plain).by_debian().run();
        assert_eq!(
            (ended.first(), ended.code),
            (original.first(), original.code),
            "{words}"
        );
        assert_eq!(ended.code, Some(4));
        let hint = format!("if the server speaks TLS, say so: --endpoints {url}");
        assert_eq!(ended.hints(), [hint], "{words}");
    }
    // The other way round the original's answer depends on who closes first.
    let secured = server.url().replace("http:", "https:");
    for words in ["set /k v", "mk /new v", "get /k"] {
        let ended = trusting(words).at(&secured).run();
        assert_eq!(ended.code, Some(4), "{words}: {ended:?}");
        assert!(
            ended.first().contains("EOF in the TLS handshake with"),
            "{ended:?}"
        );
        let hint = format!(
            "if the server speaks plain HTTP, say so: --endpoints {}",
            server.url()
        );
        assert_eq!(ended.hints(), [hint], "{words}");
    }
    // A server that answers the greeting in plain text leaves no "if".
    let ours = server::ours().start();
    let ended = trusting("get /")
        .at(ours.url().replace("http:", "https:"))
        .run();
    let hint = format!("the server speaks plain HTTP: --endpoints {}", ours.url());
    assert_eq!(ended.hints(), [hint]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    // What the hints say to type works.
    assert_eq!(
        with(&[("--ca-file", &trust),], "set /k v")
            .and(["--endpoints", &url])
            .output(),
        "v\n"
    );
}

/// With TLS 1.2 the refusal comes inside the handshake, and is about our certificate all the same.
#[test]
fn a_certificate_wanted_in_the_handshake_is_asked_for() {
    let ca = Authority::new("ours");
    let pair = ca.issue("server", &["127.0.0.1"], Time::Now);
    // Whoever is not refused gets an answer that is none.
    let server = Fake::start_tls(pair.acceptor(Some(&ca), &[&TLS12]), |_| answer(200, "{}"));
    let trust = ca.file();
    let get = |files: &[(&str, &Path)]| with(files, "get /k --hints=always").at(server.url()).run();
    let refused = get(&[("--ca-file", &trust)]);
    assert!(
        refused.first().contains("remote error: tls: "),
        "{refused:?}"
    );
    let hint = refused.hints().concat();
    assert!(
        hint.starts_with("the server wants a certificate of yours"),
        "{refused:?}"
    );
    let taken = get(&[
        ("--ca-file", &trust),
        ("--cert-file", &pair.cert),
        ("--key-file", &pair.key),
    ]);
    assert!(!taken.stderr.contains("tls"), "{taken:?}");
}
