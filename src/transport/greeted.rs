//! What the other members said of themselves, and which of them are not to be heard.
//!
//! A member that is new, or comes back with an empty disk, is let in by nobody before the cluster knows that it has started:
//! what it acknowledges would count, and a disk that was emptied has forgotten what it acknowledged before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::greeting::Greeting;

/// What is known of another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerFacts {
    /// Whether it belongs to a founded cluster.
    pub(crate) founded: bool,
    /// Drawn when its data directory was founded; 0 where it has not said.
    pub(crate) disk: u64,
    /// The highest format of commands that it applies; `None` where it has not said.
    pub(crate) applies: Option<u8>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Greeted {
    // Held for a look.
    known: Mutex<KnownPeers>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct KnownPeers {
    facts: BTreeMap<u64, PeerFacts>,
    unstarted: BTreeSet<u64>,
    removed: BTreeSet<u64>,
    /// The disks that members started on, as the cluster has written down.
    disks: BTreeMap<u64, u64>,
    /// Who knows that this member itself was removed.
    removed_by: Option<u64>,
}

impl Greeted {
    fn known(&self) -> MutexGuard<'_, KnownPeers> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member has greeted.
    pub(super) fn note(&self, theirs: &Greeting) {
        let facts = PeerFacts {
            founded: theirs.founded,
            disk: theirs.disk,
            applies: match theirs.applies {
                0 => None,
                applies => Some(u8::try_from(applies).unwrap_or(u8::MAX)),
            },
        };
        self.known().facts.insert(theirs.from, facts);
        self.changed.notify_one();
    }

    /// A member has refused this one because its cluster has not admitted it.
    pub(super) fn refused_as_new(&self, by: u64) {
        let facts = PeerFacts {
            founded: true,
            disk: 0,
            applies: None,
        };
        self.known().facts.insert(by, facts);
        self.changed.notify_one();
    }

    pub(super) fn facts(&self) -> BTreeMap<u64, PeerFacts> {
        self.known().facts.clone()
    }

    /// The highest format of commands that a member applies, if it said so.
    pub(super) fn applies(&self, member: u64) -> Option<u8> {
        self.known().facts.get(&member)?.applies
    }

    /// Ends when something was learnt since the last call. For one task.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// From now on these are not heard. Gives those that were until now.
    pub(super) fn set_unstarted(&self, members: BTreeSet<u64>) -> Vec<u64> {
        let mut known = self.known();
        let new = members.difference(&known.unstarted).copied().collect();
        known.unstarted = members;
        new
    }

    /// From now on these are not heard, and told why. Gives those that were until now.
    pub(super) fn set_removed(&self, members: BTreeSet<u64>) -> Vec<u64> {
        let mut known = self.known();
        let new = members.difference(&known.removed).copied().collect();
        known.removed = members;
        new
    }

    pub(super) fn is_removed(&self, member: u64) -> bool {
        self.known().removed.contains(&member)
    }

    /// A member has refused this one because it is none any more.
    pub(super) fn refused_as_removed(&self, by: u64) {
        self.known().removed_by = Some(by);
        self.changed.notify_one();
    }

    /// Who did, if anybody.
    pub(super) fn removed_by(&self) -> Option<u64> {
        self.known().removed_by
    }

    /// From now on members are heard from these disks only.
    pub(super) fn set_disks(&self, disks: BTreeMap<u64, u64>) {
        self.known().disks = disks;
    }

    /// Whether a member speaks from another disk than the one that it started on: it has forgotten what it said from there. Directories of
    /// the first builds have no number.
    pub(super) fn is_on_another_disk(&self, member: u64, disk: u64) -> bool {
        let started = self.known().disks.get(&member).copied().unwrap_or(0);
        started != 0 && disk != 0 && started != disk
    }

    pub(super) fn is_unstarted(&self, member: u64) -> bool {
        self.known().unstarted.contains(&member)
    }
}
