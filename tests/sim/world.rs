//! What all members together must never show: the rules that hold at each step, and what clients know.

use std::collections::{BTreeMap, BTreeSet};

use raft::eraftpb::ConfState;
use storage::path::KeyPath;
use tokio::sync::oneshot;

use super::cluster::DRIFT;
use super::events::events;
use super::history::{History, OpenCall, Wish};
use super::member::RunningMember;
use super::stamps::Stamped;
use crate::command::Stamp;
use crate::node::outcome::{AppliedWrite, Failure};
use crate::raft::entry;

/// A key with a TTL on its way.
pub(super) struct PendingMortal {
    pub(super) key: MortalKey,
    pub(super) answer: oneshot::Receiver<Result<AppliedWrite, Failure>>,
}

/// A key that nobody removes before its TTL ends.
#[derive(Debug)]
pub(super) struct MortalKey {
    pub(super) path: KeyPath,
    /// When it was asked for.
    pub(super) asked: u64,
    pub(super) ttl: u64,
    /// The entry that wrote it, once that is known.
    pub(super) index: u64,
}

/// What has been seen of the whole cluster.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) history: History,
    leaders: BTreeMap<u64, u64>,
    stamped: Stamped,
    /// Term and payload of each entry that was applied anywhere.
    entries: BTreeMap<u64, (u64, u64)>,
    /// Where the write of each request stands.
    requests: BTreeMap<u64, u64>,
    /// The divergence hash of the store after each entry.
    hashes: BTreeMap<u64, u64>,
    /// Keys that were acknowledged and must still be there.
    living: Vec<MortalKey>,
    pub(super) mortal: u64,
    pub(super) crashes: u64,
    /// Snapshots that took the place of a store.
    pub(super) installed: u64,
    /// Processes that ended because their disk failed at work or at the start, and disks that were full for a while.
    pub(super) failed_logs: u64,
    pub(super) failed_starts: u64,
    /// Batches that waited for a log, and nanoseconds that anything was waited for in the end, at most.
    pub(super) most_batches: usize,
    pub(super) longest_wait: u64,
    /// Events that watches were told.
    pub(super) watched: u64,
    pub(super) full_disks: u64,
    /// Changes of membership that held, and that did not.
    pub(super) changes: u64,
    pub(super) refused_changes: u64,
    /// Who had a vote, and who learned, by the entry after which it was seen.
    configurations: BTreeMap<u64, (Vec<u64>, Vec<u64>)>,
    /// Who ever was a member.
    ever: BTreeSet<u64>,
    /// Writes that a member answered before it had applied them.
    pub(super) answered_early: u64,
    /// Everything that happened, in order.
    pub(super) trace: Vec<(&'static str, u64)>,
}

