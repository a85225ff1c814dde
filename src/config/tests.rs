//! Whole starts against a machine in memory: what is asked, and the configuration or message that comes of it.

mod files;
mod messages;
mod precedence;
mod refusals;
mod start;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Config, Exit, Host, Loaded, load};

/// A machine whose files are in memory.
#[derive(Default)]
struct Fake {
    files: HashMap<PathBuf, Vec<u8>>,
    members: Vec<PathBuf>,
}

const SYSTEM_FILE: &str = "/etc/etcd/etcd.conf";

impl Fake {
    fn with(path: &str, text: &str) -> Fake {
        Fake::default().and(path, text)
    }

    fn and(mut self, path: &str, text: &str) -> Fake {
        self.files.insert(path.into(), text.as_bytes().to_vec());
        self
    }

    fn holding(data_dir: &str) -> Fake {
        Fake {
            members: vec![data_dir.into()],
            ..Fake::default()
        }
    }

    fn load(&self, args: &[&str], env: &[(&str, &str)]) -> Result<Loaded, Exit> {
        let env = env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        load(args.iter().map(OsString::from), env, self)
    }

    fn config(&self, args: &[&str], env: &[(&str, &str)]) -> Config {
        match self.load(args, env) {
            Ok(Loaded::Run(config)) => *config,
            other => panic!("{args:?} {env:?}: {other:?}"),
        }
    }

    fn exit(&self, args: &[&str], env: &[(&str, &str)]) -> Exit {
        self.load(args, env)
            .err()
            .unwrap_or_else(|| panic!("{args:?} {env:?} is accepted"))
    }
}

impl Host for Fake {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn hostname(&self) -> String {
        "box1".to_owned()
    }

    fn system_file(&self) -> PathBuf {
        PathBuf::from(SYSTEM_FILE)
    }

    fn holds_member(&self, data_dir: &Path) -> bool {
        self.members.iter().any(|member| member == data_dir)
    }

    fn is_vacant(&self, data_dir: &Path) -> bool {
        !self.holds_member(data_dir)
    }
}

/// Configuration of a start with these flags alone.
fn config(args: &[&str]) -> Config {
    Fake::default().config(args, &[])
}

/// Refusal of a start with these flags alone: text and status.
fn refused(args: &[&str]) -> (String, i32) {
    let exit = Fake::default().exit(args, &[]);
    assert_eq!(exit.stdout, "");
    (exit.stderr, exit.code)
}

/// Where a configuration listens, as URLs.
fn urls(addresses: &[super::ListenAddress]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn has_notice(config: &Config, part: &str) -> bool {
    config.notices.iter().any(|notice| notice.contains(part))
}
