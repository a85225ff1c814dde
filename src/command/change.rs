//! Changes of who belongs to the cluster, as commands.
//!
//! Such a command stands in the context of an entry that changes membership, and nowhere else: in a normal entry it has no effect. Whether
//! it holds is decided when the entry is applied, by every member alike: see [`crate::members::judge`].

use super::error::DecodeError;
use super::wire::{ChangeKind, ChangeMessage};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new member. It learns, and has no vote.
    Add {
        /// Its id.
        id: u64,
        /// Where the others will reach it.
        peer_urls: Vec<String>,
    },
    /// A learner gets a vote.
    Promote {
        /// Its id.
        id: u64,
    },
    /// A member leaves, for ever.
    Remove {
        /// Its id.
        id: u64,
    },
    /// A removal that the leader found unsafe when it was asked for: it changes nothing, and says so to whoever waits.
    Unsafe {
        /// The member that stays.
        id: u64,
    },
    /// A member is reached elsewhere.
    Move {
        /// Its id.
        id: u64,
        /// Where the others will reach it.
        peer_urls: Vec<String>,
    },
}

impl Change {
    /// The member that it is about.
    pub(crate) fn member(&self) -> u64 {
        match self {
            Self::Add { id, .. }
            | Self::Promote { id }
            | Self::Remove { id }
            | Self::Unsafe { id }
            | Self::Move { id, .. } => *id,
        }
    }

    pub(super) fn encode(&self) -> ChangeMessage {
        let (kind, urls) = match self {
            Self::Add { peer_urls, .. } => (ChangeKind::Add, peer_urls.clone()),
            Self::Promote { .. } => (ChangeKind::Promote, Vec::new()),
            Self::Remove { .. } => (ChangeKind::Remove, Vec::new()),
            Self::Unsafe { .. } => (ChangeKind::Unsafe, Vec::new()),
            Self::Move { peer_urls, .. } => (ChangeKind::Move, peer_urls.clone()),
        };
        ChangeMessage {
            kind: kind as i32,
            id: self.member(),
            peer_urls: urls,
        }
    }

    pub(super) fn decode(message: ChangeMessage) -> Result<Self, DecodeError> {
        let ChangeMessage {
            kind,
            id,
            peer_urls,
        } = message;
        match ChangeKind::try_from(kind) {
            Ok(ChangeKind::Add) => Ok(Self::Add { id, peer_urls }),
            Ok(ChangeKind::Promote) => Ok(Self::Promote { id }),
            Ok(ChangeKind::Remove) => Ok(Self::Remove { id }),
            Ok(ChangeKind::Unsafe) => Ok(Self::Unsafe { id }),
            Ok(ChangeKind::Move) => Ok(Self::Move { id, peer_urls }),
            Ok(ChangeKind::Unknown) | Err(_) => Err(DecodeError::Malformed(format!(
                "a change of membership of the unknown kind {kind}"
            ))),
        }
    }
}
