//! Messages that operators know from 3.4, and the checks behind them.

use super::*;

#[track_caller]
fn fails_with(args: &[&str], part: &str) {
    let (text, code) = refused(args);
    assert!(text.contains(part), "{args:?}: {text}");
    assert_eq!(code, 1, "{args:?}: {text}");
}

#[test]
fn an_unreadable_command_line_ends_with_status_2_and_the_usage() {
    for (args, first) in [
        (
            ["-nosuch"].as_slice(),
            "flag provided but not defined: -nosuch",
        ),
        (
            &["-max-snapshots", "-1"],
            "invalid value \"-1\" for flag -max-snapshots: parse error",
        ),
        (&["-name"], "flag needs an argument: -name"),
    ] {
        let (text, code) = refused(args);
        assert_eq!(text.lines().next(), Some(first));
        assert!(text.contains("\nUsage:\n  etcd -name <name>\n"), "{text}");
        assert_eq!(code, 2);
    }
}

#[test]
fn leftovers_end_with_status_1() {
    fails_with(&["foo"], "'foo' is not a valid flag");
}

#[test]
fn the_timing_checks_of_34() {
    fails_with(
        &["--election-timeout", "300"],
        "--election-timeout[300ms] should be at least as 5 times as --heartbeat-interval[100ms]",
    );
    fails_with(
        &["--election-timeout=60000"],
        "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
    );
    fails_with(
        &["--heartbeat-interval=0"],
        "--heartbeat-interval must be >0 (set to 0ms)",
    );
    fails_with(
        &["--election-timeout=0"],
        "--election-timeout must be >0 (set to 0ms)",
    );
    fails_with(
        &["--heartbeat-interval=18446744073709551615"],
        "should be at least as 5 times",
    );
    let config = config(&["--heartbeat-interval=10000", "--election-timeout=50000"]);
    assert_eq!(config.election.as_millis(), 50_000);
}

#[test]
fn the_old_timing_options_are_only_warned_about() {
    let both = config(&["-peer-heartbeat-interval=50", "-peer-election-timeout=200"]);
    assert_eq!(
        (both.heartbeat.as_millis(), both.election.as_millis()),
        (50, 200)
    );
    assert!(has_notice(
        &both,
        "--election-timeout[200ms] should be at least as 5 times as --heartbeat-interval[50ms]"
    ));

    let election = config(&["-peer-election-timeout=400"]);
    assert_eq!(
        (
            election.heartbeat.as_millis(),
            election.election.as_millis()
        ),
        (50, 400)
    );
    assert!(!has_notice(&election, "5 times"), "{:?}", election.notices);

    let heartbeat = config(&["-peer-heartbeat-timeout=60"]);
    assert_eq!(
        (
            heartbeat.heartbeat.as_millis(),
            heartbeat.election.as_millis()
        ),
        (60, 1000)
    );

    let new_wins = config(&["-peer-heartbeat-interval=1", "--heartbeat-interval=150"]);
    assert_eq!(new_wins.heartbeat.as_millis(), 150);
    fails_with(
        &["-peer-election-timeout=200", "--heartbeat-interval=100"],
        "should be at least as 5 times",
    );
    fails_with(
        &["-peer-heartbeat-interval=200", "-peer-election-timeout=200"],
        "must be longer than",
    );
    fails_with(&["-peer-heartbeat-interval=0"], "must be >0");
}

#[test]
fn listening_explicitly_needs_an_advertised_url() {
    fails_with(
        &["--listen-client-urls", "http://127.0.0.1:2379"],
        "--advertise-client-urls is required when --listen-client-urls is set explicitly",
    );
    let by_old_name = config(&[
        "--listen-client-urls=http://127.0.0.1:2379",
        "-addr=10.0.0.2:2379",
    ]);
    assert_eq!(by_old_name.advertise_client, ["http://10.0.0.2:2379"]);
}

#[test]
fn listening_needs_an_ip_address() {
    fails_with(
        &[
            "--listen-client-urls=http://example.com:2379",
            "--advertise-client-urls=http://example.com:2379",
        ],
        "expected IP in URL for binding",
    );
    fails_with(
        &["--listen-peer-urls=http://example.com:2380"],
        "expected IP in URL for binding",
    );
    fails_with(
        &["--listen-metrics-urls=http://example.com:1"],
        "expected IP in URL for binding",
    );
    fails_with(
        &["-bind-addr", ":4001"],
        "IP required can't use a port only",
    );
    fails_with(
        &["-peer-bind-addr", ":7001"],
        "IP required can't use a port only",
    );
}

