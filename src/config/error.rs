//! Every way a configuration can be wrong: each names the place and ends in what to do or what was expected.
//!
//! Texts that operators and scripts know from the original are kept to the letter (cluster-and-config 1.5, 6, 11).

use std::io;
use std::path::PathBuf;

use super::address::AddressProblem;
use super::settings::Origin;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum ConfigError {
    #[error("flag provided but not defined: -{name}{hint}")]
    UnknownFlag { name: String, hint: String },
    #[error("bad flag syntax: {0}")]
    FlagSyntax(String),
    #[error("flag needs an argument: -{0}")]
    FlagArgument(String),
    #[error("invalid value {value:?} for flag -{name}: {reason}")]
    FlagValue {
        name: String,
        value: String,
        reason: String,
    },
    #[error("invalid boolean value {value:?} for -{name}: {reason}")]
    FlagBoolean {
        name: String,
        value: String,
        reason: String,
    },
    #[error("argument {position} is not valid UTF-8: {text}")]
    ArgumentEncoding { position: usize, text: String },
    #[error("'{word}' is not a valid flag{hint}")]
    Leftover { word: String, hint: String },

    #[error("Parse error: {name}: {reason}")]
    Environment { name: String, reason: String },

    #[error("cannot read the configuration file {}: {source}", path.display())]
    FileUnreadable { path: PathBuf, source: io::Error },
    #[error("{} line {line}: {problem}", path.display())]
    File {
        path: PathBuf,
        line: usize,
        problem: String,
    },
    #[error(
        "set only one of the flags -config (merged with environment and flags) and --config-file (stands alone)"
    )]
    TwoFiles,
    #[error("Peers file error: {}: {source}", path.display())]
    PeersFile { path: PathBuf, source: io::Error },

    #[error("{origin}: {sentence}")]
    Unavailable { origin: Origin, sentence: String },
    #[error("{origin}: {reason}")]
    Setting { origin: Origin, reason: String },
    #[error("{origin}: {problem}: {text:?}")]
    Address {
        origin: Origin,
        text: String,
        problem: AddressProblem,
    },

    #[error("Set only one of flags -{new} and -{old} (found: {new_origin}; {old_origin})")]
    Conflict {
        new: &'static str,
        old: &'static str,
        new_origin: Origin,
        old_origin: Origin,
    },
    #[error("multiple discovery or bootstrap flags are set ({0}): keep one of them")]
    SeveralBootstraps(String),
    #[error(
        "--advertise-client-urls is required when --listen-client-urls is set explicitly: name the URLs under which \
         clients reach this node"
    )]
    AdvertiseRequired,
    #[error("client port and peer port cannot both listen on {0}: give them different ports")]
    ListenClash(String),

    #[error("couldn't find local name {name:?} in the initial cluster configuration {cluster:?}")]
    NameNotInCluster { name: String, cluster: String },
    #[error(
        "--initial-cluster has {name}={url} but missing from --initial-advertise-peer-urls={advertised}"
    )]
    NotAdvertised {
        name: String,
        url: String,
        advertised: String,
    },
    #[error("--initial-advertise-peer-urls has {url} but missing from --initial-cluster={cluster}")]
    NotInCluster { url: String, cluster: String },
    #[error("initial cluster {cluster:?} has duplicate url {url}")]
    DuplicateUrl { cluster: String, url: String },

    #[error("--{0} must be >0 (set to 0ms)")]
    IntervalZero(&'static str),
    #[error(
        "--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]"
    )]
    ElectionTooShort { election: u64, heartbeat: u64 },
    #[error("--election-timeout[{0}ms] is too long, and should be set less than 50000ms")]
    ElectionTooLong(u64),
    #[error(
        "the election time-out ({election} ms) must be longer than the heartbeat interval ({heartbeat} ms)"
    )]
    ElectionNotLonger { election: u64, heartbeat: u64 },
}

impl ConfigError {
    /// Exit status: 2 when the command line itself cannot be read, else 1 (cluster-and-config 6.1).
    pub(super) fn exit_code(&self) -> i32 {
        match self {
            ConfigError::UnknownFlag { .. }
            | ConfigError::FlagSyntax(_)
            | ConfigError::FlagArgument(_)
            | ConfigError::FlagValue { .. }
            | ConfigError::FlagBoolean { .. }
            | ConfigError::ArgumentEncoding { .. } => 2,
            _ => 1,
        }
    }
}
