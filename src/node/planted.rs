//! Mistakes that tests make on purpose, to see that the simulation finds them. Nothing of this is in a program.

use std::cell::Cell;

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlantedMistake {
    /// What is acknowledged is written and not synced.
    NoSync,
    /// Term and vote are not written.
    VoteForgotten,
    /// A read is served at what this member knows to be committed.
    ReadIndexSkipped,
    /// A leader serves reads for a time-out without asking the others.
    ReadsByLease,
    /// An answer to a read is taken for that of another read with the same number.
    AnswersBySequence,
    /// A TTL counts from the stamp of its leader, even one that is behind the time of the store; a leader begins with
    /// whatever its own clock says; and who does not lead hears no time but that of what it applies.
    DeadlinesFromStamps,
    /// An offer that is repeated is taken again.
    OffersTakenTwice,
    /// A write is offered again as soon as another leader is known, before its fate is.
    OffersMovedEarly,
    /// A member goes on from what the clocks of its leader's machine read, and does not hear that one's time.
    ClocksOfTwoMachines,
    /// A member whose disk was emptied votes and acknowledges as if it were new.
    EmptyMemberSpeaks,
    /// Who votes is written down with the first flush alone, and a member that does not know takes itself for the only one.
    AloneByDefault,
    /// That a change of membership is committed is not written down before it is applied.
    RemovalForgotten,
    /// The log begins anew behind a store that a power loss can still take the name of.
    PointerNotSynced,
}

thread_local! {
    static PLANTED: Cell<Option<PlantedMistake>> = const { Cell::new(None) };
}

/// Whether this thread makes the mistake.
pub(crate) fn is_planted(mistake: PlantedMistake) -> bool {
    PLANTED.get() == Some(mistake)
}

/// From now on this thread makes this mistake, or none.
pub(crate) fn plant(mistake: Option<PlantedMistake>) {
    PLANTED.set(mistake);
}
