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
        (&["--proxy=on"], "flag -proxy", "proxy", "HAProxy"),
        (&["--proxy=readonly"], "flag -proxy", "proxy", "HAProxy"),
        (
            &["--force-new-cluster"],
            "flag -force-new-cluster",
            "one member",
            "leave the option out",
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
fn a_restart_passes_over_options_about_founding_and_keeps_the_reason() {
    let host = Fake::holding("/d");
    for flag in [
        "--discovery=https://d/t",
        "--discovery-srv=example.com",
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

/// 0.4's scripts start new nodes with it.
#[test]
fn force_is_accepted_where_there_is_nothing_to_erase() {
    for flag in ["-f", "-force", "--force=true"] {
        let args = [flag, "-data-dir=/d"];
        assert_eq!(config(&args).data_dir, std::path::Path::new("/d"));
        let exit = Fake::holding("/d").exit(&args, &[]);
        assert_eq!(exit.code, 1);
        for part in ["erase this node's data", "'mv /d /d.old'"] {
            assert!(exit.stderr.contains(part), "{}", exit.stderr);
        }
    }
    Fake::holding("/d").config(&["-f=false", "-data-dir=/d"], &[]);
}

/// What 3.5 and 3.6 print as their defaults; a unit file may hold all of them.
const LATER_DEFAULTS: &[&str] = &[
    "--v2-deprecation=not-yet",
    "--socket-reuse-port=false",
    "--socket-reuse-address=false",
    "--enable-log-rotation=false",
    "--raft-read-timeout=5s",
    "--raft-write-timeout=5s",
    "--max-concurrent-streams=4294967295",
    "--backend-bbolt-freelist-type=map",
    "--backend-batch-limit=0",
    "--quota-backend-bytes=0",
    "--max-txn-ops=128",
    "--max-snapshots=5",
    "--max-wals=5",
    "--max-learners=1",
    "--feature-gates=",
    "--listen-client-http-urls=",
    "--tls-min-version=TLS1.2",
    "--tls-max-version=",
    "--self-signed-cert-validity=1",
    "--client-cert-file=",
    "--client-key-file=",
    "--peer-client-cert-file=",
    "--peer-client-key-file=",
    "--discovery-endpoints=",
    "--discovery-token=",
    "--discovery-dial-timeout=2s",
    "--discovery-request-timeout=5s",
    "--discovery-keepalive-time=2s",
    "--discovery-keepalive-timeout=6s",
    "--discovery-insecure-transport=true",
    "--discovery-insecure-skip-tls-verify=false",
    "--compaction-batch-limit=1000",
    "--compaction-sleep-interval=10ms",
    "--corrupt-check-time=0s",
    "--compact-hash-check-time=1m0s",
    "--watch-progress-notify-interval=10m0s",
    "--warning-apply-duration=100ms",
    "--warning-unary-request-duration=300ms",
    "--bootstrap-defrag-threshold-megabytes=0",
    "--downgrade-check-time=5s",
    "--snapshot-catchup-entries=5000",
    "--memory-mlock=false",
    "--enable-distributed-tracing=false",
    "--distributed-tracing-address=localhost:4317",
    "--distributed-tracing-service-name=etcd",
    "--distributed-tracing-sampling-rate=0",
    "--experimental-compact-hash-check-enabled=false",
    "--experimental-compact-hash-check-time=1m0s",
    "--experimental-compaction-sleep-interval=10ms",
    "--experimental-downgrade-check-time=5s",
    "--experimental-memory-mlock=false",
    "--experimental-max-learners=1",
    "--experimental-txn-mode-write-with-shared-buffer=true",
    "--experimental-bootstrap-defrag-threshold-megabytes=0",
    "--experimental-stop-grpc-service-on-defrag=false",
    "--experimental-warning-unary-request-duration=300ms",
    "--experimental-enable-distributed-tracing=false",
    "--experimental-distributed-tracing-sampling-rate=0",
    "--experimental-snapshot-catchup-entries=5000",
    "--experimental-set-member-localaddr=false",
];

#[test]
fn options_of_3_5_and_3_6_are_known_and_their_defaults_are_passed_over_in_silence() {
    for argument in LATER_DEFAULTS {
        let quiet = config(&["--data-dir=/d", argument]);
        let notices = quiet.notices.iter().filter(|line| line.contains("ignored"));
        assert_eq!(notices.count(), 0, "{argument}: {:?}", quiet.notices);
        let (name, value) = argument.split_once('=').unwrap();
        let variable = format!("ETCD_{}", name[2..].to_uppercase().replace('-', "_"));
        let by_variable = Fake::default().config(&["--data-dir=/d"], &[(&variable, value)]);
        assert!(
            !has_notice(&by_variable, "ignored"),
            "{:?}",
            by_variable.notices
        );
        let text = format!("data-dir: /d\n{}: '{value}'\n", &name[2..]);
        let by_file = Fake::with("/f.yml", &text).config(&["--config-file=/f.yml"], &[]);
        assert!(!has_notice(&by_file, "ignored"), "{:?}", by_file.notices);
    }
}

#[test]
fn a_notice_about_a_file_names_key_and_value_and_no_secret() {
    let text = "data-dir: /d\nmax-wals: 9\ndiscovery-password: s3cret\ncolour: s3cret\ndiscovery-proxy: http://u:s3cret@p\n";
    let config = Fake::with("/f.yml", text).config(&["--config-file=/f.yml"], &[]);
    for part in [
        "/f.yml line 2: max-wals: 9 is ignored: ",
        "/f.yml line 3: discovery-password is ignored: ",
        // Nobody knows what it was to hold.
        "/f.yml line 4: unknown key colour is ignored",
        "/f.yml line 5: discovery-proxy is ignored: ",
    ] {
        assert!(has_notice(&config, part), "{part}: {:?}", config.notices);
    }
    assert!(!has_notice(&config, "s3cret"), "{:?}", config.notices);
}

#[test]
fn the_options_of_3_5_and_3_6_that_mean_something_here_are_followed() {
    let config = config(&[
        "--listen-client-http-urls=http://127.0.0.1:9999",
        "--socket-reuse-port",
        "--log-format=console",
    ]);
    assert!(super::urls(&config.listen_client).contains(&"http://127.0.0.1:9999".to_owned()));
    assert!(config.reuse_port);
    assert_eq!(config.log.format, crate::config::LogFormat::Text);
}
