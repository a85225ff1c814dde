//! Options of this program that no etcd had.

use super::super::value::ValueKind;
use super::flag::{Flag, HelpGroup, rows};

rows! {
    DEFAULT_READ = Flag::new("default-read", ValueKind::Choice(&["linearizable", "local"]), HelpGroup::Own, "How a GET reads \
        that does not say: linearizable never returns an old value; local is the original's way, answered by this node \
        alone even when it is cut off.")
        .default("linearizable");
    RETENTION_EVENTS = Flag::new("retention-events", ValueKind::Count, HelpGroup::Own, "Changes kept for watches that begin in \
        the past and for reads of old state. 1000 answers as the original did. Only the founding node's value counts.")
        .default("1000000");
    RETENTION_BYTES = Flag::new("retention-bytes", ValueKind::Bytes, HelpGroup::Own, "Most room those changes may take; the \
        older ones go first.")
        .default("1GiB");
    MAX_CONNECTIONS = Flag::new("max-connections", ValueKind::Count, HelpGroup::Own, "Most client connections at a time; further \
        ones are answered 503.")
        .default("10000");
    MAX_WATCHERS = Flag::new("max-watchers", ValueKind::Count, HelpGroup::Own, "Most open watches at a time.").default("100000");
    CACHE_SIZE = Flag::new("cache-size", ValueKind::Bytes, HelpGroup::Own, "Memory for cached data.").default("96MiB");
    LOG_FORMAT = Flag::new("log-format", ValueKind::Choice(&["text", "json", "console"]), HelpGroup::Own, "Log lines for people or for \
        programs.")
        .default("text");
    /// No default: an index is accepted once, by name.
    ACCEPT_LOG_LOSS = Flag::new("accept-log-loss", ValueKind::Count, HelpGroup::Own, "Start although the log lost what came after \
        this entry: the number that a refused start names. The damaged log is set aside. Without effect while the log is \
        whole.")
        .default_note("a damaged log is refused");
}
