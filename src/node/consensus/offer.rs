//! Writes of this member's clients that were offered to a leader, until their fate is known.
//!
//! An offer counts in the term that it names, and nowhere else. So when an entry of a later term is committed, every write
//! that was offered before stands below it, or nowhere: those that were not met by then are offered again, or proposed, by
//! whoever leads now. Nobody waits out a time-out for what is decided, and no write is taken twice.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::command::Stamp;
use crate::node::peer::{Offer, OfferedWrite};
use crate::raft::entry;

/// Bytes of commands that may be offered and undecided; more wait in the intake.
const OPEN_BYTES: usize = 32 << 20;
/// Bytes of commands in one offer, a larger one excepted.
const OFFER_BYTES: usize = 1 << 20;
/// Bytes of commands that are repeated at a time, beside one offer of any size: a leader that is slow is not to be buried.
const REPEATED_BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Offers {
    life: u64,
    term: u64,
    sequence: u64,
    /// Of this term, and not known to be received.
    unheard: VecDeque<Offer>,
    /// When the first of them was sent, by the clock that counts since boot.
    sent_at: u64,
    /// What is not heard of for so long is sent again.
    patience: u64,
    /// Undecided writes by request, each with the term that it was offered in last.
    open: BTreeMap<u64, (u64, Bytes)>,
    bytes: usize,
}

