//! Configurations for tests, as the options give them on a machine that has nothing.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::{Config, Host, Loaded, load};

struct EmptyMachine;

impl Host for EmptyMachine {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn hostname(&self) -> String {
        "box1".to_owned()
    }

    fn system_file(&self) -> PathBuf {
        PathBuf::from("/etc/etcd/etcd.conf")
    }

    fn holds_member(&self, _: &Path) -> bool {
        false
    }

    fn is_vacant(&self, _: &Path) -> bool {
        true
    }
}

/// The configuration of a start with these flags.
pub(super) fn config(args: &[&str]) -> Config {
    match load(
        args.iter().map(OsString::from),
        std::iter::empty(),
        &EmptyMachine,
    ) {
        Ok(Loaded::Run(config)) => *config,
        other => panic!("{args:?}: {other:?}"),
    }
}

/// The members a, b and c of one cluster; b has two URLs. Their ids are known from the original.
pub(super) fn three() -> [Config; 3] {
    let of = |name: &str, peers: &str, client: &str| {
        config(&[
            "--initial-cluster-token=three",
            "--initial-cluster=a=http://127.0.0.1:23801,b=http://127.0.0.1:23804,b=http://127.0.0.1:23802,\
             c=http://localhost:23803",
            &format!("--name={name}"),
            &format!("--initial-advertise-peer-urls={peers}"),
            &format!("--listen-client-urls={client}"),
            &format!("--advertise-client-urls={client}"),
        ])
    };
    [
        of("a", "http://127.0.0.1:23801", "http://127.0.0.1:23811"),
        of(
            "b",
            "http://127.0.0.1:23802,http://127.0.0.1:23804",
            "http://127.0.0.1:23812",
        ),
        of("c", "http://127.0.0.1:23803", "http://127.0.0.1:23813"),
    ]
}
