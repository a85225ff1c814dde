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
use crate::operation::Retention;
use crate::write::batch::Batch;

impl Batch<'_> {
    /// After a change took its revision.
    pub(crate) fn move_floor_after_change(&mut self) -> Result<(), Error> {
        self.keep_events();
        if self
            .revision()
            .is_multiple_of(self.core.bounds.bytes_period)
        {
            self.keep_bytes_that_can_be_counted()
        } else {
            Ok(())
        }
    }

    /// Changes what is kept from now on.
    pub(crate) fn retain(&mut self, retention: Retention) -> Result<(), Error> {
        self.state.retention = Retention {
            events: retention.events.max(1),
            ..retention
        };
        self.keep_events();
        self.keep_bytes_that_can_be_counted()
    }

    fn keep_bytes_that_can_be_counted(&mut self) -> Result<(), Error> {
        match self.keep_bytes() {
            Err(error) if error.damage().is_some_and(|damage| damage.is_history()) => {
                self.core.notice(&error);
                Ok(())
            }
            counted => counted,
        }
    }

    fn keep_events(&mut self) {
        let oldest = self
            .revision()
            .saturating_sub(self.state.retention.events - 1);
        self.state.floor = self.state.floor.max(oldest);
    }

    fn keep_bytes(&mut self) -> Result<(), Error> {
        let newest = self.revision();
        // The floor may become f once this many bytes lie before f.
        let Some(surplus) = self.state.bytes.checked_sub(self.state.retention.bytes) else {
            return Ok(());
        };
        if self.state.floor >= newest || self.bytes_up_to(self.state.floor - 1)? >= surplus {
            return Ok(());
        }
        // Near first: the floor moves by about a period. Then halve what is left between too low
        // and enough.
        let (mut low, mut step) = (self.state.floor, self.core.bounds.bytes_period);
        let mut high = newest;
        while low + step < newest {
            if self.bytes_up_to(low + step - 1)? >= surplus {
                high = low + step;
                break;
            }
            low += step;
            step *= 2;
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.bytes_up_to(middle - 1)? >= surplus {
                high = middle
            } else {
                low = middle
            }
        }
        self.state.floor = high;
        Ok(())
    }
}
