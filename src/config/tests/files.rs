//! Files good and bad: what they set, and the path and line a refusal names.

use super::*;

#[test]
fn the_toml_file_of_04_is_read_whole() {
    let text = "\
name = \"n1\"
addr = \"10.0.0.2:4001\"
bind_addr = \"0.0.0.0:4001\"
cors = [\"http://a:1\", \"http://b:2\"]
data_dir = \"/var/lib/etcd\"
snapshot_count = 500
http_read_timeout = 10
very_verbose = true
[peer]
addr = \"10.0.0.2:7001\"
heartbeat_interval = 60
election_timeout = 600
[cluster]
active_size = 5
remove_delay = 2.5
sync_interval = 0.5
";
    let config = Fake::with("/c.conf", text).config(&["-config=/c.conf"], &[]);
    assert_eq!(config.vocabulary, crate::config::Vocabulary::Classic);
    assert_eq!(config.name, "n1");
    assert_eq!(config.data_dir, Path::new("/var/lib/etcd"));
    assert_eq!(urls(&config.listen_client), ["http://0.0.0.0:4001"]);
    assert_eq!(
        config.cors,
        crate::config::Cors::List(vec!["http://a:1".into(), "http://b:2".into()])
    );
    assert_eq!(config.snapshot_count, 500);
    assert_eq!(
        config.http_read_timeout,
        Some(std::time::Duration::from_secs(10))
    );
    assert_eq!(config.log.level, crate::config::LogLevel::Debug);
    assert_eq!(
        (config.heartbeat.as_millis(), config.election.as_millis()),
        (60, 600)
    );
    assert_eq!(config.cluster.active_size, 5);
    assert_eq!(config.cluster.remove_delay_seconds, 2.5);
    assert_eq!(config.cluster.sync_interval_seconds, 1.0);
    assert!(
        has_notice(&config, "/c.conf line 16: 0.5 is raised to the minimum, 1"),
        "{:?}",
        config.notices
    );
}

#[test]
fn the_yaml_file_of_34_is_read_whole() {
    let text = "\
name: yml
data-dir: /var/lib/etcd
listen-client-urls: http://0.0.0.0:2379, http://127.0.0.1:4001
advertise-client-urls: http://10.0.0.2:2379
heartbeat-interval: 200
election-timeout: 2000
enable-v2: true
proxy: off
discovery-srv:
client-transport-security: {cert-file: '', client-cert-auth: false}
log-outputs: [stderr, stdout]
default-read: local
";
    let config = Fake::with("/f", text).config(&["--config-file=/f"], &[]);
    assert_eq!(config.name, "yml");
    assert_eq!(
        urls(&config.listen_client),
        ["http://0.0.0.0:2379", "http://127.0.0.1:4001"]
    );
    assert_eq!(config.advertise_client, ["http://10.0.0.2:2379"]);
    assert_eq!(
        (config.heartbeat.as_millis(), config.election.as_millis()),
        (200, 2000)
    );
    assert_eq!(config.log.outputs.len(), 2);
    assert_eq!(config.default_read, crate::config::ReadMode::Local);
    assert_eq!(config.notices, [] as [&str; 0]);
}

#[test]
fn either_option_takes_either_format() {
    let host = Fake::with("/y", "name: yml\n")
        .and("/t", "name = \"toml\"\n")
        .and("/j.json", "{\"name\": \"json\"}");
    assert_eq!(host.config(&["-config", "/y"], &[]).name, "yml");
    assert_eq!(host.config(&["--config-file", "/t"], &[]).name, "toml");
    assert_eq!(host.config(&["--config-file", "/j.json"], &[]).name, "json");
}

#[test]
fn a_map_without_lines_is_no_unknown_key() {
    let text = "client-transport-security:\n  # cert-file: x\nname: n\nnobody:\n";
    let config = Fake::with("/y", text).config(&["--config-file=/y"], &[]);
    assert_eq!(config.name, "n");
    let unknown = |key: &str| {
        let said = config.notices.iter();
        said.filter(|notice| notice.contains(key)).count()
    };
    assert_eq!((unknown("transport-security"), unknown("nobody")), (0, 1));
}

#[test]
fn an_unknown_key_is_noticed_with_its_line() {
    let host = Fake::with("/t", "cpu_profile_file = \"x\"\n[peer]\nfoo = 1\n")
        .and("/y", "a: 1\nb: {c: {d: 2}}\n");
    let config = host.config(&["-config", "/t"], &[]);
    assert!(
        has_notice(
            &config,
            "/t line 1: unknown key cpu_profile_file is ignored"
        ),
        "{:?}",
        config.notices
    );
    assert!(
        has_notice(&config, "/t line 3: unknown key peer.foo is ignored"),
        "{:?}",
        config.notices
    );
    let config = host.config(&["--config-file", "/y"], &[]);
    assert!(
        has_notice(&config, "/y line 2: unknown key b.c is ignored"),
        "{:?}",
        config.notices
    );
}

#[test]
fn a_bad_file_is_refused_with_path_and_line() {
    for (text, part) in [
        ("name = \"a\"\naddr = 10.0.0.2:4001\n", "/t.toml line 2: "),
        (
            "\nsnapshot_count = \"many\"\n",
            "/t.toml line 2: invalid value \"many\" for snapshot_count: parse error",
        ),
        (
            "snapshot_count = -1\n",
            "/t.toml line 1: invalid value \"-1\" for snapshot_count: parse error",
        ),
        (
            "snapshot = \"perhaps\"\n",
            "/t.toml line 1: invalid value \"perhaps\" for snapshot: parse error",
        ),
        (
            "name = [\"a\", \"b\"]\n",
            "/t.toml line 1: name takes one value, not a list",
        ),
        ("[name]\nx = 1\n", ""),
        (
            "[peer]\naddr = {a = 1}\n",
            "/t.toml line 2: peer.addr takes a plain value, not a table",
        ),
        ("name = \"a\"\nname = \"b\"\n", "/t.toml line 2: "),
    ] {
        let host = Fake::with("/t.toml", text);
        if part.is_empty() {
            assert!(has_notice(
                &host.config(&["-config", "/t.toml"], &[]),
                "unknown key name.x"
            ));
            continue;
        }
        let exit = host.exit(&["-config", "/t.toml"], &[]);
        assert!(exit.stderr.starts_with(part), "{text:?}: {}", exit.stderr);
        assert_eq!(exit.code, 1);
    }
    let exit = Fake::with("/f.yml", "name: a\nsnapshot-count: x\n")
        .exit(&["--config-file", "/f.yml"], &[]);
    assert_eq!(
        exit.stderr,
        "/f.yml line 2: invalid value \"x\" for snapshot-count: parse error\n"
    );
    let exit = Fake::with("/f.yml", "name: a\n  b: c\n").exit(&["--config-file", "/f.yml"], &[]);
    assert!(
        exit.stderr.starts_with("/f.yml line 2: "),
        "{}",
        exit.stderr
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let mut host = Fake::default();
    host.files
        .insert("/t".into(), b"name = \"a\"\naddr = \"\xff\"\n".to_vec());
    assert_eq!(
        host.exit(&["-config", "/t"], &[]).stderr,
        "/t line 2: not valid UTF-8 at byte 19\n"
    );
}

#[test]
fn a_file_that_was_asked_for_must_exist_and_the_system_file_need_not() {
    let (text, code) = refused(&["-config", "/nowhere"]);
    assert!(
        text.starts_with("cannot read the configuration file /nowhere: "),
        "{text}"
    );
    assert_eq!(code, 1);
    assert_eq!(refused(&["--config-file", "/nowhere"]).1, 1);
    assert_eq!(config(&[]).name, "default");
}

#[test]
fn a_list_of_variables_under_the_system_files_name_is_left_to_systemd() {
    let text = "#[Member]\nETCD_NAME=default\nETCD_DATA_DIR=\"/var/lib/etcd/default.etcd\"\n";
    let host = Fake::with(SYSTEM_FILE, text);
    let config = host.config(&[], &[]);
    assert!(
        has_notice(
            &config,
            "/etc/etcd/etcd.conf is a list of environment variables"
        ),
        "{:?}",
        config.notices
    );
    let exit = host.exit(&["-config", SYSTEM_FILE], &[]);
    assert!(exit.stderr.contains("EnvironmentFile"), "{}", exit.stderr);
}

#[test]
fn a_real_file_system_is_read_by_the_same_rules() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n.yml");
    std::fs::write(&path, "name: real\n").unwrap();
    let machine = crate::config::Machine;
    assert_eq!(machine.read(&path).unwrap(), b"name: real\n");
    assert!(!machine.hostname().is_empty());
    assert!(!machine.holds_member(dir.path()));
    std::fs::create_dir(dir.path().join("wal")).unwrap();
    assert!(
        !machine.holds_member(dir.path()),
        "an empty log holds no member"
    );
    std::fs::write(dir.path().join("wal/segment"), b"x").unwrap();
    assert!(machine.holds_member(dir.path()));
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    let args = ["--config-file".into(), path.clone().into_os_string()];
    let exit = load(args, [], &machine).unwrap_err();
    assert!(
        exit.stderr
            .contains("more than the 1048576 bytes a configuration file may have"),
        "{}",
        exit.stderr
    );
}

/// A small generator (xorshift), so that a seed replays a run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn damaged_files_end_in_a_configuration_or_a_refusal_never_in_a_crash() {
    let yaml = "name: &a n1\nlisten-client-urls: [http://0.0.0.0:2379, 'x']\nclient-transport-security:\n  \
                auto-tls: false\n# remark\nlog-level: |\n  info\ncors: \"a\\u0041\"\n? k\n: {a: [1, *a], !t b: ~}\n";
    let toml = "name = \"n1\"\ncors = ['a', \"\\u0041\"]\n[peer]\nheartbeat_interval = 5_0\n[[x]]\na.b = {c = 1e5}\n\
                d = 1979-05-27T07:32:00Z\ne = \"\"\"\nf\"\"\"\n";
    let alphabet = b"\x00\t\n\r -:,[]{}#&*!|>'\"%@`?=.~\\ax0\xff\xc3\xa9\xe2\x80\xa8";
    for seed in 1..=4_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for (path, text) in [("/f.yml", yaml), ("/f.toml", toml)] {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=random.below(6) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] = alphabet[random.below(alphabet.len())],
                    1 => bytes.insert(at, alphabet[random.below(alphabet.len())]),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at + 1),
                }
            }
            let mut host = Fake::default();
            host.files.insert(path.into(), bytes.clone());
            let result = std::panic::catch_unwind(|| host.load(&["--config-file", path], &[]));
            assert!(
                result.is_ok(),
                "seed {seed}: {path} crashed on {:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

/// As many keys as a file can have: each is looked at once.
#[test]
fn a_file_full_of_keys_is_read_and_a_repeated_one_is_found() {
    let yaml: String = (0..80_000).map(|key| format!("k{key}: 1\n")).collect();
    let config = Fake::with("/f.yml", &yaml).config(&["--config-file=/f.yml"], &[]);
    assert!(config.notices.len() < 100);
    assert!(has_notice(&config, "79980 more unknown keys are ignored"));
    let twice = yaml + "k7: 2\n";
    let exit = Fake::with("/f.yml", &twice).exit(&["--config-file=/f.yml"], &[]);
    assert!(
        exit.stderr
            .contains("/f.yml line 80001: key k7 is given twice"),
        "{}",
        exit.stderr
    );
    let toml: String = (0..80_000).map(|key| format!("k{key} = 1\n")).collect();
    let config = Fake::with("/f.toml", &toml).config(&["-config=/f.toml"], &[]);
    assert!(
        has_notice(&config, "/f.toml line 20: unknown key k19"),
        "{:?}",
        config.notices
    );
}
