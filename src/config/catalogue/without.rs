//! Options that are known so that old command lines work, and have no effect here; each says why.

use super::super::value::ValueKind::{self, Bool, Count, Integer, Number, Text};
use super::flag::Flag;

const V3: &str = "it concerns the v3 API, which this program does not have";
const V3_STORE: &str = "it concerns the original's v3 store, which this program does not have";
const NO_SNAPSHOT_FILES: &str =
    "there are no snapshot files to keep; the log is released when the store has its content";
const NO_ROTATION: &str = "log files are opened to be appended to, so that another program can rotate them: use logrotate with \
                           'copytruncate'";
const ROTATION_DEFAULT: &str =
    r#"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}"#;
const ONE_MEMBER: &str =
    "it concerns the traffic between members, and clusters have one in this release";
const NO_GATES: &str =
    "the features it names are the original's, and none of them is part of this program";
const NO_MLOCK: &str =
    "this program leaves its pages to the system: use 'MemorySwapMax=0' in the systemd unit";
const NO_TRACING: &str = "traces are not sent anywhere: use /metrics and -log-level=debug";
const NO_AUTH: &str = "user accounts are not available in this release";

const fn v3(name: &'static str, kind: ValueKind) -> Flag {
    Flag::ignored(name, kind, V3)
}

const fn store(name: &'static str, kind: ValueKind) -> Flag {
    Flag::ignored(name, kind, V3_STORE)
}

