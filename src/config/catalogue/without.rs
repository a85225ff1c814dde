//! Options that are known so that old command lines work, and have no effect here; each says why.

use super::super::value::Kind::{self, Bool, Count, Integer, Number, Text};
use super::Flag;

const V3: &str = "it concerns the v3 API, which this program does not have";
const V3_STORE: &str = "it concerns the original's v3 store, which this program does not have";
const NO_SNAPSHOT_FILES: &str =
    "there are no snapshot files to keep; the log is released when the store has its content";
const NO_AUTH: &str = "user accounts are not available in this release";

const fn v3(name: &'static str, kind: Kind) -> Flag {
    Flag::ignored(name, kind, V3)
}

const fn store(name: &'static str, kind: Kind) -> Flag {
    Flag::ignored(name, kind, V3_STORE)
}

pub(super) static ROWS: &[Flag] = &[
    Flag::ignored(
        "enable-v2",
        Bool,
        "the v2 API is what this program serves: it is always on",
    )
    .silent(&["true"]),
    Flag::ignored("max-snapshots", Count, NO_SNAPSHOT_FILES),
    Flag::ignored("max-wals", Count, NO_SNAPSHOT_FILES),
    Flag::ignored("auth-token", Text, NO_AUTH).silent(&["simple"]),
    Flag::ignored("auth-token-ttl", Count, NO_AUTH),
    Flag::ignored("bcrypt-cost", Count, NO_AUTH),
    Flag::ignored(
        "unsafe-no-fsync",
        Bool,
        "every acknowledged write is on disk, always",
    )
    .silent(&["false"]),
    store("quota-backend-bytes", Integer),
    store("backend-batch-interval", Text),
    store("backend-batch-limit", Count),
    store("auto-compaction-retention", Text),
    store("auto-compaction-mode", Text),
    store("experimental-auto-compaction-retention", Number),
    store("experimental-backend-bbolt-freelist-type", Text),
    store("experimental-compaction-batch-limit", Count),
    store("experimental-initial-corrupt-check", Bool),
    store("experimental-corrupt-check-time", Text),
    v3("max-txn-ops", Count),
    v3("max-concurrent-streams", Count),
    v3("grpc-keepalive-min-time", Text),
    v3("grpc-keepalive-interval", Text),
    v3("grpc-keepalive-timeout", Text),
    v3("enable-grpc-gateway", Bool),
    v3("experimental-v3demo", Bool),
    v3("experimental-gRPC-addr", Text),
    v3("experimental-enable-v2v3", Text),
    v3("experimental-enable-lease-checkpoint", Bool),
    v3("experimental-enable-lease-checkpoint-persist", Bool),
    v3("experimental-watch-progress-notify-interval", Text),
    v3("experimental-warning-apply-duration", Text),
];
