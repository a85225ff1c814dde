//! What a member knows of its campaigns.

/// Why this member campaigned last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElectionCause {
    /// It heard of no leader for an election time-out, or is alone.
    TimedOut,
    /// The leader's process ended.
    LeaderEnded,
    /// The leader handed over.
    HandedOver,
}

impl ElectionCause {
    /// For figures and the log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::LeaderEnded => "leader_ended",
            Self::HandedOver => "handed_over",
        }
    }
}

/// Whose turn it is to campaign after the end of a leader.
pub(super) struct Succession {
    pub(super) in_ticks: usize,
    pub(super) tries: usize,
}
