//! Starts as people make them: no option at all, 0.4's three, 2.x's seven, systemd's environment.

use super::super::{Cors, HostWhitelist, LogFormat, LogLevel, LogOutput, ReadMode, Vocabulary};
use super::*;

#[test]
fn no_option_at_all_is_a_2x_node_on_both_ports() {
    let config = config(&[]);
    assert_eq!(config.vocabulary, Vocabulary::Modern);
    assert_eq!(config.name, "default");
    assert_eq!(config.data_dir, Path::new("default.etcd"));
    assert!(
        has_notice(&config, "no -data-dir given"),
        "{:?}",
        config.notices
    );
    assert_eq!(
        urls(&config.listen_client),
        ["http://localhost:2379", "http://localhost:4001"]
    );
    assert_eq!(
        config.advertise_client,
        ["http://localhost:2379", "http://localhost:4001"]
    );
    assert_eq!(
        urls(&config.listen_peer),
        ["http://localhost:2380", "http://localhost:7001"]
    );
    assert_eq!(
        config.initial_cluster[0].peer_urls,
        ["http://localhost:2380", "http://localhost:7001"]
    );
    assert_eq!(config.initial_cluster_token, "etcd-cluster");
    assert!(config.founding_obstacle.is_none());
    assert_eq!(
        (config.heartbeat.as_millis(), config.election.as_millis()),
        (100, 1000)
    );
    assert_eq!(config.snapshot_count, 50_000);
    assert_eq!(config.cors, Cors::Any);
    assert_eq!(config.host_whitelist, HostWhitelist::Any);
    assert_eq!(
        (config.max_request_bytes, config.max_body_bytes),
        (1_572_864, 10_485_760)
    );
    assert_eq!(
        (config.max_connections, config.max_watchers),
        (10_000, 100_000)
    );
    assert_eq!(
        (config.retention_events, config.retention_bytes),
        (1_000_000, 1 << 30)
    );
    assert_eq!(config.default_read, ReadMode::Linearizable);
    assert_eq!(config.http_write_timeout, None);
    assert_eq!(config.cache_bytes, 96 << 20);
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.log.outputs, [LogOutput::Stderr]);
    assert!(config.metrics_listen.is_empty());
}

#[test]
fn the_tutorials_node_listens_on_all_interfaces_under_its_host_name() {
    let config = config(&[
        "-addr=10.132.247.162:4001",
        "-peer-addr=10.132.247.162:7001",
        "-data-dir=/d",
    ]);
    assert_eq!(config.vocabulary, Vocabulary::Classic);
    assert_eq!(config.name, "box1");
    assert_eq!(urls(&config.listen_client), ["http://[::]:4001"]);
    assert_eq!(urls(&config.listen_peer), ["http://[::]:7001"]);
    assert_eq!(config.advertise_client, ["http://10.132.247.162:4001"]);
    assert_eq!(config.advertise_peer, ["http://10.132.247.162:7001"]);
    assert_eq!(config.cors, Cors::None);
    assert_eq!(config.notices, [] as [&str; 0]);
}

#[test]
fn with_04s_options_only_what_they_say_is_listened_on() {
    let name_only = config(&["-name=n1"]);
    assert_eq!(name_only.vocabulary, Vocabulary::Modern);
    let bound = config(&["-addr=node.example:5001", "-bind-addr=127.0.0.1"]);
    assert_eq!(urls(&bound.listen_client), ["http://127.0.0.1:5001"]);
    assert_eq!(bound.advertise_client, ["http://node.example:5001"]);
    assert_eq!(urls(&bound.listen_peer), ["http://localhost:7001"]);
    assert_eq!(bound.advertise_peer, ["http://127.0.0.1:7001"]);
    let peer_only = config(&["-peer-addr=10.0.0.2:7002"]);
    assert_eq!(urls(&peer_only.listen_client), ["http://localhost:4001"]);
    assert_eq!(peer_only.advertise_client, ["http://127.0.0.1:4001"]);
    assert_eq!(urls(&peer_only.listen_peer), ["http://[::]:7002"]);
}

