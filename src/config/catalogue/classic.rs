//! Options of 0.4, many of them shared with later releases: names, environment, TOML keys (cluster-and-config 6.3).

use super::super::value::ValueKind;
use super::flag::{Flag, HelpGroup, rows};

/// What to say to a node that is told to join others.
pub(crate) const JOINING: &str = "joining a running cluster is not available in this release: leave the option out to \
                                  run a cluster of one node";
const DISCOVERY_LATER: &str = "finding the members through a discovery service is not available in this release: leave \
                               the option out to found a cluster of one node";
const JOIN_ROUNDS: &str = "this release makes no attempts to join a cluster";

rows! {
    NAME = Flag::new("name", ValueKind::Text, HelpGroup::General, "Name of this node, unique in its cluster. It is shown in \
        statistics and under /_etcd/machines.")
        .deprecated(&["n"]).shown_as("<name>")
        .default_note("the host name with 0.4's options, else 'default'");
    DATA_DIR = Flag::new("data-dir", ValueKind::Text, HelpGroup::General, "Directory of the node's data, made when missing. Keep \
        it: a node without it is a new node.")
        .deprecated(&["d"]).shown_as("<path>").default_note("NAME.etcd in the working directory");
    CONFIG = Flag::new("config", ValueKind::Text, HelpGroup::General, "File to read settings from, TOML or YAML. Environment and \
        flags stand above it, /etc/etcd/etcd.conf below.")
        .shown_as("<path>").command_line_only();
    VERBOSE = Flag::new("v", ValueKind::Bool, HelpGroup::General, "Log more: the same as -log-level=info.")
        .environment(&["ETCD_VERBOSE"]).toml("", "verbose");
    VERY_VERBOSE = Flag::new("vv", ValueKind::Bool, HelpGroup::General, "Log much more: the same as -log-level=debug.")
        .environment(&["ETCD_VERY_VERBOSE"]).toml("", "very_verbose");
    VERY_VERY_VERBOSE = Flag::new("vvv", ValueKind::Bool, HelpGroup::General, "Log everything: the same as -log-level=trace.")
        .environment(&["ETCD_VERY_VERY_VERBOSE"]).toml("", "very_very_verbose");
    HELP = Flag::new("h", ValueKind::Bool, HelpGroup::General, "Print this text.").aliases(&["help"]).command_line_only();
    VERSION = Flag::new("version", ValueKind::Bool, HelpGroup::General, "Print the version.").command_line_only();
    FORCE = Flag::new("force", ValueKind::Bool, HelpGroup::General, "Start with an empty node: accepted where the data directory is \
        absent or empty, refused where it holds anything, since this program never erases data.")
        .aliases(&["f"]).command_line_only();

    CLUSTER_ACTIVE_SIZE = Flag::new("cluster-active-size", ValueKind::Integer, HelpGroup::Cluster, "Most voting members of the \
        cluster, at least 3; further nodes stand by. Only the founding node's value counts.")
        .deprecated(&["max-cluster-size", "maxsize"]).toml("cluster", "active_size").default("9").classic();
    CLUSTER_REMOVE_DELAY = Flag::new("cluster-remove-delay", ValueKind::Number, HelpGroup::Cluster, "Seconds of silence after \
        which a member is removed, at least 2.")
        .toml("cluster", "remove_delay").shown_as("<seconds>").default("1800").classic();
    CLUSTER_SYNC_INTERVAL = Flag::new("cluster-sync-interval", ValueKind::Number, HelpGroup::Cluster, "Seconds between two looks \
        of a standby at the cluster, at least 1.")
        .toml("cluster", "sync_interval").shown_as("<seconds>").default("5").classic();
    DISCOVERY = Flag::new("discovery", ValueKind::Text, HelpGroup::Cluster, "URL of a discovery service with a fresh token.")
        .environment(&["ETCD_DISCOVERY", "ETCD_DISCOVERY_URL"]).shown_as("<url>").later_founding(DISCOVERY_LATER, &[]);
    PEERS = Flag::new("peers", ValueKind::List, HelpGroup::Cluster, "Peer addresses of the cluster to join, which is not \
        available in this release. This node's own address alone, or none, founds a cluster.")
        .deprecated(&["C"]).shown_as("<host:port>,<host:port>").classic();
    PEERS_FILE = Flag::new("peers-file", ValueKind::Text, HelpGroup::Cluster, "File holding the list of -peers, on one line; it \
        replaces -peers.")
        .deprecated(&["CF"]).shown_as("<path>").classic();
    RETRY_ATTEMPTS = Flag::new("max-retry-attempts", ValueKind::Integer, HelpGroup::Cluster, "Attempts to join.")
        .deprecated(&["r"]).without_effect(JOIN_ROUNDS);
    RETRY_INTERVAL = Flag::new("retry-interval", ValueKind::Number, HelpGroup::Cluster, "Seconds between two attempts to join.")
        .shown_as("<seconds>").without_effect(JOIN_ROUNDS);

    ADDR = Flag::new("addr", ValueKind::Text, HelpGroup::Client, "Address under which clients reach this node, without scheme; a \
        host name is fine.")
        .deprecated(&["c"]).shown_as("<host:port>").default("127.0.0.1:4001").classic();
    BIND_ADDR = Flag::new("bind-addr", ValueKind::Text, HelpGroup::Client, "IP address to listen on for clients; a missing port \
        is that of -addr.")
        .deprecated(&["cl"]).shown_as("<host[:port]>").default_note("all interfaces, when -addr is given").classic();
    CORS = Flag::new("cors", ValueKind::List, HelpGroup::Client, "Origins whose web pages may use this node from a browser, '*' \
        for any; unless one is named, what a browser marks as another site's is refused.")
        .shown_as("<origin>,<origin>").default_note("none with 0.4's options, else '*'");
    HTTP_READ_TIMEOUT = Flag::new("http-read-timeout", ValueKind::Number, HelpGroup::Client, "Seconds a client may take to send \
        a request, 0 for ever.")
        .shown_as("<seconds>").default("300");
    HTTP_WRITE_TIMEOUT = Flag::new("http-write-timeout", ValueKind::Number, HelpGroup::Client, "Seconds an answer may take, 0 \
        for ever. It also ends watches, hence the default.")
        .shown_as("<seconds>").default("0");

    PEER_ADDR = Flag::new("peer-addr", ValueKind::Text, HelpGroup::Peer, "Address under which other nodes reach this one, without \
        scheme; a host name is fine.")
        .deprecated(&["s"]).toml("peer", "addr").shown_as("<host:port>").default("127.0.0.1:7001").classic();
    PEER_BIND_ADDR = Flag::new("peer-bind-addr", ValueKind::Text, HelpGroup::Peer, "IP address to listen on for other nodes; a \
        missing port is that of -peer-addr.")
        .deprecated(&["sl"]).toml("peer", "bind_addr").shown_as("<host[:port]>")
        .default_note("all interfaces, when -peer-addr is given").classic();
    PEER_HEARTBEAT_INTERVAL = Flag::new("peer-heartbeat-interval", ValueKind::Count, HelpGroup::Peer, "Old name of \
        -heartbeat-interval, in milliseconds; the new one wins.")
        .deprecated(&["peer-heartbeat-timeout"]).toml("peer", "heartbeat_interval").shown_as("<milliseconds>");
    PEER_ELECTION_TIMEOUT = Flag::new("peer-election-timeout", ValueKind::Count, HelpGroup::Peer, "Old name of -election-timeout, \
        in milliseconds; the new one wins. Less than 5 heartbeats is only warned about.")
        .toml("peer", "election_timeout").shown_as("<milliseconds>");

    SNAPSHOT = Flag::new("snapshot", ValueKind::Bool, HelpGroup::Other, "Write the state to the store while running; with false \
        it is written when memory demands it and the log grows longer.")
        .default("true");
    SNAPSHOT_COUNT = Flag::new("snapshot-count", ValueKind::Count, HelpGroup::Other, "Most changes that are only in the log: the \
        more, the fewer writes and the longer a restart. 0 is the default.")
        .deprecated(&["snapshotCount"]).environment(&["ETCD_SNAPSHOT_COUNT", "ETCD_SNAPSHOTCOUNT"]).default("50000");
    MAX_RESULT_BUFFER = Flag::new("max-result-buffer", ValueKind::Integer, HelpGroup::Other, "Not used by 0.4 either.")
        .deprecated(&["m"]).without_effect("it had no effect in 0.4 either");
    GRAPHITE_HOST = Flag::new("graphite-host", ValueKind::Text, HelpGroup::Other, "Host to push metrics to.")
        .shown_as("<host:port>")
        .later("metrics are not pushed to Graphite: leave the option out and collect /metrics on the client port", &[]);
    TRACE = Flag::new("trace", ValueKind::Text, HelpGroup::Other, "Open /debug.")
        .without_effect("/debug/pprof is not served: use perf on this process; /metrics is always open").silent(&[""]);
    CPUPROFILE = Flag::new("cpuprofile", ValueKind::Text, HelpGroup::Other, "File for a CPU profile.")
        .command_line_only().shown_as("<path>").without_effect("no profile is written: use perf on this process");
}
