//! The table against the reference: every name is known, none means two things, every default is a value.

use std::collections::HashMap;

use super::super::help;
use super::*;

/// Flags of 0.4.6 with their deprecated aliases.
const CLASSIC_FLAGS: &str = "name n data-dir d addr c bind-addr cl peer-addr s peer-bind-addr sl peers C peers-file CF \
    discovery peer-heartbeat-interval peer-heartbeat-timeout peer-election-timeout cluster-active-size \
    max-cluster-size maxsize cluster-remove-delay cluster-sync-interval max-retry-attempts r retry-interval \
    max-result-buffer m snapshot snapshot-count snapshotCount http-read-timeout http-write-timeout cors config f force \
    v vv vvv trace graphite-host cpuprofile h help version ca-file cert-file key-file peer-ca-file peer-cert-file \
    peer-key-file clientCAFile clientCert clientKey serverCAFile serverCert serverKey";

/// Flags of 2.3 and 3.4, the v2 proxy's and transport security's among them.
const MODERN_FLAGS: &str = "name data-dir wal-dir advertise-client-urls listen-client-urls initial-advertise-peer-urls \
    listen-peer-urls initial-cluster discovery discovery-fallback discovery-proxy discovery-srv discovery-srv-name \
    initial-cluster-state initial-cluster-token strict-reconfig-check heartbeat-interval election-timeout \
    initial-election-tick-advance pre-vote snapshot-count max-snapshots max-wals cors config-file force-new-cluster \
    debug log-package-levels log-level logger log-outputs enable-pprof proxy proxy-failure-wait \
    proxy-refresh-interval proxy-dial-timeout proxy-write-timeout proxy-read-timeout enable-v2 listen-metrics-urls \
    metrics host-whitelist max-request-bytes cert-file key-file ca-file trusted-ca-file client-cert-auth peer-cert-file \
    peer-key-file peer-ca-file peer-trusted-ca-file peer-client-cert-auth auto-tls peer-auto-tls client-crl-file \
    peer-crl-file peer-cert-allowed-cn peer-cert-allowed-hostname client-cert-allowed-hostname cipher-suites \
    experimental-v3demo experimental-gRPC-addr experimental-auto-compaction-retention";

/// Flags of 3.4 about v3 only.
const V3_FLAGS: &str = "quota-backend-bytes backend-batch-interval backend-batch-limit max-txn-ops \
    max-concurrent-streams grpc-keepalive-min-time grpc-keepalive-interval grpc-keepalive-timeout \
    auto-compaction-retention auto-compaction-mode auth-token auth-token-ttl bcrypt-cost enable-grpc-gateway log-output \
    unsafe-no-fsync experimental-initial-corrupt-check experimental-corrupt-check-time experimental-enable-v2v3 \
    experimental-backend-bbolt-freelist-type experimental-enable-lease-checkpoint \
    experimental-enable-lease-checkpoint-persist experimental-compaction-batch-limit \
    experimental-peer-skip-client-san-verification experimental-watch-progress-notify-interval \
    experimental-warning-apply-duration";

const OWN_FLAGS: &str = "default-read retention-events retention-bytes max-connections max-watchers cache-size log-format";

const CLASSIC_VARIABLES: &str = "NAME DATA_DIR ADDR BIND_ADDR PEER_ADDR PEER_BIND_ADDR PEERS PEERS_FILE DISCOVERY \
    DISCOVERY_URL PEER_HEARTBEAT_INTERVAL PEER_ELECTION_TIMEOUT CLUSTER_ACTIVE_SIZE CLUSTER_REMOVE_DELAY \
    CLUSTER_SYNC_INTERVAL MAX_RETRY_ATTEMPTS RETRY_INTERVAL MAX_RESULT_BUFFER SNAPSHOT SNAPSHOTCOUNT SNAPSHOT_COUNT \
    HTTP_READ_TIMEOUT HTTP_WRITE_TIMEOUT CORS VERBOSE VERY_VERBOSE VERY_VERY_VERBOSE TRACE GRAPHITE_HOST CA_FILE \
    CERT_FILE KEY_FILE PEER_CA_FILE PEER_CERT_FILE PEER_KEY_FILE CONFIG_FILE";