/// Where the keys of the simulation are.
pub(super) fn path(key: u64) -> KeyPath {
    KeyPath::root()
        .child(b"dir")
        .child(format!("key-{key}").as_bytes())
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |word, byte| {
        (word ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

impl World {
    /// Something happened.
    pub(super) fn note(&mut self, what: &'static str, word: u64) {
        self.trace.push((what, word));
    }

    /// A member leads; `now` counts from the same moment for everybody.
    pub(super) fn leads(&mut self, id: u64, member: &RunningMember, now: u64) {
        let term = member.status.term();
        let begins = !self.leaders.contains_key(&term);
        let leader = *self.leaders.entry(term).or_insert(id);
        assert_eq!(leader, id, "two members lead term {term}");
        if begins {
            let time = member.cluster_time();
            self.stamped.may_begin(id, &member.logged(), time, now);
        }
        self.stamped.leader_writes(member.written(), now);
    }

    /// The last entry that was applied anywhere.
    pub(super) fn last_applied(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// How many terms had a leader.
    pub(super) fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// A member is about to apply an entry.
    pub(super) fn applies(&mut self, member: u64, entry: &wal::Entry) {
        let found = (entry.term, digest(&entry.payload));
        let first = *self.entries.entry(entry.index).or_insert(found);
        assert_eq!(
            first, found,
            "member {member} applies another entry {} than the others",
            entry.index
        );
        let command = entry::command(entry).unwrap_or_default();
        if let Ok(stamp) = Stamp::decode(&command) {
            let place = *self.requests.entry(stamp.request).or_insert(entry.index);
            assert_eq!(
                place, entry.index,
                "one write was taken twice: request {}",
                stamp.request
            );
        }
        self.note("applied", entry.index ^ member << 48);
    }

    /// A member stands at an entry.
    pub(super) fn stands(&mut self, member: u64, applied: &storage::Applied) {
        let first = *self.hashes.entry(applied.index).or_insert(applied.hash);
        assert_eq!(
            first, applied.hash,
            "the store of member {member} differs at entry {}",
            applied.index
        );
    }

    /// The members at the beginning.
    pub(super) fn founded(&mut self, voters: &[u64]) {
        self.configurations.insert(0, (voters.to_vec(), Vec::new()));
        self.ever.extend(voters);
    }

    /// A member stands at an entry with these members: all others do, or will. Who was removed comes back never.
    pub(super) fn configured(&mut self, applied: &storage::Applied, conf_state: &ConfState) {
        if applied.index == 0 {
            // One that was added knows what it was told, until it has the state.
            return;
        }
        let sorted = |ids: &[u64]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids
        };
        let found = (sorted(&conf_state.voters), sorted(&conf_state.learners));
        let first = self.configurations.entry(applied.index);
        let first = first.or_insert_with(|| found.clone());
        assert_eq!(*first, found, "other members at entry {}", applied.index);
        let ids = found.0.iter().chain(&found.1);
        self.ever.extend(ids);
        let mut removed = BTreeSet::new();
        let mut before = BTreeSet::new();
        for (index, (voters, learners)) in &self.configurations {
            let now: BTreeSet<u64> = voters.iter().chain(learners).copied().collect();
            removed.extend(before.difference(&now));
            let back = removed.intersection(&now).next();
            assert_eq!(back, None, "a member is back at entry {index}");
            before = now;
        }
    }

    /// Who has a vote, and who learns, after the last entry that was applied anywhere.
    pub(super) fn configuration(&self) -> (Vec<u64>, Vec<u64>) {
        let last = self.configurations.last_key_value();
        last.map_or_else(Default::default, |(_, found)| found.clone())
    }

    /// Whether this one ever was a member.
    pub(super) fn was_member(&self, id: u64) -> bool {
        self.ever.contains(&id)
    }

    /// Takes out the keys with a TTL that were acknowledged.
    pub(super) fn answered_mortals(&mut self, pending: &mut Vec<PendingMortal>) {
        let mut waiting = Vec::new();
        for mut mortal in pending.drain(..) {
            match mortal.answer.try_recv() {
                Ok(Ok(done)) => {
                    self.mortal += 1;
                    mortal.key.index = done.index;
                    self.living.push(mortal.key);
                }
                Err(oneshot::error::TryRecvError::Empty) => waiting.push(mortal),
                _ => {}
            }
        }
        *pending = waiting;
    }

    /// Nothing that was acknowledged ends before its TTL, in no store that has come so far; `now` counts from the same
    /// moment for everybody. Cluster time goes on at the rate of some member's clock, so where all of them are fast a TTL ends
    /// early by their drift, and by no more: who takes over the lead goes on from a time that was never ahead of that.
    pub(super) fn nothing_ends_early(&mut self, store: &storage::Store, now: u64) {
        self.living
            .retain(|key| now < key.asked + key.ttl - key.ttl * DRIFT / 1_000_000);
        let applied = store.applied().index;
        for key in self.living.iter().filter(|key| key.index <= applied) {
            assert!(
                store.get(&key.path).expect("readable").0.is_ok(),
                "a TTL of {} ms ended {} ms early",
                key.ttl / 1_000_000,
                (key.asked + key.ttl - now) / 1_000_000
            );
        }
    }

    /// A read may be served.
    pub(super) fn reads(&mut self, call: OpenCall, store: &storage::Store) {
        let path = path(self.history.key_of(call));
        let (found, index) = store.get(&path).expect("readable");
        self.history.read(call, found.ok().as_ref(), index);
    }

    /// After everybody came back, and came as far as anybody: what is there now is read, too.
    pub(super) fn reads_all(&mut self, store: &storage::Store, keys: u64) {
        for key in 0..keys {
            let call = self.history.begin(key, Wish::Read);
            self.reads(call, store);
        }
    }

    /// What clients were told must be what happened.
    pub(super) fn judge(&self, store: &storage::Store) {
        let events = events(store, 1, store.revision());
        self.history
            .judge(&events, |key| path(key).as_bytes().to_vec());
    }
}
