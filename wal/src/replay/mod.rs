//! The one way through a log. Guarantees that it changes nothing, that it gives groups that are valid, in the order of
//! writing and up to the first that is not, and that it says what that end is.
//!
//! [`Replay::open`] finds the files ([`chain`], [`head`]), [`Replay::next_group`] reads them ([`cursor`], [`group`]),
//! and [`Replay::finish`] gives the verdict ([`verdict`]): torn tail or damage, by the table in [`decision`], on the
//! evidence of what lies behind ([`remainder`]) and of the witnesses ([`testimony`]). Recovery, inspection and what is left of
//! a damaged log all go through it.

mod chain;
mod cursor;
mod decision;
mod extent;
mod group;
mod head;
mod remainder;
mod testimony;
mod verdict;

pub(crate) use chain::Chain;
pub use cursor::{Replay, ReplayedGroup};
pub(crate) use decision::WitnessSays;
pub use verdict::{LogEnd, TornTail};
