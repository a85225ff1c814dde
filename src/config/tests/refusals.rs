//! Options of later releases end the start with a sentence, unless they ask for nothing; old ones without effect do not.

use super::*;

#[test]
fn an_option_of_a_later_release_says_what_it_is_and_what_to_do() {
    for (args, origin, what, advice) in [
        (
            ["--cert-file=/c"].as_slice(),
            "flag -cert-file",
            "TLS is not available",
            "TLS proxy",
        ),
        (
            &["-clientCAFile=/c"],
            "flag -clientCAFile",
            "TLS is not available",
            "TLS proxy",
        ),
        (
            &["--peer-auto-tls"],
            "flag -peer-auto-tls",
            "TLS is not available",
            "TLS proxy",
        ),
        (
            &["--client-cert-auth"],
            "flag -client-cert-auth",
            "TLS is not available",
            "TLS proxy",
        ),
        (
            &["-peers=10.0.0.3:7001"],
            "flag -peers",
            "joining a running cluster",
            "leave the option out",
        ),
        (
            &["-discovery=https://d/t"],
            "flag -discovery",
            "discovery service",
            "leave the option out",
        ),
        (
            &["--discovery-srv=example.com"],
            "flag -discovery-srv",
            "DNS",
            "leave the option out",
        ),
        (
            &["--initial-cluster-state=existing"],
            "flag -initial-cluster-state",
            "joining",
            "use 'new'",
        ),
        (&["--proxy=on"], "flag -proxy", "proxy", "HAProxy"),
        (&["--proxy=readonly"], "flag -proxy", "proxy", "HAProxy"),
        (
            &["--force-new-cluster"],
            "flag -force-new-cluster",
            "one member",
            "leave the option out",
        ),
        (
            &["-f"],
            "flag -f",
            "erase this node's data",
            "move the data directory away",
        ),
        (
            &["-force"],
            "flag -force",
            "erase this node's data",
            "move the data directory away",
        ),
        (
            &["-graphite-host=g:1"],
            "flag -graphite-host",
            "Graphite",
            "/metrics",
        ),
        (
            &["--wal-dir=/w"],
            "flag -wal-dir",
            "log directory",
            "leave the option out",
        ),
    ] {
        let (text, code) = refused(args);
        assert!(text.starts_with(&format!("{origin}: ")), "{args:?}: {text}");
        assert!(
            text.contains(what) && text.contains(advice),
            "{args:?}: {text}"
        );
        assert_eq!(code, 1, "{args:?}");
    }
    let exit = Fake::default().exit(&[], &[("ETCD_CERT_FILE", "/c")]);
    assert!(
        exit.stderr
            .starts_with("environment variable ETCD_CERT_FILE: TLS"),
        "{}",
        exit.stderr
    );
    let exit = Fake::with("/t", "[peer]\ncert_file = \"/c\"\n").exit(&["-config", "/t"], &[]);
    assert!(exit.stderr.starts_with("/t line 2: TLS"), "{}", exit.stderr);
}

#[test]
fn listening_with_tls_or_on_a_file_is_refused() {
    for (url, part) in [
        ("https://127.0.0.1:2379", "TLS"),
        ("unix://run/etcd:0", "unix sockets"),
    ] {
        let listen = format!("--listen-client-urls={url}");
        let (text, code) = refused(&[&listen, "--advertise-client-urls=http://a:1"]);
        assert!(text.contains(part), "{text}");
        assert_eq!(code, 1);
        let listen = format!("--listen-peer-urls={url}");
        assert!(refused(&[&listen]).0.contains(part));
    }
}

#[test]
fn an_option_that_asks_for_nothing_is_accepted_in_silence() {
    let config = config(&[
        "--data-dir=/d",
        "--cert-file=",
        "--trusted-ca-file",
        "",
        "--client-cert-auth=false",
        "--auto-tls=false",
        "--proxy=off",
        "--discovery=",
        "--discovery-srv=",
        "--initial-cluster-state=new",
        "--force-new-cluster=false",
        "-f=false",
        "--wal-dir=",
        "-graphite-host=",
        "-peers=",
        "--enable-v2",
        "--pre-vote=true",
        "--strict-reconfig-check=true",
        "--metrics=basic",
        "-trace=",
    ]);
    assert!(
        config.notices.iter().all(|notice| notice.contains("mixed")),
        "{:?}",
        config.notices
    );
}

