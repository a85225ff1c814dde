//! What all members together must never show: the rules that hold at each step, and what clients know.

use std::collections::BTreeMap;

use storage::operation::Outcome;
use storage::path::KeyPath;
use tokio::sync::oneshot;

use super::cluster::DRIFT;
use crate::command::Stamp;
use crate::node::outcome::{AppliedWrite, Failure};

/// A write on its way.
pub(super) struct PendingSet {
    pub(super) key: u64,
    pub(super) text: String,
    pub(super) answer: oneshot::Receiver<Result<AppliedWrite, Failure>>,
}

/// A linearizable read on its way, and the newest revision of its key that anybody had seen when it was asked for.
pub(super) struct PendingGet {
    pub(super) key: u64,
    pub(super) known: u64,
    pub(super) answer: oneshot::Receiver<Result<(), Failure>>,
}

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
    /// The newest revision of each key that was acknowledged or read.
    known: BTreeMap<u64, u64>,
    /// What each revision was given to.
    revisions: BTreeMap<u64, String>,
    leaders: BTreeMap<u64, u64>,
    /// Term and payload of each entry that was applied anywhere.
    entries: BTreeMap<u64, (u64, u64)>,
    /// Where the write of each request stands.
    requests: BTreeMap<u64, u64>,
    /// The divergence hash of the store after each entry.
    hashes: BTreeMap<u64, u64>,
    /// Keys that were acknowledged and must still be there.
    living: Vec<MortalKey>,
    pub(super) acknowledged: u64,
    pub(super) reads: u64,
    pub(super) mortal: u64,
    pub(super) crashes: u64,
    /// Processes that ended because their disk failed at work or at the start, and disks that were full for a while.
    pub(super) failed_logs: u64,
    pub(super) failed_starts: u64,
    pub(super) full_disks: u64,
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

    /// A member leads.
    pub(super) fn leads(&mut self, member: u64, term: u64) {
        let leader = *self.leaders.entry(term).or_insert(member);
        assert_eq!(leader, member, "two members lead term {term}");
    }

    /// The last entry that was applied anywhere.
    pub(super) fn last_applied(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// How many of the values above this one were acknowledged or read.
    pub(super) fn seen_above(&self, value: u64) -> usize {
        let values = self.revisions.values().flat_map(|text| text.parse::<u64>());
        values.filter(|seen| *seen > value).count()
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
        if let Ok(stamp) = Stamp::decode(&entry.payload) {
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

    /// The newest revision of a key that anybody has seen.
    pub(super) fn known(&self, key: u64) -> u64 {
        self.known.get(&key).copied().unwrap_or(0)
    }

    /// Takes out the writes that were answered.
    pub(super) fn answered_sets(&mut self, pending: &mut Vec<PendingSet>) {
        pending.retain_mut(|set| {
            let Ok(answer) = set.answer.try_recv() else {
                return true;
            };
            if let Ok(done) = answer {
                let [Outcome::Done(event)] = &done.outcomes[..] else {
                    panic!("a set is done: {done:?}")
                };
                self.sees(set.key, event.revision, &set.text);
                self.acknowledged += 1;
            }
            false
        });
    }

    /// Takes out the reads that may be served now, and serves them.
    pub(super) fn answered_gets(&mut self, pending: &mut Vec<PendingGet>, store: &storage::Store) {
        pending.retain_mut(|get| {
            let Ok(answer) = get.answer.try_recv() else {
                return true;
            };
            if answer.is_ok() {
                let found = store.get(&path(get.key)).expect("readable").0.ok();
                let modified = found.as_ref().map_or(0, |node| node.modified);
                assert!(
                    modified >= get.known,
                    "a stale read of key {}: revision {modified}, and {} was known before it was asked for",
                    get.key,
                    get.known
                );
                if let Some(node) = found {
                    let text = String::from_utf8(node.value.unwrap_or_default().to_vec());
                    self.sees(get.key, modified, &text.expect("ours"));
                }
                self.reads += 1;
            }
            false
        });
    }

    fn sees(&mut self, key: u64, revision: u64, text: &str) {
        let first = self
            .revisions
            .entry(revision)
            .or_insert_with(|| text.to_owned());
        assert_eq!(first, text, "revision {revision} was given twice");
        let known = self.known.entry(key).or_default();
        *known = (*known).max(revision);
        self.note("seen", revision);
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

    /// After everybody came back: what was acknowledged is there.
    pub(super) fn nothing_is_lost(&self, store: &storage::Store) {
        for (key, known) in &self.known {
            let found = store.get(&path(*key)).expect("readable").0;
            let modified = found.map_or(0, |node| node.modified);
            assert!(
                modified >= *known,
                "key {key} has revision {modified}, and {known} was acknowledged or read"
            );
        }
    }
}