const CLASSIC_TOML: &str = ".name .data_dir .addr .bind_addr peer.addr peer.bind_addr .peers .peers_file .discovery \
    peer.heartbeat_interval peer.election_timeout cluster.active_size cluster.remove_delay cluster.sync_interval \
    .max_retry_attempts .retry_interval .max_result_buffer .snapshot .snapshot_count .http_read_timeout \
    .http_write_timeout .cors .verbose .very_verbose .very_very_verbose .graphite_host .ca_file .cert_file .key_file \
    peer.ca_file peer.cert_file peer.key_file";

#[test]
fn every_flag_of_the_reference_is_known() {
    for name in [CLASSIC_FLAGS, MODERN_FLAGS, V3_FLAGS, OWN_FLAGS]
        .into_iter()
        .flat_map(str::split_whitespace)
    {
        assert!(by_flag(name).is_some(), "-{name} is unknown");
    }
    assert!(by_flag("no-such-flag").is_none());
}

#[test]
fn every_variable_of_the_reference_is_known() {
    for name in CLASSIC_VARIABLES.split_whitespace() {
        assert!(
            by_environment(&format!("ETCD_{name}")).is_some(),
            "ETCD_{name} is unknown"
        );
    }
    let command_line_only = [
        "config",
        "f",
        "force",
        "cpuprofile",
        "h",
        "help",
        "version",
        "v",
        "vv",
        "vvv",
    ];
    for name in [MODERN_FLAGS, V3_FLAGS]
        .into_iter()
        .flat_map(str::split_whitespace)
    {
        let variable = format!("ETCD_{}", name.to_uppercase().replace('-', "_"));
        let (flag, _) = by_flag(name).unwrap();
        if !command_line_only.contains(&name) && flag.name == name {
            assert_eq!(
                by_environment(&variable).map(|(found, _)| found.name),
                Some(name),
                "{variable}"
            );
        }
    }
}

#[test]
fn every_key_of_the_references_files_is_known() {
    for place in CLASSIC_TOML.split_whitespace() {
        let (section, key) = place.split_once('.').unwrap();
        assert!(by_toml(section, key).is_some(), "{place} is unknown");
    }
    for name in MODERN_FLAGS
        .split_whitespace()
        .filter(|name| *name != "config-file")
    {
        assert!(by_yaml("", name).is_some(), "{name} is unknown");
    }
    for map in ["client-transport-security", "peer-transport-security"] {
        for key in [
            "cert-file",
            "key-file",
            "client-cert-auth",
            "trusted-ca-file",
            "auto-tls",
        ] {
            let flag = by_yaml(map, key).unwrap_or_else(|| panic!("{map}.{key} is unknown"));
            assert_eq!(
                flag.name.starts_with("peer-"),
                map.starts_with("peer-"),
                "{map}.{key}"
            );
        }
    }
    assert!(by_yaml("", "help").is_none() && by_toml("", "config").is_none());
}

#[test]
fn dashes_and_underscores_are_the_same_in_toml() {
    for key in [
        "data_dir",
        "data-dir",
        "listen_client_urls",
        "listen-client-urls",
    ] {
        assert!(by_toml("", key).is_some(), "{key}");
    }
}

#[test]
fn no_name_means_two_options() {
    let mut flags: HashMap<&str, &str> = HashMap::new();
    let mut variables: HashMap<String, &str> = HashMap::new();
    let mut toml: HashMap<(&str, String), &str> = HashMap::new();
    let mut yaml: HashMap<(&str, &str), &str> = HashMap::new();
    for flag in all() {
        for name in flag.names() {
            assert_eq!(flags.insert(name, flag.name), None, "-{name}");
        }
        for name in flag.environment_names() {
            assert_eq!(variables.insert(name.clone(), flag.name), None, "{name}");
        }
        if flag.in_files {
            assert_eq!(
                toml.insert(flag.toml_place(), flag.name),
                None,
                "{}",
                flag.name
            );
            if let Some(place) = flag.yaml {
                assert_eq!(yaml.insert(place, flag.name), None, "{}", flag.name);
            }
        }
    }
}

