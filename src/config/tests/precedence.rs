//! Defaults < system file < explicit file < environment < flags, for every pair of sources.

use super::*;

const EXPLICIT_FILE: &str = "/n1.conf";

/// The five sources, weakest first; each gives the value of its own number when its bit is set.
fn start(bits: u32) -> Config {
    let mut host = Fake::default();
    let mut args: Vec<&str> = Vec::new();
    let mut env: Vec<(&str, &str)> = Vec::new();
    if bits & 1 != 0 {
        host = host.and(SYSTEM_FILE, "name = \"system\"\nsnapshot_count = 1\n");
    }
    if bits & 2 != 0 {
        host = host.and(EXPLICIT_FILE, "name = \"explicit\"\nsnapshot_count = 2\n");
        args.extend(["-config", EXPLICIT_FILE]);
    }
    if bits & 4 != 0 {
        env.extend([("ETCD_NAME", "environment"), ("ETCD_SNAPSHOT_COUNT", "3")]);
    }
    if bits & 8 != 0 {
        args.extend(["-name", "flag", "-snapshot-count", "4"]);
    }
    host.config(&args, &env)
}

#[test]
fn the_strongest_source_wins_in_every_combination() {
    for bits in 0..16 {
        let (name, count) = match bits {
            0 => ("default", 50_000),
            bits if bits & 8 != 0 => ("flag", 4),
            bits if bits & 4 != 0 => ("environment", 3),
            bits if bits & 2 != 0 => ("explicit", 2),
            _ => ("system", 1),
        };
        let config = start(bits);
        assert_eq!(
            (config.name.as_str(), config.snapshot_count),
            (name, count),
            "sources {bits:04b}"
        );
        let shadowed = has_notice(
            &config,
            "environment variable ETCD_NAME is shadowed by flag -name",
        );
        assert_eq!(shadowed, bits & 12 == 12, "sources {bits:04b}");
    }
}

#[test]
fn sources_are_merged_option_by_option() {
    let host = Fake::with(
        SYSTEM_FILE,
        "[cluster]\nactive_size = 5\n[peer]\naddr = \"10.0.0.2:7001\"\n",
    );
    let config = host.config(&["-name", "n1"], &[("ETCD_ADDR", "10.0.0.2:4001")]);
    assert_eq!(config.cluster.active_size, 5);
    assert_eq!(config.advertise_client, ["http://10.0.0.2:4001"]);
    assert_eq!(config.advertise_peer, ["http://10.0.0.2:7001"]);
    assert_eq!(config.name, "n1");
}

#[test]
fn the_config_flag_works_at_any_place_of_the_command_line() {
    let host = Fake::with("/c", "name = \"c\"\n");
    for args in [["-config", "/c", "-v"], ["-v", "-config", "/c"]] {
        assert_eq!(host.config(&args, &[]).name, "c", "{args:?}");
    }
}

#[test]
fn an_exclusive_file_puts_everything_else_out_of_force() {
    let host = Fake::with(SYSTEM_FILE, "snapshot_count = 1\n").and("/f.yml", "name: yml\n");
    for (args, env) in [
        (
            vec!["--config-file", "/f.yml", "--name", "flag"],
            vec![("ETCD_SNAPSHOT_COUNT", "3")],
        ),
        (
            vec!["--name", "flag"],
            vec![("ETCD_CONFIG_FILE", "/f.yml"), ("ETCD_SNAPSHOT_COUNT", "3")],
        ),
    ] {
        let config = host.config(&args, &env);
        assert_eq!(
            (config.name.as_str(), config.snapshot_count),
            ("yml", 50_000),
            "{args:?}"
        );
        assert!(has_notice(
            &config,
            "without effect: flag -name, environment variable ETCD_SNAPSHOT_COUNT"
        ));
    }
}

#[test]
fn the_two_file_options_exclude_each_other() {
    let (text, code) = refused(&["-config", "/a", "--config-file", "/b"]);
    assert!(text.contains("set only one of the flags -config"), "{text}");
    assert_eq!(code, 1);
}

#[test]
fn an_empty_variable_does_not_hide_a_file() {
    let host = Fake::with(SYSTEM_FILE, "name = \"system\"\n");
    assert_eq!(host.config(&[], &[("ETCD_NAME", "")]).name, "system");
}