#[test]
fn the_vocabulary_follows_the_words_from_any_source() {
    use Vocabulary::{Classic, Modern};
    for (args, env, vocabulary) in [
        (vec!["-c=10.0.0.2:4001"], vec![], Classic),
        (vec!["-cluster-active-size=3"], vec![], Classic),
        (vec!["-peers="], vec![], Classic),
        (vec![], vec![("ETCD_PEER_ADDR", "10.0.0.2:7001")], Classic),
        (vec![], vec![("ETCD_PEER_ADDR", "")], Modern),
        (vec!["--initial-cluster-token=t"], vec![], Modern),
        (
            vec!["-v", "-snapshot=false", "-peer-heartbeat-interval=100"],
            vec![],
            Modern,
        ),
        (
            vec!["-addr=10.0.0.2:4001", "--initial-cluster-token=t"],
            vec![],
            Modern,
        ),
    ] {
        assert_eq!(
            Fake::default().config(&args, &env).vocabulary,
            vocabulary,
            "{args:?} {env:?}"
        );
    }
    let from_file = Fake::with(SYSTEM_FILE, "bind_addr = \"127.0.0.1\"\n").config(&[], &[]);
    assert_eq!(from_file.vocabulary, Classic);
    let mixed = config(&["-addr=10.0.0.2:4001", "--initial-cluster-token=t"]);
    assert!(has_notice(&mixed, "are mixed"), "{:?}", mixed.notices);
    assert_eq!(urls(&mixed.listen_client), ["http://[::]:4001"]);
}

#[test]
fn a_2x_node_of_one_member() {
    let config = config(&[
        "--name=infra0",
        "--data-dir=/d",
        "--listen-client-urls=http://10.0.0.2:2379,http://127.0.0.1:2379",
        "--advertise-client-urls=http://10.0.0.2:2379",
        "--listen-peer-urls=http://10.0.0.2:2380",
        "--initial-advertise-peer-urls=http://10.0.0.2:2380",
        "--initial-cluster=infra0=http://10.0.0.2:2380",
        "--initial-cluster-token=tok",
        "--initial-cluster-state=new",
    ]);
    assert_eq!(config.vocabulary, Vocabulary::Modern);
    assert_eq!(
        urls(&config.listen_client),
        ["http://10.0.0.2:2379", "http://127.0.0.1:2379"]
    );
    assert_eq!(config.initial_cluster_token, "tok");
    assert_eq!(config.notices, [] as [&str; 0]);
}

#[test]
fn systemds_environment_alone_starts_a_node() {
    let config = Fake::default().config(
        &[],
        &[
            ("ETCD_DATA_DIR", "/var/lib/etcd"),
            ("ETCD_NAME", "795de101bcd24a3a96aa698f770f0074"),
            ("ETCD_ADDR", "10.132.247.162:4001"),
            ("ETCD_PEER_ADDR", "10.132.247.162:7001"),
            ("NOTIFY_SOCKET", "/run/systemd/notify"),
        ],
    );
    assert_eq!(config.name, "795de101bcd24a3a96aa698f770f0074");
    assert_eq!(config.data_dir, Path::new("/var/lib/etcd"));
    assert_eq!(config.vocabulary, Vocabulary::Classic);
    assert_eq!(config.notices, [] as [&str; 0]);
}

