//! Letting damaged history rest: the store is reopened without compaction of the families that are hurt, under its
//! readers, and brought back to where they have seen it.
//!
//! A compaction that meets damage makes RocksDB refuse every later write, of all families. Reopening ends that, and the
//! families that rest are never compacted again, so nothing reads the damaged table but whoever asks for that history.
//! Closing loses what was not flushed; the log, which is kept above the last flush, has it.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | level-0 files of a resting family | `storage::LEVEL0_FILES_MAX` (1,000; about 15 GiB of writes) | writes are refused with the reason |
//! | readers that hold the old handle | `TRIES` waits of `PATIENCE` | writes are refused with the reason |

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::ConfState;
use storage::{Damage, Mode};

use super::error::{ApplyError, LogSourceError};
use super::group::{apply_entries, groups};
use crate::node::alone;
use crate::node::batch::JudgedChange;
use crate::node::change;
use crate::node::marker::Marker;
use crate::node::status::Status;
use crate::raft::entry::changes_membership;

/// How long one try waits for readers to end.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 5;

/// Reads committed entries `[from, until)` of the log: one at least.
pub(crate) type LogSource = Box<dyn Fn(u64, u64) -> Result<Vec<wal::Entry>, LogSourceError> + Send>;

/// The store's writing half, with all that it takes to open it again under its readers.
pub(super) struct ReopenableStore {
    pub(super) writer: storage::Writer,
    /// What the store says beside the applied index, as of the last entry.
    pub(super) marker: Marker,
    pub(super) status: Arc<Status>,
    /// Where entries are read again.
    log: Option<LogSource>,
    /// Column families whose history is damaged and not compacted any more.
    resting: Vec<&'static str>,
    /// The last entry that readers have seen the effect of, while the store is reopened.
    seen: u64,
}

impl ReopenableStore {
    /// A store that is open, whose log is not yet.
    pub(super) fn new(writer: storage::Writer, marker: Marker, status: Arc<Status>) -> Self {
        Self {
            writer,
            marker,
            status,
            log: None,
            resting: Vec::new(),
            seen: 0,
        }
    }

    pub(super) fn set_log(&mut self, log: LogSource) {
        self.log = Some(log);
    }

    /// The store was opened with these families at rest.
    pub(super) fn set_resting(&mut self, families: Vec<&'static str>) {
        self.resting = families;
    }

    pub(super) fn has_resting(&self) -> bool {
        !self.resting.is_empty()
    }

    pub(super) fn rests(&self, family: &'static str) -> bool {
        self.resting.contains(&family)
    }

    /// Reopens the store with these families at rest, and applies again what the closing lost. Afterwards readers see
    /// what they have seen before, and writing goes on.
    ///
    /// # Errors
    /// The damage itself where the store cannot be brought back; nothing more is to be applied then.
    pub(super) fn let_rest(&mut self, damage: &Damage) -> Result<(), ApplyError> {
        let mut families = self.resting.clone();
        if !families.contains(&damage.column) {
            families.push(damage.column);
        }
        tracing::warn!(
            "reopening the store without compaction of {}: history there is damaged, everything else goes on",
            families.join(" and ")
        );
        self.reopen_with(families)
    }

    /// Reopens the store as it is, and brings it back to where readers have seen it.
    ///
    /// # Errors
    /// As of [`Self::let_rest`]. A later try may succeed.
    pub(super) fn reopen(&mut self) -> Result<(), ApplyError> {
        self.reopen_with(self.resting.clone())
    }

    /// Goes on with the store at `path`, where nothing rests.
    ///
    /// # Errors
    /// It cannot be opened, or stands below what readers have seen: nothing has changed.
    pub(super) fn install(
        &mut self,
        path: &Path,
        marker: Marker,
    ) -> Result<storage::RetiredStore, ApplyError> {
        let retired = self.writer.move_to(path)?;
        self.marker = marker;
        self.resting.clear();
        self.seen = 0;
        Ok(retired)
    }

