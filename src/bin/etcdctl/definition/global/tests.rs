use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::parse::{Parsed, parse};
use crate::refusal::UsageError;

type Variables<'v> = &'v [(&'v str, &'v str)];

fn parsed(words: &[&str], variables: Variables) -> Result<Parsed, UsageError> {
    let variables: BTreeMap<&str, OsString> = variables
        .iter()
        .map(|(name, value)| (*name, OsString::from(value)))
        .collect();
    let words = words.iter().chain(&["ls"]).map(OsString::from);
    parse(words, |name| variables.get(name).cloned())
}

fn global(words: &[&str], variables: Variables) -> Global {
    match parsed(words, variables) {
        Ok(Parsed::Run(invocation)) => invocation.global,
        other => panic!("{words:?} {variables:?}: {other:?}"),
    }
}

/// Every subset of the six ways to name endpoints: the strongest one present decides, and one that is empty is not present.
#[test]
fn any_flag_beats_any_variable_and_the_newest_name_wins() {
    let flags = ["--endpoints", "--endpoint", "--peers"];
    let variables = ["ETCDCTL_ENDPOINTS", "ETCDCTL_ENDPOINT", "ETCDCTL_PEERS"];
    for given in 0_u32..1 << 6 {
        for empty in 0_u32..1 << 6 {
            let is_given = |at: usize| given >> at & 1 == 1;
            let value = |at: usize| {
                if empty >> at & 1 == 1 {
                    ""
                } else {
                    ["a", "b", "c", "d", "e", "f"][at]
                }
            };
            let words: Vec<&str> = (0..3)
                .filter(|at| is_given(*at))
                .flat_map(|at| [flags[at], value(at)])
                .collect();
            let variables: Vec<(&str, &str)> = (3..6)
                .filter(|at| is_given(*at))
                .map(|at| (variables[at - 3], value(at)))
                .collect();
            let expected = (0..6)
                .filter(|at| is_given(*at))
                .map(value)
                .find(|value| !value.is_empty());
            let endpoints = global(&words, &variables).endpoints;
            assert_eq!(
                endpoints,
                expected.unwrap_or(DEFAULT_ENDPOINTS),
                "{words:?} {variables:?}"
            );
        }
    }
}

#[test]
fn the_short_name_of_the_oldest_option_is_a_flag_too() {
    let endpoints = global(&["-C", "h:4001"], &[("ETCDCTL_ENDPOINT", "other:2379")]).endpoints;
    assert_eq!(endpoints, "h:4001");
}

#[test]
fn variables_stand_in_for_what_is_not_given() {
    let variables = [
        ("ETCDCTL_DISCOVERY_SRV", "example.com"),
        ("ETCDCTL_DISCOVERY_SRV_NAME", "blue"),
        ("ETCDCTL_INSECURE_DISCOVERY", "0"),
        ("ETCDCTL_CERT_FILE", "c"),
        ("ETCDCTL_KEY_FILE", "k"),
        ("ETCDCTL_CA_FILE", "a"),
        ("ETCDCTL_USERNAME", "root:pw"),
        ("ETCDCTL_API", "3"),
    ];
    let found = global(&[], &variables);
    assert_eq!(found.discovery_srv.as_deref(), Some("example.com"));
    assert_eq!(found.discovery_srv_name.as_deref(), Some("blue"));
    // Any text is a yes: that is how the original reads this one (etcdctl reference 3).
    assert!(found.insecure_discovery);
    assert_eq!(found.cert_file, Some("c".into()));
    assert_eq!(found.key_file, Some("k".into()));
    assert_eq!(found.ca_file, Some("a".into()));
    assert_eq!(found.username.as_deref(), Some("root:pw"));
    let words = [
        "-D",
        "x.org",
        "-u",
        "bob",
        "--cert-file",
        "1",
        "--key-file",
        "2",
        "--ca-file",
        "3",
    ];
    let found = global(&words, &variables);
    assert_eq!(found.discovery_srv.as_deref(), Some("x.org"));
    assert_eq!(found.cert_file, Some("1".into()));
    assert_eq!(found.key_file, Some("2".into()));
    assert_eq!(found.ca_file, Some("3".into()));
    assert_eq!(found.username.as_deref(), Some("bob"));
}

#[test]
fn an_empty_text_counts_as_absent() {
    let names = VARIABLES.map(|(_, variable)| (variable, ""));
    let variables = [&names[..], &[("ETCDCTL_DISCOVERY_SRV_NAME", "")]].concat();
    let nothing = global(&[], &[]);
    assert_eq!(global(&[], &variables), nothing);
    let words = [
        "-D",
        "",
        "-u=",
        "--cert-file",
        "",
        "--key-file=",
        "--ca-file",
        "",
        "--endpoints",
        "",
    ];
    assert_eq!(global(&words, &variables), nothing);
    assert_eq!(
        global(&words, &[("ETCDCTL_CA_FILE", "a")]).ca_file,
        Some("a".into())
    );
}

#[test]
fn no_time_at_all_is_no_limit() {
    let found = global(&["--timeout", "0", "--total-timeout", "1m30s"], &[]);
    assert_eq!(
        (found.timeout, found.total_timeout),
        (None, Some(Duration::from_secs(90)))
    );
}

#[test]
fn a_variable_that_is_no_text_is_named_when_it_is_needed() {
    let bytes = || OsString::from_vec(vec![0xff]);
    let with = |words: &[&str], variable: &str| {
        let words = words.iter().chain(&["ls"]).map(OsString::from);
        parse(words, |name| (name == variable).then(bytes))
    };
    let refusal = with(&[], "ETCDCTL_PEERS").expect_err("no text");
    assert_eq!(refusal.code, 1);
    assert_eq!(
        refusal.stderr,
        "ETCDCTL_PEERS is not valid UTF-8: set it again, or unset it\n"
    );
    assert!(with(&["--endpoints", "h"], "ETCDCTL_PEERS").is_ok());
    // The name of a file may be any bytes.
    match with(&[], "ETCDCTL_CA_FILE") {
        Ok(Parsed::Run(found)) => assert_eq!(found.global.ca_file, Some(PathBuf::from(bytes()))),
        other => panic!("{other:?}"),
    }
}
