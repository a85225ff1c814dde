//! How much history is kept. The floor is the oldest event that can be read; it moves inside apply,
//! so that every member answers alike, and never goes back, even when retention is widened.
//!
//! Retention by events is exact after every change: floor = newest − events + 1.
//!
//! Retention by bytes counts, for each event, the bytes of its path and of the value it left (a
//! removal, a directory: the path alone). It is looked at when a change takes a revision that is a
//! multiple of [`crate::BYTES_PERIOD`], and by [`crate::operation::Operation::Retain`]: if the events from
//! the floor on count more than retention allows, the floor becomes the oldest event from which on
//! they do not, at most the newest event. The revision decides and not the batch, so the cutting of
//! commands into batches changes nothing.
//!
//! Where an event that would have to be counted cannot be read, the floor stays where it is: damage
//! in history leaves writes alone, and what it keeps too much costs nothing but room. The floor is
//! part of the hash, so a member that is damaged so shows it there as well. The damage is told by
//! [`crate::Store::background_damage`].

use crate::error::Error;
use crate::format::meta::State;

/// The floor that retention by events asks for.
pub(crate) fn by_events(state: &State) -> u64 {
    let newest = state.applied.revision;
    state
        .floor
        .max(newest.saturating_sub(state.retention.events - 1))
}

/// The floor that retention by bytes asks for; `bytes_up_to` gives the bytes of all events up to a revision, and `period` is
/// about how far the floor moves.
pub(crate) fn by_bytes(
    state: &State,
    period: u64,
    bytes_up_to: impl Fn(u64) -> Result<u64, Error>,
) -> Result<u64, Error> {
    let (floor, newest) = (state.floor, state.applied.revision);
    // The floor may become f once this many bytes lie before f.
    let Some(surplus) = state.bytes.checked_sub(state.retention.bytes) else {
        return Ok(floor);
    };
    if floor >= newest || bytes_up_to(floor - 1)? >= surplus {
        return Ok(floor);
    }
    // Near first. Then halve what is left between too low and enough.
    let (mut low, mut high, mut step) = (floor, newest, period);
    while low + step < newest {
        if bytes_up_to(low + step - 1)? >= surplus {
            high = low + step;
            break;
        }
        low += step;
        step *= 2;
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if bytes_up_to(middle - 1)? >= surplus {
            high = middle
        } else {
            low = middle
        }
    }
    Ok(high)
}