/// cloud-config 6.6: a key is a flag without dash, with `-` or `_`; it becomes `ETCD_` and the key in upper case.
#[test]
fn cloud_config_keys_arrive_as_variables() {
    for (key, value) in [
        ("addr", "10.0.0.2:4001"),
        ("bind-addr", "0.0.0.0"),
        ("peer-addr", "10.0.0.2:7001"),
        ("peer_bind_addr", "0.0.0.0:7001"),
        ("peer-election-timeout", "500"),
        ("peer_heartbeat_interval", "100"),
        ("cluster-active-size", "5"),
        ("cluster_remove_delay", "100.0"),
        ("cluster_sync_interval", "5.0"),
        ("http_read_timeout", "86400"),
        ("snapshot", "false"),
        ("max_retry_attempts", "15"),
        ("very_verbose", "true"),
        ("listen-peer-urls", "http://127.0.0.1:2380"),
        ("cors", "*"),
    ] {
        let variable = format!("ETCD_{}", key.to_uppercase().replace('-', "_"));
        let config = Fake::default().config(&[], &[(&variable, value)]);
        assert!(
            !has_notice(&config, "unrecognized"),
            "{key}: {:?}",
            config.notices
        );
    }
    let exit = Fake::default().exit(&[], &[("ETCD_DISCOVERY_URL", "https://d/t")]);
    assert!(
        exit.stderr
            .starts_with("environment variable ETCD_DISCOVERY_URL: "),
        "{}",
        exit.stderr
    );
}

#[test]
fn cluster_settings_are_raised_to_their_minimums() {
    let config = config(&[
        "-cluster-active-size=1",
        "-cluster-remove-delay=-5",
        "-cluster-sync-interval=2.5",
    ]);
    assert_eq!(config.cluster.active_size, 3);
    assert_eq!(config.cluster.remove_delay_seconds, 2.0);
    assert_eq!(config.cluster.sync_interval_seconds, 2.5);
    assert!(
        has_notice(
            &config,
            "flag -cluster-active-size: 1 is raised to the minimum, 3"
        ),
        "{:?}",
        config.notices
    );
}

#[test]
fn log_options_of_three_generations() {
    for (args, level, format) in [
        (["-v"].as_slice(), LogLevel::Info, LogFormat::Text),
        (&["-vv"], LogLevel::Debug, LogFormat::Text),
        (&["-v", "-vvv"], LogLevel::Trace, LogFormat::Text),
        (&["--debug"], LogLevel::Debug, LogFormat::Text),
        (
            &["--log-level=warn", "-vv"],
            LogLevel::Warn,
            LogFormat::Text,
        ),
        (&["--log-level=panic"], LogLevel::Error, LogFormat::Text),
        (&["--logger=zap"], LogLevel::Info, LogFormat::Json),
        (&["--logger=capnslog"], LogLevel::Info, LogFormat::Text),
        (
            &["--logger=zap", "--log-format=text"],
            LogLevel::Info,
            LogFormat::Text,
        ),
        (&["--log-format=json"], LogLevel::Info, LogFormat::Json),
    ] {
        let log = config(args).log;
        assert_eq!((log.level, log.format), (level, format), "{args:?}");
    }
    let log = config(&["--log-outputs=default,stdout,/var/log/etcd.log,systemd/journal"]).log;
    assert_eq!(
        log.outputs,
        [
            LogOutput::Stderr,
            LogOutput::Stdout,
            LogOutput::File("/var/log/etcd.log".into())
        ]
    );
    assert_eq!(
        config(&["--log-output=stdout"]).log.outputs,
        [LogOutput::Stdout]
    );
}

#[test]
fn cors_and_host_names() {
    assert_eq!(config(&["--cors=http://a:1,*"]).cors, Cors::Any);
    assert_eq!(config(&["--cors="]).cors, Cors::None);
    let listed = config(&["--cors=http://a:1,https://b", "-data-dir=/d"]);
    assert_eq!(
        listed.cors,
        Cors::List(vec!["http://a:1".into(), "https://b".into()])
    );
    assert_eq!(listed.notices, [] as [&str; 0]);
    for never in ["example.com", "http://a/", "http://"] {
        assert!(
            has_notice(&config(&["-cors", never]), "can never match"),
            "{never}"
        );
    }
    assert_eq!(
        config(&["--host-whitelist=a,b"]).host_whitelist,
        HostWhitelist::List(vec!["a".into(), "b".into()])
    );
    assert_eq!(
        config(&["--host-whitelist="]).host_whitelist,
        HostWhitelist::Any
    );
}