#[test]
fn every_default_and_every_neutral_value_is_a_value_of_its_kind() {
    for flag in all() {
        if let Some(default) = flag.default {
            let value = flag
                .kind
                .parse(default)
                .unwrap_or_else(|reason| panic!("-{}: {reason}", flag.name));
            assert!(flag.default_value() == Some(value), "-{}", flag.name);
        }
        let neutral = match flag.standing {
            Standing::Active => &[],
            Standing::Ignored { silent, .. } => silent,
            Standing::Later { neutral, .. } | Standing::LaterFounding { neutral, .. } => neutral,
        };
        for text in neutral {
            let value = flag
                .kind
                .parse(text)
                .unwrap_or_else(|reason| panic!("-{} {text}: {reason}", flag.name));
            assert_eq!(value.to_string(), *text, "-{}", flag.name);
        }
    }
}

#[test]
fn the_vocabulary_is_given_away_by_the_options_the_reference_lists() {
    for flag in all() {
        let prefixes = ["listen-", "advertise-", "initial-"];
        let classic = flag.name.starts_with("cluster-")
            || [
                "addr",
                "bind-addr",
                "peer-addr",
                "peer-bind-addr",
                "peers",
                "peers-file",
            ]
            .contains(&flag.name);
        let expected = match flag.name {
            name if prefixes.iter().any(|prefix| name.starts_with(prefix)) => Era::Modern,
            _ if classic => Era::Classic,
            _ => Era::Neutral,
        };
        assert_eq!(flag.era, expected, "-{}", flag.name);
    }
}

#[test]
fn the_nearest_name_is_near_or_nothing() {
    assert_eq!(nearest("adress"), None);
    assert_eq!(nearest("data-dri"), Some("data-dir"));
    assert_eq!(nearest("inital-cluster"), Some("initial-cluster"));
    assert_eq!(nearest("qqqqqqqqqqqqqqqqqqqqqqqq"), None);
}

#[test]
fn the_help_text_shows_every_option_under_the_headings_of_04() {
    let text = help::full_text();
    for flag in all() {
        let shown = text.contains(&format!("-{}=", flag.name))
            || text.contains(&format!("-{} ", flag.name))
            || text.contains(&format!("-{},", flag.name))
            || text.contains(&format!("-{}\n", flag.name));
        assert!(shown, "-{} is missing", flag.name);
        flag.deprecated
            .iter()
            .for_each(|name| assert!(text.contains(&format!("-{name} (-")), "-{name} is missing"));
    }
    let mut rest = text.as_str();
    for heading in [
        "etcd\n\nUsage:\n",
        "\nOptions:\n",
        "\nCluster Configuration Options:\n",
        "\nClient Communication Options:\n",
        "\nPeer Communication Options:\n",
        "\nOther Options:\n",
        "\nMember Options",
        "\nOptions of this program:\n",
    ] {
        let at = rest
            .find(heading)
            .unwrap_or_else(|| panic!("{heading:?} is missing or out of order"));
        rest = &rest[at + heading.len()..];
    }
    for form in [
        "  -peer-addr=<host:port> ",
        "  -addr=<host:port> ",
        "  -bind-addr=<host[:port]> ",
        "  -peers=<host:port>,<host:port>",
        "  -discovery=<url> ",
        "  -ca-file=<path> ",
        "  -name=<name> ",
    ] {
        assert!(text.contains(form), "{form:?} is missing");
    }
    assert!(
        text.lines().all(|line| line.len() <= 100),
        "{:?}",
        text.lines().find(|line| line.len() > 100)
    );
}
