//! Which crate and module may know which: the arrows of the house, read from manifests and from
//! every path that code names. The table is the one in ARCHITECTURE.md:
//! change both or neither.

use crate::rust_source::{NamedPath, paths, tokens};
use crate::tree::rust_files;
use crate::{LEAVES, manifest, program, report};

/// Where a module lives, and what it never names. What is not written here is allowed.
const NEVER: [(&str, &[&str]); 19] = [
    (
        "wal/src",
        &[
            "storage",
            "snapshot",
            "raft",
            "hyper",
            "tokio",
            "serde_json",
            "prost",
            "rocksdb",
        ],
    ),
    (
        "storage/src",
        &[
            "wal",
            "snapshot",
            "raft",
            "hyper",
            "http",
            "tokio",
            "serde_json",
            "prost",
        ],
    ),
    (
        "snapshot/src",
        &[
            "storage",
            "raft",
            "hyper",
            "tokio",
            "serde_json",
            "prost",
            "rocksdb",
        ],
    ),
    // Only `storage` knows what it is built on.
    ("src", &["rocksdb"]),
    ("src/command", &["hyper", "crate::http"]),
    (
        "src/raft",
        &["hyper", "serde_json", "storage", "std::fs", "crate::http"],
    ),
    // From the configuration it knows nothing but the obstacle to a founding.
    (
        "src/node",
        &[
            "hyper",
            "serde_json",
            "crate::formation",
            "crate::http",
            "crate::server",
            "crate::service",
        ],
    ),
    (
        "src/watch",
        &[
            "hyper",
            "serde_json",
            "wal",
            "crate::config",
            "crate::http",
            "crate::node",
            "crate::service",
        ],
    ),
    // Pure state: somebody else proposes what it makes.
    (
        "src/members",
        &[
            "hyper",
            "tokio",
            "wal",
            "raft",
            "crate::config",
            "crate::http",
            "crate::node",
            "crate::server",
            "crate::service",
        ],
    ),
    // Every front end calls it, so it must not know one of them.
    (
        "src/service",
        &[
            "hyper",
            "wal",
            "crate::formation",
            "crate::http",
            "crate::server",
        ],
    ),
    ("src/formation", &["hyper", "crate::http", "crate::server"]),
    (
        "src/transport",
        &["storage", "crate::http", "crate::service"],
    ),
    ("src/http", &["wal", "snapshot"]),
    // Every port uses it, so it must not know what is said on one of them.
    (
        "src/listen",
        &[
            "wal",
            "storage",
            "snapshot",
            "raft",
            "serde_json",
            "crate::command",
            "crate::config",
            "crate::http",
            "crate::node",
            "crate::raft",
            "crate::server",
            "crate::service",
            "crate::watch",
        ],
    ),
    (
        "src/config",
        &[
            "wal",
            "storage",
            "snapshot",
            "raft",
            "hyper",
            "tokio",
            "crate::http",
            "crate::listen",
            "crate::node",
            "crate::raft",
            "crate::server",
            "crate::service",
            "crate::watch",
        ],
    ),
    // It speaks to any server of this kind, so it must not know ours from inside.
    (
        "src/client",
        &[
            "wal",
            "storage",
            "snapshot",
            "raft",
            "clap",
            "crate::command",
            "crate::config",
            "crate::http",
            "crate::listen",
            "crate::node",
            "crate::raft",
            "crate::server",
            "crate::service",
            "crate::watch",
        ],
    ),
    // Client and server both stand on these, so they must not know either.
    ("src/tls", NETWORK_GROUND),
    ("src/dns", NETWORK_GROUND),
    ("src/bin", &["raft", "wal", "storage", "snapshot"]),
];

/// What a room below both client and server never names.
const NETWORK_GROUND: &[&str] = &[
    "wal",
    "storage",
    "snapshot",
    "raft",
    "hyper",
    "clap",
    "serde_json",
    "crate::client",
    "crate::command",
    "crate::config",
    "crate::formation",
    "crate::http",
    "crate::members",
    "crate::node",
    "crate::raft",
    "crate::server",
    "crate::service",
    "crate::watch",
];

/// Rows of [`NEVER`] whose place is still to be built.
const LATER: [&str; 0] = [];

/// What no leaf depends on: consensus, network, asynchrony, JSON, command lines.
const NO_LEAF: [&str; 10] = [
    "raft",
    "prost",
    "prost11",
    "hyper",
    "hyper-util",
    "http-body-util",
    "tokio",
    "serde",
    "serde_json",
    "clap",
];

