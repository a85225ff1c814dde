//! Offers of other members, each taken once.
//!
//! Numbers of one process and one term come in order, or not at all: what is repeated was taken, and what comes too early
//! will be repeated. They are remembered for as long as this member leads the term, since an old one that was late must not
//! pass for new.

use std::collections::BTreeMap;

use crate::node::peer::{Offer, OfferedWrite, WriteMessage};
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Receptions {
    /// The term that is led; what is below belongs to it.
    term: u64,
    /// How far the offers of a process were taken, by member and life.
    taken: BTreeMap<(u64, u64), u64>,
}

/// What becomes of an offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reception {
    /// Its writes are to be proposed in this term; the member is to be told.
    Taken(Vec<OfferedWrite>, WriteMessage),
    /// It was taken before; the member is to be told again.
    Known(WriteMessage),
    /// This member does not lead that term, or an offer before is missing.
    Ignored,
}

impl Receptions {
    /// `leads` is the term that this member leads, if it does.
    pub(super) fn receive(&mut self, from: u64, offer: Offer, leads: Option<u64>) -> Reception {
        let Offer {
            life,
            term,
            sequence,
            writes,
            awaited: _,
        } = offer;
        if leads != Some(term) {
            return Reception::Ignored;
        }
        if self.term != term {
            self.term = term;
            self.taken.clear();
        }
        let taken = self.taken.entry((from, life)).or_default();
        #[cfg(test)]
        if is_planted(PlantedMistake::OffersTakenTwice) {
            *taken = sequence - 1;
        }
        let next = *taken + 1;
        if sequence > next {
            return Reception::Ignored;
        }
        *taken = next.min(sequence).max(*taken);
        let received = WriteMessage::Received {
            life,
            term,
            sequence: *taken,
        };
        match sequence == next {
            true => Reception::Taken(writes, received),
            false => Reception::Known(received),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(life: u64, term: u64, sequence: u64) -> Offer {
        Offer {
            life,
            term,
            sequence,
            awaited: false,
            writes: Vec::new(),
        }
    }

    fn heard(life: u64, term: u64, sequence: u64) -> WriteMessage {
        WriteMessage::Received {
            life,
            term,
            sequence,
        }
    }

    #[test]
    fn an_offer_is_taken_once_in_order_and_in_its_term() {
        let mut receptions = Receptions::default();
        let mut receive =
            |life, term, sequence, leads| receptions.receive(2, offer(life, term, sequence), leads);
        let taken =
            |life, term, sequence| Reception::Taken(Vec::new(), heard(life, term, sequence));
        assert_eq!(receive(7, 3, 1, None), Reception::Ignored);
        assert_eq!(receive(7, 3, 1, Some(4)), Reception::Ignored);
        assert_eq!(receive(7, 4, 1, Some(4)), taken(7, 4, 1));
        assert_eq!(receive(7, 4, 1, Some(4)), Reception::Known(heard(7, 4, 1)));
        assert_eq!(
            receive(7, 4, 3, Some(4)),
            Reception::Ignored,
            "2 is missing"
        );
        assert_eq!(receive(7, 4, 2, Some(4)), taken(7, 4, 2));
        assert_eq!(receive(8, 4, 1, Some(4)), taken(8, 4, 1), "another process");
        assert_eq!(
            receive(7, 4, 1, Some(4)),
            Reception::Known(heard(7, 4, 2)),
            "late, after the process that sent it"
        );
        assert_eq!(receive(7, 5, 1, Some(5)), taken(7, 5, 1));
    }
}
