//! Where another cluster is noticed: each part of a directory that names its member and cluster, and whether they agree.

use wal::fs::Fs;

use super::log::{LogFacts, LogFinding};
use super::store::StoreFacts;
use crate::node::identity_file::{self, FoundIdentity};
use crate::node::witness_file::{self, FoundWitness};

/// A part of the directory, and whose it says it is.
pub(super) type NamedIdentity = (&'static str, wal::Identity);

/// Who names which member.
pub(super) fn voices<F: Fs>(
    identity_file: &FoundIdentity,
    witness_file: &FoundWitness,
    store: &StoreFacts,
    log: &LogFacts<F>,
) -> Vec<NamedIdentity> {
    let file = match identity_file {
        FoundIdentity::Known(identity) => Some(*identity),
        _ => None,
    };
    let witness = witness_file.testimony().map(|said| said.identity);
    let log = match &log.judged {
        LogFinding::Readable(log) => Some(log.recovery().identity),
        LogFinding::Damaged(_, prefix) => prefix.as_ref().map(|prefix| prefix.identity()),
        LogFinding::Contradicted(_, identity) => *identity,
        LogFinding::Absent => None,
    };
    [
        (identity_file::NAME, file),
        (witness_file::NAME, witness),
        ("store/", store.identity()),
        ("wal/", log),
    ]
    .into_iter()
    .filter_map(|(name, identity)| Some((name, identity?)))
    .collect()
}

/// Whether all of them name the same member of the same cluster.
pub(super) fn agree(voices: &[NamedIdentity]) -> bool {
    voices.windows(2).all(|pair| pair[0].1 == pair[1].1)
}