fn is_below(file: &str, place: &str) -> bool {
    // `src/command.rs` brings its directory `src/command/` along.
    let stem = place.strip_suffix(".rs").unwrap_or(place);
    file == place
        || file
            .strip_prefix(stem)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// The paths in `named` that a file at `file` must not name.
fn forbidden<'a>(file: &str, named: &'a [NamedPath]) -> Vec<(&'a NamedPath, &'static str)> {
    let rows = NEVER.iter().filter(|(place, _)| is_below(file, place));
    let prefixes = rows.flat_map(|(_, prefixes)| prefixes.iter().copied());
    prefixes
        .flat_map(|prefix| {
            named
                .iter()
                .filter(move |path| path.starts_with(prefix))
                .map(move |path| (path, prefix))
        })
        .collect()
}

#[test]
fn no_module_names_what_it_must_not_know() {
    let mut offences = Vec::new();
    for place in ["wal/src", "storage/src", "snapshot/src", "src"] {
        for file in rust_files(place) {
            let named = paths(&program(&file));
            for (path, prefix) in forbidden(&file, &named) {
                offences.push(format!("{file}:{} names {prefix}", path.line));
            }
        }
    }
    report("an arrow between modules points the wrong way", offences);
}

#[test]
fn the_table_of_arrows_names_real_places() {
    for (place, _) in NEVER {
        let there = !rust_files(place).is_empty();
        assert!(
            there || LATER.contains(&place),
            "{place} does not exist: its row guards nothing"
        );
        assert!(
            !(there && LATER.contains(&place)),
            "{place} exists now: take it out of LATER"
        );
    }
}

#[test]
fn a_wrong_arrow_is_noticed() {
    for (file, source) in [
        ("src/http/router.rs", "use wal::Wal;"),
        ("src/http/keys/get.rs", "use {std::fmt, rocksdb::DB};"),
        ("src/listen/accept.rs", "use crate::service::Service;"),
        ("src/raft/log.rs", "fn f() { hyper::Error::x(); }"),
        ("src/node/mod.rs", "use crate::{clock, http::Router};"),
        ("src/command/wire.rs", "pub use hyper;"),
        ("storage/src/read/store.rs", "use tokio::sync::mpsc;"),
        ("wal/src/segment.rs", "use raft::eraftpb;"),
        ("snapshot/src/reader.rs", "use storage as store;"),
    ] {
        let named = paths(&tokens(source));
        assert_eq!(forbidden(file, &named).len(), 1, "{file}: {source}");
    }
    for (file, source) in [
        (
            "src/raft/log.rs",
            "use crate::storage::x; use wal::Wal; use raft::Storage;",
        ),
        ("src/node/mod.rs", "use storage::Store; // hyper::Body"),
        ("src/commander.rs", "use hyper::Body;"),
    ] {
        let named = paths(&tokens(source));
        assert_eq!(forbidden(file, &named), [], "{file}: {source}");
    }
}

#[test]
fn snapshot_knows_only_the_file_seam_of_the_log() {
    let mut offences = Vec::new();
    for file in rust_files("snapshot/src") {
        for path in paths(&program(&file)) {
            if path.starts_with("wal") && !path.starts_with("wal::fs") {
                offences.push(format!(
                    "{file}:{} names {}",
                    path.line,
                    path.segments.join("::")
                ));
            }
        }
    }
    report("snapshot may use wal::fs and nothing else of it", offences);
}

/// Every dependency that a manifest names, in whatever table.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            // A renamed dependency is the package it names.
            found.extend(table.iter().map(|(name, value)| {
                let package = value.get("package").and_then(|package| package.as_str());
                package.unwrap_or(name).to_owned()
            }));
        } else if key == "target" {
            found.extend(
                table
                    .values()
                    .filter_map(|v| v.as_table())
                    .flat_map(dependencies),
            );
        }
    }
    found
}

#[test]
fn the_leaves_do_not_know_each_other() {
    let mut offences = Vec::new();
    for (leaf, allowed) in LEAVES {
        for name in dependencies(&manifest(&format!("{leaf}/Cargo.toml"))) {
            let ours = name == "etcd2" || LEAVES.iter().any(|(leaf, _)| *leaf == name);
            if ours && !allowed.contains(&name.as_str()) || NO_LEAF.contains(&name.as_str()) {
                offences.push(format!("{leaf}/Cargo.toml depends on {name}"));
            }
            if name == "rocksdb" && leaf != "storage" {
                offences.push(format!("{leaf}/Cargo.toml depends on rocksdb"));
            }
        }
    }
    if dependencies(&manifest("Cargo.toml"))
        .iter()
        .any(|name| name == "rocksdb")
    {
        offences.push("Cargo.toml depends on rocksdb, which only storage may know".to_owned());
    }
    report("a leaf depends on what it must not know", offences);
}

#[test]
fn dependencies_are_found_in_every_table() {
    let manifest = "
        [dependencies]\na = '1'\nb = { package = 'c', version = '1' }
        [dev-dependencies]\nd = '1'
        [target.'cfg(unix)'.build-dependencies]\ne = '1'
        [lints]\nworkspace = true
    ";
    let mut found = dependencies(&manifest.parse().unwrap());
    found.sort();
    assert_eq!(found, ["a", "c", "d", "e"]);
}