#[test]
fn an_option_without_effect_is_noticed_with_the_reason() {
    let config = config(&[
        "--quota-backend-bytes=-1",
        "--max-wals=3",
        "--unsafe-no-fsync",
        "--enable-v2=false",
    ]);
    for part in [
        "flag -quota-backend-bytes is ignored: it concerns the original's v3 store",
        "flag -max-wals is ignored: there are no snapshot files",
        "flag -unsafe-no-fsync is ignored: every acknowledged write is on disk",
        "flag -enable-v2 is ignored: the v2 API is what this program serves",
    ] {
        assert!(has_notice(&config, part), "{part}: {:?}", config.notices);
    }
}

#[test]
fn this_nodes_own_address_is_no_peer() {
    let own = ["-peer-addr=10.0.0.2:7001", "-peers=10.0.0.2:7001"];
    assert_eq!(config(&own).advertise_peer, ["http://10.0.0.2:7001"]);
    assert_eq!(
        config(&["-peers=localhost:7001, 127.0.0.1:7001"]).advertise_peer,
        ["http://127.0.0.1:7001"]
    );
    assert_eq!(
        refused(&[
            "-peer-addr=10.0.0.2:7001",
            "-peers=10.0.0.2:7001,10.0.0.3:7001"
        ])
        .1,
        1
    );
}

#[test]
fn a_peers_file_replaces_the_peers() {
    let host = Fake::with("/own", "10.0.0.2:7001\n")
        .and("/more", "10.0.0.2:7001, 10.0.0.3:7001\n")
        .and("/none", "\n");
    let args = |file| {
        [
            "-peer-addr=10.0.0.2:7001",
            "-peers=10.0.0.3:7001",
            "-peers-file",
            file,
        ]
    };
    assert_eq!(host.config(&args("/own"), &[]).name, "box1");
    assert_eq!(host.config(&args("/none"), &[]).name, "box1");
    assert!(
        host.exit(&args("/more"), &[])
            .stderr
            .starts_with("flag -peers-file: joining")
    );
    let exit = host.exit(&args("/nowhere"), &[]);
    assert!(
        exit.stderr.starts_with("Peers file error: /nowhere: "),
        "{}",
        exit.stderr
    );
    assert_eq!(exit.code, 1);
}

#[test]
fn several_members_are_refused_by_name() {
    let (text, code) = refused(&[
        "--initial-cluster=default=http://localhost:2380,b=http://10.0.0.3:2380,\
                                  default=http://localhost:7001",
    ]);
    assert!(
        text.contains("clusters of several members are not available"),
        "{text}"
    );
    assert!(text.contains("\"b\""), "{text}");
    assert_eq!(code, 1);
}

#[test]
fn a_restart_passes_over_options_about_founding_and_keeps_the_reason() {
    let host = Fake::holding("/d");
    for flag in [
        "--discovery=https://d/t",
        "--discovery-srv=example.com",
        "--initial-cluster-state=existing",
        "--initial-cluster=x=http://10.0.0.3:2380",
    ] {
        let config = host.config(&["--data-dir=/d", flag], &[]);
        assert!(
            has_notice(
                &config,
                "ignored since a cluster has already been initialized"
            ),
            "{:?}",
            config.notices
        );
        assert_eq!(
            config.founding_obstacle.map(|exit| exit.code),
            Some(1),
            "{flag}"
        );
        assert_eq!(
            host.exit(&["--data-dir=/other", flag], &[]).code,
            1,
            "{flag}"
        );
    }
    assert!(
        host.config(&["--data-dir=/d"], &[])
            .founding_obstacle
            .is_none()
    );
    assert_eq!(
        host.exit(&["--data-dir=/d", "-peers=10.0.0.3:7001"], &[])
            .code,
        1
    );
    assert_eq!(host.exit(&["--data-dir=/d", "--cert-file=/c"], &[]).code, 1);
}
