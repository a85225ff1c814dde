//! Options that came with 2.x and 3.x: names, environment and YAML keys (cluster-and-config 6.3, 9.1).

use super::super::value::ValueKind;
use super::flag::{Flag, HelpGroup, rows};

const DISCOVERY_ONLY: &str =
    "it matters only together with -discovery, which this release does not have";
const DISCOVERY_SRV_LATER: &str = "finding the members through DNS is not available in this release: leave the option \
                                   out to found a cluster of one node";
const DISCOVERY_V3_LATER: &str = "finding the members through a discovery service is not available in this release: leave \
                                  the option out to found a cluster of one node";
const DISCOVERY_V3_ONLY: &str =
    "it matters only together with -discovery-token, which this release does not have";
const PROXY_ONLY: &str = "it matters only together with --proxy, which this release does not have";

rows! {
    CONFIG_FILE = Flag::new("config-file", ValueKind::Text, HelpGroup::Member, "File to read all settings from, YAML, JSON or \
        TOML. It stands alone: other flags and the environment are without effect.")
        .shown_as("<path>").not_in_files();
    LISTEN_CLIENT_URLS = Flag::new("listen-client-urls", ValueKind::List, HelpGroup::Member, "URLs to listen on for clients: IP \
        address or localhost, and port.")
        .shown_as("<url>,<url>").default("http://localhost:2379,http://localhost:4001").modern();
    LISTEN_PEER_URLS = Flag::new("listen-peer-urls", ValueKind::List, HelpGroup::Member, "URLs to listen on for other nodes.")
        .shown_as("<url>,<url>").default("http://localhost:2380,http://localhost:7001").modern();
    LISTEN_CLIENT_HTTP_URLS = Flag::new("listen-client-http-urls", ValueKind::List, HelpGroup::Member, "Further URLs to listen on \
        for clients: in 3.6 those for HTTP alone.")
        .shown_as("<url>,<url>").modern();
    SOCKET_REUSE_PORT = Flag::new("socket-reuse-port", ValueKind::Bool, HelpGroup::Member, "Let another process listen on the same \
        addresses (SO_REUSEPORT).");
    ADVERTISE_CLIENT_URLS = Flag::new("advertise-client-urls", ValueKind::List, HelpGroup::Member, "URLs under which clients \
        reach this node. Required with -listen-client-urls.")
        .shown_as("<url>,<url>").default("http://localhost:2379,http://localhost:4001").modern();
    HEARTBEAT_INTERVAL = Flag::new("heartbeat-interval", ValueKind::Count, HelpGroup::Member, "Milliseconds between two \
        heartbeats of the leader.")
        .shown_as("<milliseconds>").default("100");
    ELECTION_TIMEOUT = Flag::new("election-timeout", ValueKind::Count, HelpGroup::Member, "Milliseconds without a leader until an \
        election begins: at least 5 heartbeats, at most 50000, the same on every member.")
        .shown_as("<milliseconds>").default("1000");
    MAX_REQUEST_BYTES = Flag::new("max-request-bytes", ValueKind::Bytes, HelpGroup::Member, "Largest value of a key, at most \
        10 MiB.")
        .default("1572864");
    HOST_WHITELIST = Flag::new("host-whitelist", ValueKind::List, HelpGroup::Member, "Host names that requests may be addressed \
        to, '*' for any. A browser may use the names that are listed here.")
        .shown_as("<host>,<host>").default("*");
    WAL_DIR = Flag::new("wal-dir", ValueKind::Text, HelpGroup::Member, "Directory of the log, apart from the data.")
        .shown_as("<path>")
        .later("a log directory apart from the data directory is not available in this release: leave the option out; \
            -data-dir/wal may be a mount point of its own", &[]);

    INITIAL_ADVERTISE_PEER_URLS = Flag::new("initial-advertise-peer-urls", ValueKind::List, HelpGroup::Clustering, "URLs under \
        which other nodes reach this one.")
        .shown_as("<url>,<url>").default("http://localhost:2380,http://localhost:7001").modern();
    INITIAL_CLUSTER = Flag::new("initial-cluster", ValueKind::List, HelpGroup::Clustering, "Members to found the cluster with, \
        one to nine, this node among them. Without effect once the node has data.")
        .shown_as("<name>=<url>,<name>=<url>").default_note("this node with its peer URLs").modern();
    INITIAL_CLUSTER_STATE = Flag::new("initial-cluster-state", ValueKind::Choice(&["new", "existing"]), HelpGroup::Clustering,
        "Found a cluster or join one. Without effect once the node has data.")
        .default("new").modern();
    INITIAL_CLUSTER_TOKEN = Flag::new("initial-cluster-token", ValueKind::Text, HelpGroup::Clustering, "Word that tells this \
        cluster from others with the same addresses.")
        .default("etcd-cluster").modern();
    DISCOVERY_FALLBACK = Flag::new("discovery-fallback", ValueKind::Choice(&["proxy", "exit"]), HelpGroup::Clustering,
        "What to do when the token is used up.")
        .without_effect(DISCOVERY_ONLY).silent(&["proxy", "exit"]);
    DISCOVERY_PROXY = Flag::new("discovery-proxy", ValueKind::Text, HelpGroup::Clustering, "HTTP proxy towards the discovery \
        service.")
        .shown_as("<url>").without_effect(DISCOVERY_ONLY);
    DISCOVERY_SRV = Flag::new("discovery-srv", ValueKind::Text, HelpGroup::Clustering, "DNS domain whose SRV records name the \
        members.")
        .shown_as("<domain>").later_founding(DISCOVERY_SRV_LATER, &[]);
    DISCOVERY_SRV_NAME = Flag::new("discovery-srv-name", ValueKind::Text, HelpGroup::Clustering, "Suffix of the SRV names.")
        .without_effect("it matters only together with -discovery-srv, which this release does not have");
    DISCOVERY_TOKEN = Flag::new("discovery-token", ValueKind::Text, HelpGroup::Clustering, "Token of a cluster at the discovery \
        service of 3.6.")
        .later_founding(DISCOVERY_V3_LATER, &[]);
    DISCOVERY_ENDPOINTS = Flag::new("discovery-endpoints", ValueKind::List, HelpGroup::Clustering, "Where the discovery service \
        of 3.6 is.")
        .shown_as("<url>,<url>").later_founding(DISCOVERY_V3_LATER, &[]);
    DISCOVERY_DIAL_TIMEOUT = Flag::new("discovery-dial-timeout", ValueKind::Text, HelpGroup::Clustering, "")
        .without_effect(DISCOVERY_V3_ONLY).silent(&["2s"]);
    DISCOVERY_REQUEST_TIMEOUT = Flag::new("discovery-request-timeout", ValueKind::Text, HelpGroup::Clustering, "")
        .without_effect(DISCOVERY_V3_ONLY).silent(&["5s"]);
    DISCOVERY_KEEPALIVE_TIME = Flag::new("discovery-keepalive-time", ValueKind::Text, HelpGroup::Clustering, "")
        .without_effect(DISCOVERY_V3_ONLY).silent(&["2s"]);
    DISCOVERY_KEEPALIVE_TIMEOUT = Flag::new("discovery-keepalive-timeout", ValueKind::Text, HelpGroup::Clustering, "")
        .without_effect(DISCOVERY_V3_ONLY).silent(&["6s"]);
    DISCOVERY_INSECURE_TRANSPORT = Flag::new("discovery-insecure-transport", ValueKind::Bool, HelpGroup::Clustering, "")
        .without_effect(DISCOVERY_V3_ONLY).silent(&["true"]);
    DISCOVERY_INSECURE_SKIP_TLS_VERIFY =
        Flag::new("discovery-insecure-skip-tls-verify", ValueKind::Bool, HelpGroup::Clustering, "")
        .without_effect(DISCOVERY_V3_ONLY).silent(&["false"]);
    DISCOVERY_CERT = Flag::new("discovery-cert", ValueKind::Text, HelpGroup::Clustering, "").without_effect(DISCOVERY_V3_ONLY);
    DISCOVERY_KEY = Flag::new("discovery-key", ValueKind::Text, HelpGroup::Clustering, "").without_effect(DISCOVERY_V3_ONLY);
    DISCOVERY_CACERT =
        Flag::new("discovery-cacert", ValueKind::Text, HelpGroup::Clustering, "").without_effect(DISCOVERY_V3_ONLY);
    DISCOVERY_USER = Flag::new("discovery-user", ValueKind::Text, HelpGroup::Clustering, "").without_effect(DISCOVERY_V3_ONLY);
    DISCOVERY_PASSWORD =
        Flag::new("discovery-password", ValueKind::Text, HelpGroup::Clustering, "").without_effect(DISCOVERY_V3_ONLY);
    FORCE_NEW_CLUSTER = Flag::new("force-new-cluster", ValueKind::Bool, HelpGroup::Clustering, "Make this node the only member \
        of its cluster.")
        .later("this node's cluster has one member already: leave the option out", &["false"]);
    STRICT_RECONFIG_CHECK = Flag::new("strict-reconfig-check", ValueKind::Bool, HelpGroup::Clustering, "Refuse member changes \
        that would lose the quorum.")
        .without_effect("unsafe member changes are always refused").silent(&["true"]);
    PRE_VOTE = Flag::new("pre-vote", ValueKind::Bool, HelpGroup::Clustering, "Ask before an election whether it could be won.")
        .without_effect("pre-vote is always on").silent(&["true"]);
    INITIAL_ELECTION_TICK_ADVANCE = Flag::new("initial-election-tick-advance", ValueKind::Bool, HelpGroup::Clustering, "Shorten \
        the first election.")
        .without_effect("a sole member elects itself at once").silent(&["true"]).modern();

    LOG_LEVEL = Flag::new("log-level", ValueKind::Choice(&["trace", "debug", "info", "warn", "error", "dpanic", "panic",
        "fatal"]), HelpGroup::Logging, "Least weight of a log line that is written.")
        .shown_as("<trace|debug|info|warn|error>").default("info");
    DEBUG = Flag::new("debug", ValueKind::Bool, HelpGroup::Logging, "The same as -log-level=debug.");
    LOGGER = Flag::new("logger", ValueKind::Choice(&["capnslog", "zap"]), HelpGroup::Logging, "Log library of 3.4: zap means \
        -log-format=json, capnslog -log-format=text.");
    LOG_OUTPUTS = Flag::new("log-outputs", ValueKind::List, HelpGroup::Logging, "Where log lines go: stderr, stdout or a file.")
        .deprecated(&["log-output"]).shown_as("<stderr|stdout|path>,<...>").default("stderr");
    LOG_PACKAGE_LEVELS = Flag::new("log-package-levels", ValueKind::Text, HelpGroup::Logging, "Levels per package.")
        .without_effect("the program has no packages of that name: use -log-level");
    LISTEN_METRICS_URLS = Flag::new("listen-metrics-urls", ValueKind::List, HelpGroup::Logging, "Further URLs to serve /metrics \
        and /health on.")
        .shown_as("<url>,<url>").modern();
    METRICS = Flag::new("metrics", ValueKind::Choice(&["basic", "extensive"]), HelpGroup::Logging, "Amount of metrics.")
        .without_effect("all metrics are always served").silent(&["basic"]);
    ENABLE_PPROF = Flag::new("enable-pprof", ValueKind::Bool, HelpGroup::Logging, "Serve /debug/pprof.")
        .without_effect("/debug/pprof is not served: use perf on this process").silent(&["false"]);

    PROXY = Flag::new("proxy", ValueKind::Choice(&["off", "readonly", "on"]), HelpGroup::Proxy, "Forward requests to a cluster \
        and hold no data.")
        .default("off")
        .later("running as a proxy is not available in this release: leave the option out, and put an HTTP proxy such \
            as HAProxy or nginx in front of the node", &["off"]);
    PROXY_FAILURE_WAIT = Flag::new("proxy-failure-wait", ValueKind::Count, HelpGroup::Proxy, "").without_effect(PROXY_ONLY)
        .silent(&["5000"]);
    PROXY_REFRESH_INTERVAL =
        Flag::new("proxy-refresh-interval", ValueKind::Count, HelpGroup::Proxy, "").without_effect(PROXY_ONLY)
        .silent(&["30000"]);
    PROXY_DIAL_TIMEOUT = Flag::new("proxy-dial-timeout", ValueKind::Count, HelpGroup::Proxy, "").without_effect(PROXY_ONLY)
        .silent(&["1000"]);
    PROXY_WRITE_TIMEOUT = Flag::new("proxy-write-timeout", ValueKind::Count, HelpGroup::Proxy, "").without_effect(PROXY_ONLY)
        .silent(&["5000"]);
    PROXY_READ_TIMEOUT = Flag::new("proxy-read-timeout", ValueKind::Count, HelpGroup::Proxy, "").without_effect(PROXY_ONLY)
        .silent(&["0"]);
}
