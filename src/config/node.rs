//! The configuration of one node as the rest of the program reads it: checked, typed, with units in the names.

use std::path::PathBuf;
use std::time::Duration;

use super::address::ListenAddress;
use super::exit::Exit;

/// Largest form body a request may have, in bytes (keys-api 1.2); it grows only where larger values are allowed.
pub const FORM_BODY_BYTES: u64 = 10 << 20;

/// Which release's words a node was started with. It decides what the references make depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// 0.4: `-addr`, `-peer-addr`, ports 4001 and 7001.
    Classic,
    /// 2.x and 3.4: `--listen-client-urls`, ports 2379 and 2380. Also a start without any option.
    Modern,
}

/// Origins whose pages may read answers (cluster-and-config 7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    /// No CORS headers at all.
    None,
    /// `*` on every answer.
    Any,
    /// Exactly these origins, echoed.
    List(Vec<String>),
}

/// Host names that requests may be addressed to (cluster-and-config 7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostWhitelist {
    /// Any.
    Any,
    /// These; others are answered 421.
    List(Vec<String>),
}

/// How a read is answered that does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// Never an old value, by a quorum where there are several members.
    Linearizable,
    /// From this node's own state, as the original did.
    Local,
}

/// Cluster-wide settings that the founding node writes, already raised to their minimums (cluster-and-config 3.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusterSettings {
    /// Most voting members, at least 3.
    pub active_size: u64,
    /// Silence after which the leader removes a member, in seconds, at least 2.
    pub remove_delay_seconds: f64,
    /// Time between two looks of a standby at the cluster, in seconds, at least 1.
    pub sync_interval_seconds: f64,
}

/// A member the cluster is founded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialMember {
    /// Its name.
    pub name: String,
    /// Its peer URLs, sorted, without repetition, as `--initial-cluster` spells them where there are several members.
    pub peer_urls: Vec<String>,
}

/// Least weight of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only what needs an operator.
    Error,
    /// Also what may.
    Warn,
    /// Also what a node does at large.
    Info,
    /// Also details.
    Debug,
    /// Everything.
    Trace,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Least weight.
    pub level: LogLevel,
    /// Form of a line.
    pub format: LogFormat,
    /// At least one, none twice.
    pub outputs: Vec<LogOutput>,
}

/// Configuration of one node.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the node, not empty, without `/` and control characters.
    pub name: String,
    /// Directory of its data; it may not exist yet.
    pub data_dir: PathBuf,
    /// The words it was started with.
    pub vocabulary: Vocabulary,
    /// Where to listen for clients; none twice.
    pub listen_client: Vec<ListenAddress>,
    /// URLs given out to clients, sorted.
    pub advertise_client: Vec<String>,
    /// Where to listen for other nodes; none twice, none shared with `listen_client`.
    pub listen_peer: Vec<ListenAddress>,
    /// URLs given out to other nodes, sorted.
    pub advertise_peer: Vec<String>,
    /// Whether another process may listen on the same addresses (SO_REUSEPORT).
    pub reuse_port: bool,
    /// Where else to serve `/metrics` and `/health`.
    pub metrics_listen: Vec<ListenAddress>,
    /// Word that goes into member ids beside the peer URLs (cluster-and-config 1.1).
    pub initial_cluster_token: String,
    /// Members to found the cluster with, by name, this node among them: one to nine.
    pub initial_cluster: Vec<InitialMember>,
    /// Whether a cluster is joined, not founded, where there is no data: the members are those that run already, and this node.
    pub existing: bool,
    /// Whether the data directory held a member when it was looked at.
    pub has_data: bool,
    /// Why no cluster can be founded from these settings. Always `None` when the data directory was seen to be empty
    /// (`load` failed otherwise); whoever finds it empty later must not found, but end with this.
    pub founding_obstacle: Option<Exit>,
    /// Time between two heartbeats of a leader.
    pub heartbeat: Duration,
    /// Time without a leader until an election begins; longer than `heartbeat`.
    pub election: Duration,
    /// Most entries that are in the log only; `u64::MAX` leaves it to memory alone.
    pub snapshot_count: u64,
    /// The entry after which the operator accepts that the log is lost.
    pub accept_log_loss: Option<u64>,
    /// Cluster-wide settings to found with.
    pub cluster: ClusterSettings,
    /// Changes kept in history, at least 1, to found with.
    pub retention_events: u64,
    /// Room of those changes in bytes, at least 1, to found with.
    pub retention_bytes: u64,
    /// How unmarked reads are answered.
    pub default_read: ReadMode,
    /// Origins allowed.
    pub cors: Cors,
    /// Whether `cors` was asked for, with an origin at least. Otherwise pages of other sites are refused.
    pub cors_given: bool,
    /// Names by which a browser may call this node: localhost, the machine's, advertised ones, and those that were listed
    /// for requests. Perhaps with ports.
    pub own_names: Vec<String>,
    /// Host names allowed.
    pub host_whitelist: HostWhitelist,
    /// Largest decoded value of a key, in bytes, at least 1.
    pub max_request_bytes: u64,
    /// Largest form body, in bytes: room for `max_request_bytes` in percent-encoding.
    pub max_body_bytes: u64,
    /// Most client connections at a time, at least 1.
    pub max_connections: usize,
    /// Most open watches at a time, at least 1.
    pub max_watchers: usize,
    /// Time a client may take to send a request; `None` is for ever.
    pub http_read_timeout: Option<Duration>,
    /// Time an answer may take, watches included; `None` is for ever.
    pub http_write_timeout: Option<Duration>,
    /// Memory for the block cache and the cache of decoded nodes together, in bytes.
    pub cache_bytes: u64,
    /// Settings of the log.
    pub log: LogConfig,
    /// Lines for the log of the starting node: what was ignored, shadowed, raised or guessed.
    pub notices: Vec<String>,
}
