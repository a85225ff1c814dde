//! How the history of a batch is bounded: the oldest event after each change, and when retention itself changes. The rule is in
//! `compaction/oldest event.rs`.

use crate::compaction::oldest_event;
use crate::engine::cursor::Source;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::event_row::EventRow;
use crate::operation::Retention;
use crate::write::batch::Batch;

impl Batch<'_> {
    /// After a change took its revision.
    pub(crate) fn move_oldest_event_after_change(&mut self) -> Result<(), Error> {
        self.state.oldest_event = oldest_event::by_events(&self.state);
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
        self.state.oldest_event = oldest_event::by_events(&self.state);
        self.keep_bytes_that_can_be_counted()
    }

    fn keep_bytes_that_can_be_counted(&mut self) -> Result<(), Error> {
        let period = self.core.bounds.bytes_period;
        let oldest_event =
            oldest_event::by_bytes(&self.state, period, |revision| self.bytes_up_to(revision));
        match oldest_event {
            Err(error) if error.damage().is_some_and(|damage| damage.is_history()) => {
                self.core.notice(&error);
                Ok(())
            }
            Err(error) => Err(error),
            Ok(oldest_event) => {
                self.state.oldest_event = oldest_event;
                Ok(())
            }
        }
    }

    /// History bytes up to and including `revision`.
    fn bytes_up_to(&self, revision: u64) -> Result<u64, Error> {
        if revision == 0 {
            return Ok(0);
        }
        if let Some(at) = revision.checked_sub(self.first_revision) {
            return Ok(self
                .bytes
                .get(at as usize)
                .copied()
                .unwrap_or(self.state.bytes));
        }
        let key = revision.to_be_bytes();
        let wrong = |reason| Error::row(Column::Events.name(), &key, reason);
        let row = self
            .core
            .database
            .get(Column::Events, &key)?
            .ok_or_else(|| wrong("the event is missing"))?;
        Ok(EventRow::decode(&row).map_err(wrong)?.bytes)
    }
}