#[test]
fn browsers_need_a_name_of_the_node_unless_origins_are_named() {
    for (cors, given) in [("*", true), ("http://a:1", true), ("", false)] {
        assert_eq!(config(&["-cors", cors]).cors_given, given, "{cors:?}");
    }
    let plain = config(&[]);
    assert!(!plain.cors_given);
    assert_eq!(
        plain.own_names,
        ["localhost", "box1", "localhost:2379", "localhost:4001"]
    );
    let named = config(&[
        "--advertise-client-urls=http://etcd.example:2379,http://[::1]:1",
        "--host-whitelist=a.example,*",
    ]);
    assert_eq!(
        named.own_names,
        [
            "localhost",
            "box1",
            "[::1]:1",
            "etcd.example:2379",
            "a.example"
        ]
    );
    let classic = config(&["-addr=node.example:4001"]);
    assert_eq!(
        classic.own_names,
        ["localhost", "box1", "node.example:4001"]
    );
}

#[test]
fn sizes_counts_and_times_arrive() {
    let config = config(&[
        "--max-request-bytes=8MiB",
        "--retention-events=1000",
        "--retention-bytes=64MiB",
        "--max-connections=7",
        "--max-watchers=8",
        "--cache-size=2MiB",
        "--default-read=local",
        "-http-read-timeout=0",
        "-http-write-timeout=1.5",
        "--listen-metrics-urls=http://127.0.0.1:9",
    ]);
    assert_eq!(config.max_request_bytes, 8 << 20);
    assert_eq!(config.max_body_bytes, (24 << 20) + (64 << 10));
    assert_eq!(
        (config.retention_events, config.retention_bytes),
        (1000, 64 << 20)
    );
    assert_eq!(
        (
            config.max_connections,
            config.max_watchers,
            config.cache_bytes
        ),
        (7, 8, 2 << 20)
    );
    assert_eq!(config.default_read, ReadMode::Local);
    assert_eq!(config.http_read_timeout, None);
    assert_eq!(
        config.http_write_timeout,
        Some(std::time::Duration::from_millis(1500))
    );
    assert_eq!(urls(&config.metrics_listen), ["http://127.0.0.1:9"]);
}

#[test]
fn snapshot_options() {
    assert_eq!(config(&["-snapshot=false"]).snapshot_count, u64::MAX);
    assert_eq!(config(&["-snapshot-count=0"]).snapshot_count, 50_000);
    assert_eq!(config(&["-snapshotCount=5"]).snapshot_count, 5);
}

#[test]
fn addresses_that_cannot_work_are_noticed() {
    assert!(has_notice(
        &config(&["--advertise-client-urls=http://0.0.0.0:2379"]),
        "no other machine"
    ));
    assert!(has_notice(
        &config(&["--advertise-client-urls=https://lb:443"]),
        "does not speak TLS"
    ));
}

#[test]
fn version_and_help_are_printed_without_looking_at_anything_else() {
    let host = Fake::with(SYSTEM_FILE, "= broken");
    let Ok(Loaded::Print { text, code }) =
        host.load(&["-v", "--version"], &[("ETCD_SNAPSHOT_COUNT", "x")])
    else {
        panic!("no version");
    };
    let first = text.lines().next().unwrap_or_default();
    assert_eq!(first, format!("etcd version {}", env!("CARGO_PKG_VERSION")));
    assert!(text.lines().count() > 1);
    assert_eq!(code, 0);
    let Ok(Loaded::Print { text, code }) = host.load(&["-h"], &[]) else {
        panic!("no help")
    };
    assert!(text.starts_with("etcd\n\nUsage:\n"));
    assert_eq!(code, 0);
    assert_eq!(host.exit(&["--version", "foo"], &[]).code, 1);
}