pub(super) static ROWS: &[Flag] = &[
    Flag::ignored(
        "enable-v2",
        Bool,
        "the v2 API is what this program serves: it is always on",
    )
    .silent(&["true"]),
    Flag::ignored(
        "v2-deprecation",
        Text,
        "the v2 API is what this program serves, and none of its data is ever dropped",
    )
    .silent(&["not-yet"]),
    Flag::ignored("max-snapshots", Count, NO_SNAPSHOT_FILES).silent(&["5"]),
    Flag::ignored("max-wals", Count, NO_SNAPSHOT_FILES).silent(&["5"]),
    Flag::ignored("auth-token", Text, NO_AUTH).silent(&["simple"]),
    Flag::ignored("auth-token-ttl", Count, NO_AUTH).silent(&["300"]),
    Flag::ignored("bcrypt-cost", Count, NO_AUTH).silent(&["10"]),
    Flag::ignored(
        "unsafe-no-fsync",
        Bool,
        "every acknowledged write is on disk, always",
    )
    .silent(&["false"]),
    Flag::ignored(
        "socket-reuse-address",
        Bool,
        "SO_REUSEADDR is always set: a restart does not wait for old connections",
    )
    .silent(&["true", "false"]),
    Flag::ignored("enable-log-rotation", Bool, NO_ROTATION).silent(&["false"]),
    Flag::ignored("log-rotation-config-json", Text, NO_ROTATION).silent(&[ROTATION_DEFAULT]),
    Flag::ignored("raft-read-timeout", Text, ONE_MEMBER).silent(&["5s"]),
    Flag::ignored("raft-write-timeout", Text, ONE_MEMBER).silent(&["5s"]),
    Flag::ignored("max-learners", Count, ONE_MEMBER).silent(&["1"]),
    Flag::ignored("experimental-max-learners", Count, ONE_MEMBER).silent(&["1"]),
    Flag::ignored("experimental-wait-cluster-ready-timeout", Text, ONE_MEMBER).silent(&["5s"]),
    Flag::ignored("feature-gates", Text, NO_GATES).silent(&[""]),
    Flag::ignored("experimental-set-member-localaddr", Bool, ONE_MEMBER).silent(&["false"]),
    Flag::ignored("snapshot-catchup-entries", Count, ONE_MEMBER).silent(&["5000"]),
    Flag::ignored("experimental-snapshot-catchup-entries", Count, ONE_MEMBER).silent(&["5000"]),
    Flag::ignored("experimental-snapshot-catch-up-entries", Count, ONE_MEMBER).silent(&["5000"]),
    Flag::ignored("downgrade-check-time", Text, ONE_MEMBER).silent(&["5s"]),
    Flag::ignored("experimental-downgrade-check-time", Text, ONE_MEMBER).silent(&["5s"]),
    Flag::ignored("memory-mlock", Bool, NO_MLOCK).silent(&["false"]),
    Flag::ignored("experimental-memory-mlock", Bool, NO_MLOCK).silent(&["false"]),
    Flag::ignored("enable-distributed-tracing", Bool, NO_TRACING).silent(&["false"]),
    Flag::ignored("distributed-tracing-address", Text, NO_TRACING).silent(&["localhost:4317"]),
    Flag::ignored("distributed-tracing-service-name", Text, NO_TRACING).silent(&["etcd"]),
    Flag::ignored("distributed-tracing-instance-id", Text, NO_TRACING).silent(&[""]),
    Flag::ignored("distributed-tracing-sampling-rate", Count, NO_TRACING).silent(&["0"]),
    Flag::ignored("experimental-enable-distributed-tracing", Bool, NO_TRACING).silent(&["false"]),
    Flag::ignored("experimental-distributed-tracing-address", Text, NO_TRACING)
        .silent(&["localhost:4317"]),
    Flag::ignored(
        "experimental-distributed-tracing-service-name",
        Text,
        NO_TRACING,
    )
    .silent(&["etcd"]),
    Flag::ignored(
        "experimental-distributed-tracing-instance-id",
        Text,
        NO_TRACING,
    )
    .silent(&[""]),
    Flag::ignored(
        "experimental-distributed-tracing-sampling-rate",
        Count,
        NO_TRACING,
    )
    .silent(&["0"]),
    store("quota-backend-bytes", Integer).silent(&["0"]),
    store("backend-batch-interval", Text).silent(&["0s", "100ms"]),
    store("backend-batch-limit", Count).silent(&["0", "10000"]),
    store("backend-bbolt-freelist-type", Text).silent(&["map"]),
    store("auto-compaction-retention", Text).silent(&["0"]),
    store("auto-compaction-mode", Text).silent(&["periodic"]),
    store("experimental-auto-compaction-retention", Number).silent(&["0"]),
    store("experimental-backend-bbolt-freelist-type", Text).silent(&["map", "array"]),
    store("compaction-batch-limit", Count).silent(&["1000"]),
    store("experimental-compaction-batch-limit", Count).silent(&["1000"]),
    store("compaction-sleep-interval", Text).silent(&["10ms"]),
    store("experimental-compaction-sleep-interval", Text).silent(&["10ms"]),
    store("experimental-initial-corrupt-check", Bool).silent(&["false"]),
    store("corrupt-check-time", Text).silent(&["0s"]),
    store("experimental-corrupt-check-time", Text).silent(&["0s"]),
    store("compact-hash-check-enabled", Bool).silent(&["false"]),
    store("experimental-compact-hash-check-enabled", Bool).silent(&["false"]),
    store("compact-hash-check-time", Text).silent(&["1m", "1m0s"]),
    store("experimental-compact-hash-check-time", Text).silent(&["1m", "1m0s"]),
    store("bootstrap-defrag-threshold-megabytes", Count).silent(&["0"]),
    store("experimental-bootstrap-defrag-threshold-megabytes", Count).silent(&["0"]),
    store("experimental-txn-mode-write-with-shared-buffer", Bool).silent(&["true"]),
    store("experimental-stop-grpc-service-on-defrag", Bool).silent(&["false"]),
    v3("max-txn-ops", Count).silent(&["128"]),
    v3("max-concurrent-streams", Count).silent(&["4294967295"]),
    v3("grpc-keepalive-min-time", Text).silent(&["5s"]),
    v3("grpc-keepalive-interval", Text).silent(&["2h", "2h0m0s"]),
    v3("grpc-keepalive-timeout", Text).silent(&["20s"]),
    v3("enable-grpc-gateway", Bool).silent(&["true", "false"]),
    v3("experimental-v3demo", Bool).silent(&["false"]),
    v3("experimental-gRPC-addr", Text),
    v3("experimental-enable-v2v3", Text).silent(&[""]),
    v3("experimental-enable-lease-checkpoint", Bool).silent(&["false"]),
    v3("experimental-enable-lease-checkpoint-persist", Bool).silent(&["false"]),
    v3("watch-progress-notify-interval", Text).silent(&["10m", "10m0s"]),
    v3("experimental-watch-progress-notify-interval", Text).silent(&["10m", "10m0s"]),
    v3("warning-apply-duration", Text).silent(&["100ms"]),
    v3("experimental-warning-apply-duration", Text).silent(&["100ms"]),
    v3("warning-unary-request-duration", Text).silent(&["300ms"]),
    v3("experimental-warning-unary-request-duration", Text).silent(&["300ms"]),
];
