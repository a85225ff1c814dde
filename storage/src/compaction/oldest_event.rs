//! How much history is kept: from the oldest event on, and the tree at the compact revision, the one before it. The oldest
//! event moves inside apply, so that every member answers alike, and never goes back, even when retention is widened.
//!
//! Retention by events is exact after every change: oldest event = newest − events + 1.
//!
//! Retention by bytes counts, for each event, the bytes of its path and of the value it left (a
//! removal, a directory: the path alone). It is looked at when a change takes a revision that is a
//! multiple of [`crate::BYTES_PERIOD`], and by [`crate::operation::Operation::Retain`]: if the events that are kept
//! count more than retention allows, the oldest one becomes the first from which on they do not, at most the newest event. The revision decides and not the batch, so the cutting of
//! commands into batches changes nothing.
//!
//! Where an event that would have to be counted cannot be read, the oldest event stays where it is: damage
//! in history leaves writes alone, and what it keeps too much costs nothing but room. The oldest event is
//! part of the hash, so a member that is damaged so shows it there as well. The damage is told by
//! [`crate::Store::background_damage`].

use crate::error::Error;
use crate::format::meta::StoreState;

/// The oldest event that retention by events asks for.
pub(crate) fn by_events(state: &StoreState) -> u64 {
    let newest = state.applied.revision;
    state
        .oldest_event
        .max(newest.saturating_sub(state.retention.events - 1))
}

/// The oldest event that retention by bytes asks for; `bytes_up_to` gives the bytes of all events up to a revision, and `period` is
/// about how far the oldest event moves.
pub(crate) fn by_bytes(
    state: &StoreState,
    period: u64,
    bytes_up_to: impl Fn(u64) -> Result<u64, Error>,
) -> Result<u64, Error> {
    let (oldest_event, newest) = (state.oldest_event, state.applied.revision);
    // The oldest event may become f once this many bytes lie before f.
    let Some(surplus) = state.bytes.checked_sub(state.retention.bytes) else {
        return Ok(oldest_event);
    };
    if oldest_event >= newest || bytes_up_to(oldest_event - 1)? >= surplus {
        return Ok(oldest_event);
    }
    // Near first. Then halve what is left between too low and enough.
    let (mut low, mut high, mut step) = (oldest_event, newest, period);
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