#[test]
fn an_address_option_given_empty_is_refused_and_not_replaced_by_its_default() {
    fails_with(
        &[
            "--listen-client-urls=",
            "--advertise-client-urls=http://a:1",
        ],
        "flag -listen-client-urls: no URL given",
    );
    fails_with(&["-addr="], "flag -addr: host and port are needed");
}

#[test]
fn a_bad_address_names_where_it_came_from() {
    let exit = Fake::default().exit(&[], &[("ETCD_ADDR", "http://10.0.0.2:4001")]);
    assert_eq!(
        exit.stderr,
        "environment variable ETCD_ADDR: write host:port without a scheme, as in 10.0.0.2:4001: \
         \"http://10.0.0.2:4001\"\n"
    );
}

#[test]
fn a_password_in_an_address_is_not_shown() {
    fails_with(
        &[
            "--advertise-client-urls",
            "http://me:se//cret@127.0.0.1:2379",
        ],
        "\"http://me:***@127.0.0.1:2379\"",
    );
    fails_with(&["--addr", "secret@h:1"], "\"secret@h:1\"");
}

#[test]
fn old_and_new_option_for_the_same_thing_exclude_each_other() {
    for (new, old) in [
        ("advertise-client-urls", "addr"),
        ("listen-client-urls", "bind-addr"),
        ("initial-advertise-peer-urls", "peer-addr"),
        ("listen-peer-urls", "peer-bind-addr"),
    ] {
        let args = [
            format!("--{new}=http://127.0.0.1:1"),
            format!("-{old}=127.0.0.1:1"),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        fails_with(&args, &format!("Set only one of flags -{new} and -{old}"));
    }
    let exit = Fake::with(SYSTEM_FILE, "\naddr = \"a:1\"\n")
        .exit(&[], &[("ETCD_ADVERTISE_CLIENT_URLS", "http://a:1")]);
    assert!(
        exit.stderr
            .contains("ETCD_ADVERTISE_CLIENT_URLS; /etc/etcd/etcd.conf line 2"),
        "{}",
        exit.stderr
    );
}

#[test]
fn one_way_to_find_the_members_and_no_more() {
    let ways = [
        "--initial-cluster=default=http://localhost:2380",
        "--discovery=http://d/v2/keys/_etcd/registry/t",
        "--discovery-srv=example.com",
    ];
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        fails_with(
            &[ways[first], ways[second]],
            "multiple discovery or bootstrap flags are set",
        );
    }
}

#[test]
fn the_initial_cluster_must_be_this_node() {
    let cluster = "--initial-cluster=a=http://10.0.0.2:2380";
    let advertised = "--initial-advertise-peer-urls=http://10.0.0.2:2380";
    fails_with(
        &["--name=b", cluster, advertised],
        "couldn't find local name \"b\" in the initial cluster configuration",
    );
    fails_with(
        &["--name=a", cluster],
        "--initial-cluster has a=http://10.0.0.2:2380 but missing from --initial-advertise-peer-urls=",
    );
    fails_with(
        &[
            "--name=a",
            cluster,
            "--initial-advertise-peer-urls=http://10.0.0.2:2380,http://10.0.0.2:7001",
        ],
        "--initial-advertise-peer-urls has http://10.0.0.2:7001 but missing from --initial-cluster=",
    );
    fails_with(
        &[
            "--name=a",
            "--initial-cluster=a=http://10.0.0.2:2380,a=http://10.0.0.2:2380",
            advertised,
        ],
        "has duplicate url",
    );
    fails_with(
        &["--name=a", "--initial-cluster=http://10.0.0.2:2380"],
        "is not of the form name=url",
    );
    fails_with(
        &["--name=a", "--initial-cluster=a=10.0.0.2:2380"],
        "a URL must begin with http",
    );
    let config = config(&["--name=a", cluster, advertised]);
    assert_eq!(config.initial_cluster.len(), 1);
    assert_eq!(config.initial_cluster[0].name, "a");
    assert_eq!(
        config.initial_cluster[0].peer_urls,
        ["http://10.0.0.2:2380"]
    );
}

/// Names and URLs of the members to found with.
fn members(config: &crate::config::Config) -> Vec<(&str, Vec<&str>)> {
    let mut members = Vec::new();
    for member in &config.initial_cluster {
        let urls = member.peer_urls.iter().map(String::as_str);
        members.push((member.name.as_str(), urls.collect()));
    }
    members
}

