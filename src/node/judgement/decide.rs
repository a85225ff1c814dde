//! The decision as a table: one answer for each combination of evidence, and the default is to refuse.
//!
#![doc = include_str!("table.md")]

/// The identity file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityState {
    Missing,
    First,
    Known,
    Damaged,
}

/// The log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogState {
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
    /// That of before a snapshot was installed, which made the store: it was still to be reset.
    Overtaken,
}

/// The store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreCondition {
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
pub(super) enum TablesState {
    Sound,
    /// Only old versions and events are hurt.
    HistoryHurt,
    Hurt,
}

/// All that is known before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DirectoryEvidence {
    pub(super) identity: IdentityState,
    pub(super) log: LogState,
    pub(super) store: StoreCondition,
    pub(super) tables: TablesState,
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
    /// Reset behind the store, which a snapshot made.
    Finish,
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
pub(super) enum RefusalCase {
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
pub(super) enum StartVerdict {
    Found,
    Start(LogAction, StoreAction),
    Refuse(RefusalCase),
}

pub(super) fn decide(evidence: DirectoryEvidence) -> StartVerdict {
    let DirectoryEvidence {
        identity,
        log,
        store,
        tables,
        ..
    } = evidence;
    if !evidence.witnessed && nothing_was_acknowledged(identity, log, store) {
        return StartVerdict::Found;
    }
    if !evidence.agree {
        return StartVerdict::Refuse(RefusalCase::Strangers);
    }
    match store {
        StoreCondition::Unreadable => return StartVerdict::Refuse(RefusalCase::StoreUnreadable),
        StoreCondition::Absent | StoreCondition::Unfinished => {
            return StartVerdict::Refuse(RefusalCase::StoreLost);
        }
        StoreCondition::New | StoreCondition::Written => {}
    }
    if tables != TablesState::Sound && evidence.copied {
        return StartVerdict::Refuse(RefusalCase::Copied);
    }
    let action = match log {
        LogState::Whole if !evidence.joins => return StartVerdict::Refuse(RefusalCase::Gap),
        LogState::Whole | LogState::Empty => LogAction::Open,
        LogState::Overtaken => LogAction::Finish,
        LogState::Absent | LogState::Hurt | LogState::Contradicted if !evidence.alone => {
            return StartVerdict::Refuse(RefusalCase::Member);
        }
        LogState::Absent | LogState::Hurt | LogState::Contradicted if evidence.proven => {
            LogAction::Replace
        }
        LogState::Hurt if evidence.accepted => LogAction::Salvage,
        LogState::Absent | LogState::Contradicted if evidence.accepted => LogAction::Replace,
        LogState::Absent | LogState::Hurt | LogState::Contradicted => {
            return StartVerdict::Refuse(RefusalCase::LogLoss);
        }
    };
    let mode = match tables {
        TablesState::Sound => StoreAction::Open,
        TablesState::HistoryHurt => StoreAction::KeepHistory,
        TablesState::Hurt => StoreAction::ReadOnly,
    };
    StartVerdict::Start(action, mode)
}

/// Founding writes store, log, a witness of entry 0 and the identity file in this order, and only then may anything be
/// acknowledged; a witness file that names more is from a node that was here. In the
/// first release the file came first, and the log after the store: there a new store without a log may be one that
/// lost it.
fn nothing_was_acknowledged(identity: IdentityState, log: LogState, store: StoreCondition) -> bool {
    if !matches!(
        store,
        StoreCondition::Absent | StoreCondition::Unfinished | StoreCondition::New
    ) {
        return false;
    }
    match (identity, log) {
        (IdentityState::Missing, LogState::Absent | LogState::Empty)
        | (IdentityState::First, LogState::Empty) => true,
        (IdentityState::First, LogState::Absent) => store != StoreCondition::New,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