    fn reopen_with(&mut self, families: Vec<&'static str>) -> Result<(), ApplyError> {
        let until = self.writer.applied().index.max(self.seen);
        // A try that fails leaves the store behind, and the next one has to come as far.
        self.seen = until;
        if let Some(lost) = self.status.lost_volume() {
            // Closing and opening go by path.
            return Err(ApplyError::Volume(lost.to_owned()));
        }
        let mode = match families.as_slice() {
            [] => Mode::Normal,
            families => Mode::WithoutCompaction(families.to_vec()),
        };
        let mut tries = 1;
        let applied = loop {
            match self.writer.reopen(&mode, PATIENCE) {
                Ok(applied) => break applied,
                Err(error @ storage::Error::Held { .. }) if tries < TRIES => {
                    tracing::warn!("{error}");
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.resting = families;
        // Term, stamp and membership follow from the entries.
        let last = self.marker.clone();
        self.marker.conf_state = self.flushed_configuration(&applied)?;
        let again = self.apply_again(applied.index, until);
        self.marker = last;
        again?;
        self.writer.show()?;
        tracing::warn!("the store is open again at entry {until}");
        Ok(())
    }

    /// Who had a vote at the last flush. Directories of early builds do not say it before their first one: such a member is alone.
    fn flushed_configuration(&self, flushed: &storage::Applied) -> Result<ConfState, ApplyError> {
        let configuration = Marker::decode(&flushed.marker)?.conf_state;
        Ok(match configuration == ConfState::default() {
            true => alone::sole_voter(self.marker.member),
            false => configuration,
        })
    }

    /// What was published and answered before: no event, no answer, no figure comes of it a second time.
    fn apply_again(&mut self, mut applied: u64, until: u64) -> Result<(), ApplyError> {
        while applied < until {
            let entries = self.read_log(applied + 1, until + 1)?;
            let Some(end) = entries.last().map(|entry| entry.index) else {
                let gone = format!("entry {} is not in the log any more", applied + 1);
                return Err(ApplyError::Log(gone.into()));
            };
            for group in groups(&entries) {
                let mut rest = group;
                while !rest.is_empty() {
                    rest = &rest[self.write_group(rest)?..];
                }
            }
            applied = end;
        }
        Ok(())
    }

    fn read_log(&self, from: u64, until: u64) -> Result<Vec<wal::Entry>, ApplyError> {
        match &self.log {
            Some(log) => log(from, until).map_err(ApplyError::Log),
            None => Err(ApplyError::Log("the log is not open yet".into())),
        }
    }

    /// The store itself takes any entry above the last one: it does not know what a log is.
    pub(super) fn refuse_gap(&self, entries: &[wal::Entry]) -> Result<(), ApplyError> {
        let applied = self.writer.applied().index;
        match entries.first().map(|entry| entry.index) {
            Some(index) if index != applied + 1 => Err(ApplyError::Gap { index, applied }),
            _ => Ok(()),
        }
    }

    /// What comes of the first entry, if it changes membership: a change begins a group.
    fn judge_first(&self, entries: &[wal::Entry]) -> Result<Option<JudgedChange>, ApplyError> {
        let Some(entry) = entries.first().filter(|entry| changes_membership(entry)) else {
            return Ok(None);
        };
        let lease = self.writer.lease()?;
        let judged = change::judge(&lease.view(), &self.marker.conf_state, entry);
        let index = entry.index;
        judged.map(Some).map_err(|error| ApplyError::Change {
            index,
            reason: error.to_string(),
        })
    }

    /// One batch of the store for entries that were applied before: how many of them, at least one.
    fn write_group(&mut self, entries: &[wal::Entry]) -> Result<usize, ApplyError> {
        self.refuse_gap(entries)?;
        let change = self.judge_first(entries)?;
        let mut batch = self.writer.batch();
        let begun = apply_entries(&mut batch, entries, change.as_ref(), |_, _, _| {})?;
        let mut marker = begun.marker(&self.marker);
        if let Some(change) = change {
            marker.conf_state = change.conf_state;
        }
        batch.set_marker(&marker.encode());
        batch.commit()?;
        (self.marker.stamp, self.marker.conf_state) = (marker.stamp, marker.conf_state);
        Ok(begun.entries)
    }
}
