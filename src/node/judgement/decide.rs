//! The decision as a table: one answer for each combination of evidence, and the default is to refuse.
//!
#![doc = include_str!("table.md")]

/// The identity file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    Missing,
    First,
    Known,
    Damaged,
}

/// The log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// No directory, or no segment in it.
    Absent,
    /// From the founding, without an entry.
    Empty,
    /// Readable to its end, which every witness bears out.
    Whole,
    /// Damaged inside, by its own testimony.
    Hurt,
    /// Not the log that a witness saw, or shorter than the store.
    Contradicted,
}

/// The store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    Absent,
    /// RocksDB was still being created.
    Unfinished,
    /// No entry was ever flushed into it.
    New,
    Written,
    /// Its manifest cannot be read.
    Unreadable,
}

/// The tables of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    Sound,
    /// Only old versions and events are hurt.
    HistoryHurt,
    Hurt,
}

/// All that is known before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) identity: Identity,
    pub(super) log: Log,
    pub(super) store: Store,
    pub(super) tables: Tables,
    /// All parts that name a member name the same.
    pub(super) agree: bool,
    /// No other member has a vote.
    pub(super) alone: bool,
    /// The log begins at or before the store's end.
    pub(super) joins: bool,
    /// The clean-stop mark names this very store, and the log shows no entry after it.
    pub(super) proven: bool,
    /// The witness file names an entry, or a clean stop.
    pub(super) witnessed: bool,
    /// The operator accepted this very loss.
    pub(super) accepted: bool,
    /// The content came from another directory.
    pub(super) copied: bool,
}

/// What is done with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogAction {
    Open,
    /// Set aside whole; a new one starts behind the store.
    Replace,
    /// Its entries before the damage are applied; then as `Replace`.
    Salvage,
}

/// How the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    /// As usual.
    Open,
    /// No compaction of history.
    KeepHistory,
    /// Nothing is written, to the log neither.
    ReadOnly,
}

/// Why a start is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Strangers,
    StoreUnreadable,
    StoreLost,
    Copied,
    Member,
    LogLoss,
    Gap,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Found,
    Start(LogAction, StoreAction),
    Refuse(Refusal),
}

pub(super) fn decide(evidence: Evidence) -> Verdict {
    let Evidence {
        identity,
        log,
        store,
        tables,
        ..
    } = evidence;
    if !evidence.witnessed && nothing_was_acknowledged(identity, log, store) {
        return Verdict::Found;
    }
    if !evidence.agree {
        return Verdict::Refuse(Refusal::Strangers);
    }
    match store {
        Store::Unreadable => return Verdict::Refuse(Refusal::StoreUnreadable),
        Store::Absent | Store::Unfinished => return Verdict::Refuse(Refusal::StoreLost),
        Store::New | Store::Written => {}
    }
    if tables != Tables::Sound && evidence.copied {
        return Verdict::Refuse(Refusal::Copied);
    }
    let action = match log {
        Log::Whole if !evidence.joins => return Verdict::Refuse(Refusal::Gap),
        Log::Whole | Log::Empty => LogAction::Open,
        Log::Absent | Log::Hurt | Log::Contradicted if !evidence.alone => {
            return Verdict::Refuse(Refusal::Member);
        }
        Log::Absent | Log::Hurt | Log::Contradicted if evidence.proven => LogAction::Replace,
        Log::Hurt if evidence.accepted => LogAction::Salvage,
        Log::Absent | Log::Contradicted if evidence.accepted => LogAction::Replace,
        Log::Absent | Log::Hurt | Log::Contradicted => {
            return Verdict::Refuse(Refusal::LogLoss);
        }
    };
    let mode = match tables {
        Tables::Sound => StoreAction::Open,
        Tables::HistoryHurt => StoreAction::KeepHistory,
        Tables::Hurt => StoreAction::ReadOnly,
    };
    Verdict::Start(action, mode)
}

/// Founding writes store, log, a witness of entry 0 and the identity file in this order, and only then may anything be
/// acknowledged; a witness file that names more is from a node that was here. In the
/// first release the file came first, and the log after the store: there a new store without a log may be one that
/// lost it.
fn nothing_was_acknowledged(identity: Identity, log: Log, store: Store) -> bool {
    if !matches!(store, Store::Absent | Store::Unfinished | Store::New) {
        return false;
    }
    match (identity, log) {
        (Identity::Missing, Log::Absent | Log::Empty) | (Identity::First, Log::Empty) => true,
        (Identity::First, Log::Absent) => store != Store::New,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