impl Offers {
    /// `life` is this process's own, drawn at random; `patience` in nanoseconds.
    pub(super) fn new(life: u64, patience: u64) -> Self {
        Self {
            life,
            term: 0,
            sequence: 0,
            unheard: VecDeque::new(),
            sent_at: 0,
            patience,
            open: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Whether this request was offered, and nothing is decided.
    pub(super) fn is_open(&self, request: u64) -> bool {
        self.open.contains_key(&request)
    }

    /// Whether something was offered that the leader has not received, as far as is known.
    pub(super) fn is_unheard(&self) -> bool {
        !self.unheard.is_empty()
    }

    /// Whether more may be offered. Any one write may where nothing is open.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < OPEN_BYTES
    }

    /// Cuts writes into offers for the leader of `term`, who is to say what becomes of them where that is `awaited`.
    pub(super) fn make(
        &mut self,
        term: u64,
        writes: Vec<OfferedWrite>,
        awaited: bool,
        now: u64,
    ) -> Vec<Offer> {
        if term != self.term {
            // Those of the term before count no more.
            (self.term, self.sequence) = (term, 0);
            self.unheard.clear();
        }
        if self.unheard.is_empty() {
            self.sent_at = now;
        }
        for write in &writes {
            self.bytes += write.proposal.len();
            let other = self
                .open
                .insert(write.request, (term, write.proposal.clone()));
            assert!(
                other.is_none(),
                "invariant node-offers: request {} is offered twice at a time",
                write.request
            );
        }
        let mut writes = writes.into_iter().peekable();
        let mut offers = Vec::new();
        while writes.peek().is_some() {
            let mut bytes = 0;
            let mut part = Vec::new();
            while let Some(write) = writes.next_if(|write| {
                bytes += write.proposal.len();
                bytes <= OFFER_BYTES || bytes == write.proposal.len()
            }) {
                part.push(write);
            }
            self.sequence += 1;
            offers.push(Offer {
                life: self.life,
                term,
                sequence: self.sequence,
                awaited,
                writes: part,
            });
        }
        self.unheard.extend(offers.iter().cloned());
        offers
    }

    /// The leader says how far it came.
    pub(super) fn received(&mut self, life: u64, term: u64, sequence: u64, now: u64) {
        if (life, term) != (self.life, self.term) {
            return;
        }
        while self
            .unheard
            .front()
            .is_some_and(|offer| offer.sequence <= sequence)
        {
            self.unheard.pop_front();
            self.sent_at = now;
        }
    }

    /// The way to the leader broke: what was not heard of is sent again at once.
    pub(super) fn hurry(&mut self) {
        self.sent_at = 0;
    }

    /// What has to be sent again to the leader of `term`.
    pub(super) fn repeat(&mut self, term: u64, now: u64) -> Vec<Offer> {
        let due = now.saturating_sub(self.sent_at) > self.patience;
        if term != self.term || self.unheard.is_empty() || !due {
            return Vec::new();
        }
        self.sent_at = now;
        let mut bytes = 0;
        let fits = |offer: &&Offer| {
            let first = bytes == 0;
            let writes = offer.writes.iter();
            bytes += writes.map(|write| write.proposal.len()).sum::<usize>();
            first || bytes <= REPEATED_BYTES
        };
        self.unheard.iter().take_while(fits).cloned().collect()
    }

    /// Entries that are committed now. The writes that they decide against are given back, to be routed anew.
    pub(super) fn committed(&mut self, entries: &[wal::Entry]) -> Vec<OfferedWrite> {
        if self.open.is_empty() {
            return Vec::new();
        }
        for entry in entries {
            // What holds no command has no stamp.
            let stamp = entry::command(entry).map(|command| Stamp::decode(&command));
            if let Some(Ok(stamp)) = stamp {
                self.forget(stamp.request);
            }
        }
        self.undone_before(entries.last().map_or(0, |entry| entry.term))
    }

    fn undone_before(&mut self, term: u64) -> Vec<OfferedWrite> {
        let undone = self.open.iter().filter(|(_, (offered, _))| *offered < term);
        let undone: Vec<u64> = undone.map(|(request, _)| *request).collect();
        let back = |request| {
            let proposal = self.forget(request)?;
            Some(OfferedWrite { request, proposal })
        };
        undone.into_iter().filter_map(back).collect()
    }

    /// As if a new leader decided what was offered to the one before it.
    #[cfg(test)]
    pub(super) fn moved_early(&mut self, term: u64) -> Vec<OfferedWrite> {
        self.undone_before(term)
    }

    /// Forgets writes whose clients gave up.
    pub(super) fn sweep(&mut self, waits: impl Fn(u64) -> bool) {
        let gone = self.open.keys().copied().filter(|request| !waits(*request));
        let gone: Vec<u64> = gone.collect();
        if gone.is_empty() {
            return;
        }
        for request in gone {
            self.forget(request);
        }
        // The leader takes offers in their order only, so one that is repeated comes without them, be it empty: who was told
        // that a write was not done in time may have written something else since.
        for offer in &mut self.unheard {
            let open = &self.open;
            offer
                .writes
                .retain(|write| open.contains_key(&write.request));
        }
    }

    /// What is undecided will not be decided here. It is still told to the leader, which takes offers in their order only.
    pub(super) fn forget_all(&mut self) {
        self.open.clear();
        self.bytes = 0;
    }

    fn forget(&mut self, request: u64) -> Option<Bytes> {
        let (_, proposal) = self.open.remove(&request)?;
        self.bytes -= proposal.len();
        Some(proposal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Proposal;

    fn write(request: u64, bytes: usize) -> OfferedWrite {
        OfferedWrite {
            request,
            proposal: vec![0; bytes].into(),
        }
    }

    fn entry(term: u64, index: u64, request: u64) -> wal::Entry {
        let stamp = Stamp {
            request,
            ..Stamp::default()
        };
        wal::Entry {
            term,
            index,
            kind: 0,
            payload: Proposal::of_server(&[]).stamp(&stamp).into(),
        }
    }

    fn sequences(offers: &[Offer]) -> Vec<u64> {
        offers.iter().map(|offer| offer.sequence).collect()
    }

    #[test]
    fn writes_are_cut_into_offers_and_repeated_until_they_are_heard() {
        let mut offers = Offers::new(9, 100);
        let made = offers.make(
            3,
            vec![write(1, 10), write(2, OFFER_BYTES), write(3, 10)],
            false,
            50,
        );
        assert_eq!(sequences(&made), [1, 2, 3]);
        assert!(offers.repeat(3, 150).is_empty(), "it is too early");
        assert_eq!(sequences(&offers.repeat(3, 151)), [1, 2, 3]);
        offers.received(9, 3, 2, 200);
        offers.received(8, 3, 3, 200);
        offers.received(9, 2, 3, 200);
        assert!(offers.repeat(3, 300).is_empty());
        assert_eq!(sequences(&offers.repeat(3, 301)), [3]);
        offers.hurry();
        assert_eq!(sequences(&offers.repeat(3, 302)), [3]);
        assert!(offers.repeat(4, 900).is_empty(), "of another term");
    }

    #[test]
    fn a_later_term_decides_what_was_not_met_before_it() {
        let mut offers = Offers::new(9, 100);
        offers.make(3, vec![write(1, 10), write(2, 10)], false, 0);
        assert_eq!(offers.committed(&[entry(3, 7, 1)]), []);
        assert_eq!(offers.committed(&[entry(3, 8, 50)]), []);
        offers.make(4, vec![write(3, 10)], false, 0);
        let undone = offers.committed(&[entry(3, 9, 51), entry(4, 10, 52)]);
        assert_eq!(undone, [write(2, 10)]);
        assert_eq!(offers.committed(&[entry(4, 11, 3)]), []);
        assert!(!offers.is_open(3));
        assert_eq!(offers.bytes, 0);
    }

    #[test]
    #[should_panic(expected = "invariant node-offers")]
    fn a_write_that_is_offered_twice_is_a_defect() {
        let mut offers = Offers::new(9, 100);
        offers.make(3, vec![write(1, 10)], false, 0);
        offers.make(4, vec![write(1, 10)], false, 0);
    }

    #[test]
    fn what_clients_gave_up_is_not_offered_again() {
        let mut offers = Offers::new(9, 100);
        offers.make(3, vec![write(1, 10), write(2, 10)], false, 0);
        offers.make(3, vec![write(3, 10)], false, 0);
        offers.sweep(|request| request == 2);
        let repeated = offers.repeat(3, 200);
        assert_eq!(sequences(&repeated), [1, 2]);
        let requests = repeated.iter().flat_map(|offer| &offer.writes);
        let requests: Vec<u64> = requests.map(|write| write.request).collect();
        assert_eq!(requests, [2]);
    }

    #[test]
    fn clients_that_gave_up_leave_their_room() {
        let mut offers = Offers::new(9, 100);
        offers.make(3, vec![write(1, OPEN_BYTES), write(2, 1)], false, 0);
        assert!(!offers.has_room());
        offers.sweep(|request| request == 2);
        assert!(offers.has_room());
    }
}