#[test]
fn the_initial_cluster_names_all_members_with_all_their_urls() {
    let three = config(&[
        "--name=b",
        "--initial-advertise-peer-urls=http://localhost:2380",
        "--initial-cluster=c=http://10.0.0.3:2380,b=http://127.0.0.1:2380,a=http://10.0.0.1:2380,c=http://10.0.0.3:2379",
    ]);
    assert_eq!(
        members(&three),
        [
            ("a", vec!["http://10.0.0.1:2380"]),
            // All members have to compute the same ids: the spelling is that of the list.
            ("b", vec!["http://127.0.0.1:2380"]),
            ("c", vec!["http://10.0.0.3:2379", "http://10.0.0.3:2380"]),
        ]
    );
    assert!(three.founding_obstacle.is_none());
    assert!(!has_notice(&three, "cluster of two"), "{:?}", three.notices);
}

const ADVERTISED: &str = "--initial-advertise-peer-urls=http://localhost:2380";

/// `n1` to `nCOUNT`, the first with the URL that it advertises.
fn cluster_of(count: usize) -> String {
    let others = (2..=count).map(|n| format!("n{n}=http://10.0.0.{n}:2380"));
    let all = std::iter::once("n1=http://localhost:2380".to_owned()).chain(others);
    format!("--initial-cluster={}", all.collect::<Vec<_>>().join(","))
}

#[test]
fn a_cluster_has_one_to_nine_members_and_two_are_warned_about() {
    for count in 1..=9 {
        let config = config(&["--name=n1", ADVERTISED, &cluster_of(count)]);
        assert_eq!(config.initial_cluster.len(), count);
        assert_eq!(
            has_notice(
                &config,
                "a cluster of two stops when either of its members, n1 and n2, stops"
            ),
            count == 2,
            "{:?}",
            config.notices
        );
    }
    fails_with(
        &["--name=n1", ADVERTISED, &cluster_of(10)],
        "flag -initial-cluster: a cluster has at most 9 members, and 10 are named: leave some out",
    );
    fails_with(
        &[
            "--name=n1",
            "--initial-cluster=n1=http://localhost:2380,n2=http://127.0.0.1:2380",
        ],
        "has duplicate url http://127.0.0.1:2380",
    );
}

#[test]
fn a_restart_takes_no_members_from_the_options() {
    let host = Fake::holding("/d");
    let args = ["--data-dir=/d", "--name=n1", ADVERTISED, &cluster_of(10)];
    let config = host.config(&args, &[]);
    assert_eq!(members(&config), [("n1", vec!["http://localhost:2380"])]);
    assert!(config.founding_obstacle.is_some());
    let two = host.config(
        &["--data-dir=/d", "--name=n1", ADVERTISED, &cluster_of(2)],
        &[],
    );
    assert!(!has_notice(&two, "cluster of two"), "{:?}", two.notices);
}

#[test]
fn localhost_and_its_address_are_the_same_place() {
    let config = config(&[
        "--initial-cluster=default=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://localhost:2380",
    ]);
    assert_eq!(
        config.initial_cluster[0].peer_urls,
        ["http://localhost:2380"]
    );
}

#[test]
fn the_state_is_one_of_two_words() {
    let (text, code) = refused(&["--initial-cluster-state=fresh"]);
    assert!(
        text.starts_with("invalid value \"fresh\" for flag -initial-cluster-state: invalid value"),
        "{text}"
    );
    assert_eq!(code, 2);
}

#[test]
fn a_port_cannot_serve_clients_and_nodes() {
    fails_with(
        &["-addr=10.0.0.2:4001", "-peer-addr=10.0.0.2:4001"],
        "cannot both listen on",
    );
}

#[test]
fn limits_have_a_least_value() {
    for flag in [
        "retention-events",
        "retention-bytes",
        "max-connections",
        "max-watchers",
        "max-request-bytes",
    ] {
        fails_with(
            &[&format!("--{flag}=0")],
            &format!("flag -{flag}: 0 is too small"),
        );
    }
    fails_with(&["--cache-size=1"], "the least value is 1048576");
    fails_with(&["--max-request-bytes=1GiB"], "is too large");
    fails_with(&["-http-read-timeout=-1"], "is not a time in seconds");
    fails_with(&["-http-read-timeout=1e300"], "is not a time in seconds");
    fails_with(&["-name=a/b"], "cannot be a node's name");
}
