//! The end of the log: what a group changes. Guarantees that appending and replaying the same groups
//! arrive at the same state, because both go through [`Tail::advance`].

use crate::entry::{Durable, HardState, Place, Position};
use crate::format::segment::SegmentHeader;
use crate::scan::GroupSummary;
use crate::witness::Witness;

/// State of the log at the end of some group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) place: Place,
    pub(crate) chain: u32,
    pub(crate) last: Position,
    pub(crate) hard_state: HardState,
}

impl Tail {
    /// The state at the first group of a segment.
    pub(crate) fn start_of(header: &SegmentHeader) -> Self {
        Self {
            place: header.start(),
            chain: header.chain_start(),
            last: header.base,
            hard_state: header.hard_state,
        }
    }

    pub(crate) fn advance(&mut self, group: &GroupSummary) {
        self.place = group.end_place();
        self.chain = group.chain;
        if group.entries > 0 {
            self.last = Position {
                term: group.last_term(),
                index: group.last_index(),
            };
        }
        if let Some(state) = group.hard_state {
            self.hard_state = state;
        }
    }

    pub(crate) fn durable(&self) -> Durable {
        Durable {
            index: self.last.index,
            chain: self.chain,
            place: self.place,
        }
    }
}

impl From<Durable> for Witness {
    fn from(durable: Durable) -> Self {
        Self {
            place: durable.place,
            index: durable.index,
            chain: durable.chain,
        }
    }
}
