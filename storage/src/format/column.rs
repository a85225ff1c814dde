//! The column families: what each holds, and the name it has on disk.

/// A column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Format, state, records: see [`super::meta`].
    Meta,
    /// The tree as it is: key → record.
    Nodes,
    /// The tree as it was: key, 00, complement of the revision → the same record, or a removal
    /// mark.
    Versions,
    /// Revision → what happened: see [`super::event_row`].
    Events,
    /// Deadline, key → the revision that set it (u64, little-endian).
    Expiry,
}

impl Column {
    pub(crate) const ALL: [Self; 5] = [
        Self::Meta,
        Self::Nodes,
        Self::Versions,
        Self::Events,
        Self::Expiry,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Meta => "default",
            Self::Nodes => "nodes",
            Self::Versions => "versions",
            Self::Events => "events",
            Self::Expiry => "expiry",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}
