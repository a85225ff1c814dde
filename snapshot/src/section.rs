//! The kinds of content, and which of them a reader may pass over.

use std::fmt;

/// What a run of pairs means. The numbers are part of the format and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The nodes as they are.
    Tree,
    /// Older versions and events, down to the oldest.
    History,
    /// The members of the cluster.
    Members,
    /// Users and roles.
    Auth,
    /// Everything else that is replicated: settings, the oldest event, cluster time.
    Meta,
}

impl Section {
    /// All kinds that this version knows.
    pub const ALL: [Self; 5] = [
        Self::Tree,
        Self::History,
        Self::Members,
        Self::Auth,
        Self::Meta,
    ];

    /// The number in the file.
    pub fn id(self) -> u16 {
        match self {
            Self::Tree => 1,
            Self::History => 2,
            Self::Members => 3,
            Self::Auth => 4,
            Self::Meta => 5,
        }
    }

    /// The kind with this number, if this version knows it.
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.id() == id)
    }

    /// Whether a reader that does not know this kind must refuse the file. Only history may be
    /// missed: the state is whole without it, while a tree without its users would be open to
    /// everyone.
    pub fn required(self) -> bool {
        self != Self::History
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tree => "tree",
            Self::History => "history",
            Self::Members => "members",
            Self::Auth => "auth",
            Self::Meta => "meta",
        })
    }
}
