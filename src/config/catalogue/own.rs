//! Options of this program that no etcd had.

use super::super::value::Kind;
use super::{Flag, Group, rows};

rows! {
    DEFAULT_READ = Flag::new("default-read", Kind::Choice(&["linearizable", "local"]), Group::Own, "How a GET reads \
        that does not say: linearizable never returns an old value; local is the original's way, answered by this node \
        alone even when it is cut off.")
        .default("linearizable");
    RETENTION_EVENTS = Flag::new("retention-events", Kind::Count, Group::Own, "Changes kept for watches that begin in \
        the past and for reads of old state. 1000 answers as the original did. Only the founding node's value counts.")
        .default("1000000");
    RETENTION_BYTES = Flag::new("retention-bytes", Kind::Bytes, Group::Own, "Most room those changes may take; the \
        older ones go first.")
        .default("1GiB");
    MAX_CONNECTIONS = Flag::new("max-connections", Kind::Count, Group::Own, "Most client connections at a time; further \
        ones are answered 503.")
        .default("10000");
    MAX_WATCHERS = Flag::new("max-watchers", Kind::Count, Group::Own, "Most open watches at a time.").default("100000");
    CACHE_SIZE = Flag::new("cache-size", Kind::Bytes, Group::Own, "Memory for cached data.").default("96MiB");
    LOG_FORMAT = Flag::new("log-format", Kind::Choice(&["text", "json", "console"]), Group::Own, "Log lines for people or for \
        programs.")
        .default("text");
    /// No default: an index is accepted once, by name.
    ACCEPT_LOG_LOSS = Flag::new("accept-log-loss", Kind::Count, Group::Own, "Start although the log lost what came after \
        this entry: the number that a refused start names. The damaged log is set aside. Without effect while the log is \
        whole.")
        .default_note("a damaged log is refused");
}
