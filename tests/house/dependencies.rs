//! What may enter the tree, as `deny.toml` says it: bans, licences and sources, from `Cargo.lock` and the
//! manifests that cargo has fetched anyway. It needs no network and no tool beside cargo.
//!
//! `cargo deny` reads the same file and knows more (yanked releases, advisories, texts of licences); building it
//! takes minutes and some 140 crates that nothing else here needs, so `tools/verify.sh` runs it where it is there. What this reader does not
//! know of `deny.toml` is an offence, so that no line of it is without effect.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tree::top;
use crate::{manifest, report};

/// The part of `deny.toml` that is applied here. The other tables are `cargo deny`'s own.
struct Rules {
    licenses: BTreeSet<String>,
    banned: BTreeSet<String>,
}

/// The strings of an array; none if it is not there.
fn strings(value: Option<&toml::Value>) -> BTreeSet<String> {
    let items = value.and_then(|value| value.as_array());
    items
        .into_iter()
        .flatten()
        .filter_map(|item| {
            let named = item.get("crate").and_then(|name| name.as_str());
            Some(item.as_str().or(named)?.to_owned())
        })
        .collect()
}

fn rules(file: &toml::Table) -> Rules {
    let at = |table: &str, key: &str| file.get(table).and_then(|table| table.get(key));
    Rules {
        licenses: strings(at("licenses", "allow")),
        banned: strings(at("bans", "deny")),
    }
}

/// What of these tables is not understood here, or would be left unapplied.
fn unknown(file: &toml::Table) -> Vec<String> {
    const KNOWN: [(&str, &[&str]); 5] = [
        ("graph", &["targets"]),
        ("advisories", &["yanked", "ignore"]),
        ("licenses", &["confidence-threshold", "allow"]),
        ("bans", &["wildcards", "multiple-versions", "deny"]),
        ("sources", &["unknown-registry", "unknown-git"]),
    ];
    let mut found = Vec::new();
    for (name, table) in file {
        let known = KNOWN.iter().find(|(known, _)| known == name);
        let Some((_, keys)) = known else {
            found.push(format!("[{name}]"));
            continue;
        };
        let used = table.as_table().into_iter().flat_map(|table| table.keys());
        let strange = used.filter(|key| !keys.contains(&key.as_str()));
        found.extend(strange.map(|key| format!("{name}.{key}")));
    }
    for key in ["unknown-registry", "unknown-git"] {
        let says = file.get("sources").and_then(|sources| sources.get(key));
        if says.and_then(|says| says.as_str()) != Some("deny") {
            found.push(format!(
                "sources.{key} is not \"deny\", and applied as if it were"
            ));
        }
    }
    found
}

/// Whether an SPDX expression can be met with the licences that are allowed. A slash is how old manifests write OR.
fn allowed(expression: &str, licenses: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    either(&mut rest, licenses).is_some_and(|met| met) && rest.is_empty()
}

/// One expression joined by OR; `None` if it is none. AND binds closer.
fn either(words: &mut &[&str], licenses: &BTreeSet<String>) -> Option<bool> {
    let mut met = both(words, licenses)?;
    while let Some(("OR", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        met |= both(words, licenses)?;
    }
    Some(met)
}

fn both(words: &mut &[&str], licenses: &BTreeSet<String>) -> Option<bool> {
    let mut met = one(words, licenses)?;
    while let Some(("AND", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        met &= one(words, licenses)?;
    }
    Some(met)
}

fn one(words: &mut &[&str], licenses: &BTreeSet<String>) -> Option<bool> {
    let (word, rest) = words.split_first()?;
    *words = rest;
    if *word == "(" {
        let met = either(words, licenses)?;
        let (closing, rest) = words.split_first()?;
        *words = rest;
        return (*closing == ")").then_some(met);
    }
    let mut name = (*word).to_owned();
    if let Some((&"WITH", rest)) = words.split_first() {
        let (exception, rest) = rest.split_first()?;
        *words = rest;
        name = format!("{name} WITH {exception}");
    }
    let is_name = !["OR", "AND", "WITH", ")"].contains(word);
    is_name.then(|| licenses.contains(&name))
}

/// The tables `[[package]]` of the lock file: those of every platform.
fn locked() -> Vec<toml::Value> {
    let lock = manifest("Cargo.lock");
    let packages = lock.get("package").and_then(|packages| packages.as_array());
    packages.cloned().unwrap_or_default()
}

#[test]
fn deny_toml_says_nothing_that_nobody_applies() {
    report("deny.toml, not understood", unknown(&manifest("deny.toml")));
}

#[test]
fn no_banned_crate_and_no_foreign_source_is_locked() {
    let rules = rules(&manifest("deny.toml"));
    assert!(!rules.banned.is_empty(), "nothing is banned");
    let packages = locked();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let word = |package: &toml::Value, key: &str| {
        let word = package.get(key).and_then(|word| word.as_str());
        word.map(str::to_owned)
    };
    // Cargo's own registry: the one source that cargo knows without a configuration.
    let sources: BTreeSet<_> = packages
        .iter()
        .filter_map(|package| word(package, "source"))
        .collect();
    let registries = sources
        .iter()
        .filter(|source| source.starts_with("registry+"));
    let mut offences: Vec<String> = sources
        .iter()
        .filter(|source| !source.starts_with("registry+"))
        .map(|source| format!("a source that is no registry: {source}"))
        .collect();
    if registries.count() > 1 {
        offences.push(format!("more than one registry: {sources:?}"));
    }
    for package in &packages {
        let name = word(package, "name").unwrap_or_default();
        if rules.banned.contains(&name) {
            offences.push(format!("{name} is banned"));
        }
        if word(package, "source").is_some() && word(package, "checksum").is_none() {
            offences.push(format!("{name} is not pinned by a checksum"));
        }
    }
    report("Cargo.lock against deny.toml", offences);
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let rules = rules(&manifest("deny.toml"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let host = std::env::consts::ARCH;
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        .arg(format!("--filter-platform={host}-unknown-linux-gnu"))
        .current_dir(top())
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 100, "{} packages", packages.len());
    let mut offences = Vec::new();
    for package in packages {
        let license = package["license"].as_str().unwrap_or_default();
        if !allowed(license, &rules.licenses) {
            let (name, version) = (&package["name"], &package["version"]);
            offences.push(format!("{name} {version}: licence \"{license}\""));
        }
    }
    report("a licence that deny.toml does not allow", offences);
}

#[test]
fn licence_expressions_are_read_as_their_standard_has_them() {
    let licenses = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    let licenses = licenses.map(str::to_owned).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT OR GPL-3.0 AND Zlib", true),
        ("(MIT OR GPL-3.0) AND Zlib", false),
        ("(MIT OR GPL-3.0) AND (ISC)", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("", false),
        ("MIT ISC", false),
        ("MIT OR", false),
        ("(MIT", false),
    ] {
        assert_eq!(allowed(expression, &licenses), met, "{expression}");
    }
}

#[test]
fn what_is_planted_in_deny_toml_is_noticed() {
    let file = "[licenses]\nallow = ['MIT']\nexceptions = []\n[output]\n[sources]\nunknown-git = 'warn'\nunknown-registry = 'deny'";
    let file = file.parse().expect("it is TOML");
    assert_eq!(
        unknown(&file),
        [
            "licenses.exceptions",
            "[output]",
            "sources.unknown-git is not \"deny\", and applied as if it were"
        ]
    );
}
