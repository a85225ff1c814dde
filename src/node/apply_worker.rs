//! The store's worker: committed entries become one batch of the store, then events, then replies.
//!
//! The order is what clients rely on: the batch is committed (new views see it), the hub publishes its events, and
//! only then the reply goes out, so whoever has an answer can watch or read from any later revision.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use raft::eraftpb::{Entry, EntryType};
use storage::operation::{Event, Outcome};

use super::AppliedWrite;
use super::clock::ClusterClock;
use super::log_worker::SharedWitness;
use super::marker::Marker;
use super::rest::LogSource;
use super::status::Status;
use super::turn::ApplyBatch;
use super::wait_out::Waiting;
use super::waiters::Waiters;
use super::watchdog::Work;
use crate::command::{Command, DecodeError, Stamp};
use crate::metrics::Metrics;
use crate::node::counters::Counters;
use crate::watch::Hub;

/// Entries in one batch of the store: bounds the delay of the first reply in a large group.
const MAX_BATCH_ENTRIES: usize = 1_024;
/// Bytes of commands in one batch of the store, a larger one excepted: bounds its memory.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// Bytes of rows and of values met in the store after which a batch ends, whatever is left of its group: small commands
/// can remove large values, or write many rows. Far above what a group of plain writes comes to.
const MAX_HELD_BYTES: usize = 8 << 20;

/// Why entries could not be applied. Final: the state would no longer be that of the log.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A committed entry is not a command.
    #[error("entry {index} of the log cannot be applied: {source}")]
    Decode {
        /// Which entry.
        index: u64,
        /// Why.
        source: DecodeError,
    },
    /// The store lacks entries before this one.
    #[error("entry {index} of the log cannot be applied to a store that stands at {applied}")]
    Gap {
        /// The first entry of the group.
        index: u64,
        /// Where the store stands.
        applied: u64,
    },
    /// The store had to be reopened, and the log cannot give what it lost by that.
    #[error(
        "the store was reopened, and the log cannot give what it had not flushed: {0}; restart the node"
    )]
    Log(String),
    /// The store should be reopened, and its directory is not there any more.
    #[error("{0}")]
    Volume(String),
}

impl ApplyError {
    /// The damage of the store that it met, if that is what it is.
    pub fn damage(&self) -> Option<storage::Damage> {
        match self {
            Self::Storage(error) => error.damage(),
            Self::Decode { .. } | Self::Gap { .. } | Self::Log(_) | Self::Volume(_) => None,
        }
    }
}

/// Asks for a flush; one request may wait.
pub type FlushRequest = std::sync::mpsc::SyncSender<()>;

/// Everything the worker shares with other threads.
#[derive(Clone)]
pub struct ApplyContext {
    /// Where events go.
    pub hub: Arc<Hub>,
    /// Who waits.
    pub waiters: Arc<Waiters>,
    /// Node facts.
    pub status: Arc<Status>,
    /// `/v2/stats/store`.
    pub counters: Arc<Counters>,
    /// Cluster time.
    pub clock: ClusterClock,
    /// Durable position of the log.
    pub witness: SharedWitness,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// Owns the store's writing half.
pub struct ApplyWorker {
    pub(super) writer: storage::Writer,
    pub(super) marker: Marker,
    shared: ApplyContext,
    /// Where entries are read again after the store had to be reopened.
    pub(super) log: Option<LogSource>,
    /// Column families whose history is damaged and not compacted any more.
    pub(super) resting: Vec<&'static str>,
    /// The last entry that readers have seen the effect of, while the store is reopened.
    pub(super) seen: u64,
    /// What is not applied because the file system refuses the store for now.
    pub(super) waiting: Option<Waiting>,
    /// Whether that is waited for; else it is an error.
    pub(super) patient: bool,
    /// An entry was not applied, so none after it may be: the store would be that of no log.
    halted: bool,
    unflushed: u64,
    unflushed_bytes: u64,
    /// Since the store was last asked whether it delays writes.
    unasked: u64,
    unasked_bytes: u64,
    /// Revisions taken since history was last reclaimed.
    revisions: u64,
    flush_after: u64,
    flush: FlushRequest,
}

impl ApplyWorker {
    /// A worker that continues after `marker`; asks `flush` for a flush after every `flush_after` entries.
    pub fn new(
        writer: storage::Writer,
        marker: Marker,
        shared: ApplyContext,
        flush_after: u64,
        flush: FlushRequest,
    ) -> Self {
        Self {
            writer,
            marker,
            shared,
            log: None,
            resting: Vec::new(),
            seen: 0,
            waiting: None,
            patient: false,
            halted: false,
            unflushed: 0,
            unflushed_bytes: 0,
            unasked: 0,
            unasked_bytes: 0,
            revisions: 0,
            flush_after,
            flush,
        }
    }

    /// From where to read entries again, and which families of history were opened at rest.
    pub fn set_log(&mut self, log: LogSource, resting: Vec<&'static str>) {
        (self.log, self.resting) = (Some(log), resting);
    }

    pub(super) fn status(&self) -> &Status {
        &self.shared.status
    }

    /// For others that may need a flush.
    pub fn flush_request(&self) -> FlushRequest {
        self.flush.clone()
    }

    /// What the store says beside the applied index, as of the last entry.
    pub fn marker(&self) -> &Marker {
        &self.marker
    }

    /// The times of the last command that was applied.
    pub fn last_stamp(&self) -> Stamp {
        self.marker.stamp
    }

    /// Applies the batches in order, in groups of bounded size.
    ///
    /// # Errors
    /// Each ends all applying: later calls do nothing.
    pub fn step(
        &mut self,
        batches: Vec<ApplyBatch>,
        report: &mut impl FnMut(u64),
    ) -> Result<(), ApplyError> {
        if self.halted {
            return Ok(());
        }
        let stepped = self
            .with_what_waited(batches)
            .and_then(|batches| self.apply_and_reclaim(batches, report));
        // The next batch may have been handed over already, and a store that was reopened would take it.
        self.halted |= stepped.is_err();
        stepped
    }

    fn apply_and_reclaim(
        &mut self,
        mut batches: Vec<ApplyBatch>,
        report: &mut impl FnMut(u64),
    ) -> Result<(), ApplyError> {
        if self.waiting.is_some() {
            return Ok(());
        }
        let begun = match self.apply_batches(&mut batches, report) {
            Err(ApplyError::Storage(error)) if self.patient && error.may_pass() => {
                self.wait_out(&error, batches);
                return Ok(());
            }
            begun => begun?,
        };
        // It writes to the store as well. Its mark goes on from the last group's, which saves a look at the clock.
        self.mark_write(begun.unwrap_or_else(Instant::now));
        let reclaimed = self.reclaim();
        self.unmark_write(None);
        match reclaimed {
            Err(ApplyError::Storage(error)) if self.patient && error.may_pass() => {
                self.wait_out(&error, Vec::new());
                Ok(())
            }
            reclaimed => reclaimed,
        }
    }

    /// Returns when the last group was begun. What is not applied after an error is left in `batches`.
    fn apply_batches(
        &mut self,
        batches: &mut Vec<ApplyBatch>,
        report: &mut impl FnMut(u64),
    ) -> Result<Option<Instant>, ApplyError> {
        let mut last_begun = None;
        for at in 0..batches.len() {
            match self.apply_batch(&batches[at], report) {
                Ok(begun) => last_begun = begun.or(last_begun),
                Err(error) => {
                    batches.drain(..at);
                    let applied = self.writer.applied().index;
                    if let Some(batch) = batches.first_mut() {
                        batch.entries.retain(|entry| entry.index > applied);
                        batch.conf_states.retain(|(index, _)| *index > applied);
                    }
                    return Err(error);
                }
            }
        }
        Ok(last_begun)
    }

    fn apply_batch(
        &mut self,
        batch: &ApplyBatch,
        report: &mut impl FnMut(u64),
    ) -> Result<Option<Instant>, ApplyError> {
        let mut last_begun = None;
        let mut conf_states = batch.conf_states.iter().peekable();
        for group in groups(&batch.entries) {
            let last = group.last().map_or(0, |entry| entry.index);
            // At most that of its first entry, which the first batch of the group holds.
            while let Some((_, state)) = conf_states.next_if(|(index, _)| *index <= last) {
                self.marker.conf_state = state.clone();
            }
            let mut rest = group;
            while !rest.is_empty() {
                let (begun, applied) = self.apply_around_damage(rest)?;
                last_begun = Some(begun);
                report(rest[applied - 1].index);
                rest = &rest[applied..];
            }
        }
        Ok(last_begun)
    }

    /// A compaction that met damaged history makes RocksDB refuse this group; with that history at rest it is applied.
    fn apply_around_damage(&mut self, group: &[Entry]) -> Result<(Instant, usize), ApplyError> {
        let error = match self.apply_group(group) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let damage = error.damage().filter(storage::Damage::is_history);
        match damage.filter(|damage| !self.resting.contains(&damage.column)) {
            Some(damage) => {
                self.shared.status.damaged(&damage);
                if let Err(failed) = self.let_rest(&damage) {
                    // What the store holds can still be read: the node goes on without writing.
                    tracing::error!("{failed}");
                    return Err(error);
                }
                self.apply_group(group)
            }
            None => Err(error),
        }
    }

    /// A compaction or a flush met this damage.
    pub fn met_in_background(&mut self, damage: &storage::Damage) {
        self.shared.status.damaged(damage);
        let busy = self.halted || self.waiting.is_some();
        if busy || !damage.is_history() || self.resting.contains(&damage.column) {
            return;
        }
        if let Err(failed) = self.let_rest(damage) {
            tracing::error!("{failed}");
            self.halted = true;
            self.shared.status.end_writes(damage);
        }
    }

    /// Gives the next flush something to write, if the store takes it: see [`storage::Writer::touch`].
    pub fn touch(&mut self) -> bool {
        !self.halted && self.waiting.is_none() && self.writer.touch().is_ok()
    }

    fn mark_write(&self, now: Instant) {
        self.shared.status.watchdog().begin(Work::StoreWrite, now);
    }

    fn unmark_write(&self, took: Option<Duration>) {
        self.shared.status.watchdog().end(Work::StoreWrite, took);
    }

    /// Gives back at least as much as was written since the last time, so that it never falls behind for good.
    fn reclaim(&mut self) -> Result<(), ApplyError> {
        let written = std::mem::take(&mut self.revisions);
        let budget = RECLAIM_BUDGET.max(
            usize::try_from(written)
                .unwrap_or(usize::MAX)
                .saturating_mul(2),
        );
        if !self.resting.is_empty() {
            // It would read the damaged history, and what it removes is not given back anyway.
            return Ok(());
        }
        match self.writer.compact(budget) {
            Ok(done) => self.shared.status.set_to_reclaim(done.more),
            Err(error) => match error.damage().filter(storage::Damage::is_history) {
                Some(damage) => {
                    self.shared.status.damaged(&damage);
                    self.shared.status.set_to_reclaim(false);
                    if let Err(failed) = self.let_rest(&damage) {
                        tracing::error!("{failed}");
                        return Err(error.into());
                    }
                }
                None => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// Stores the marker with the log's present witness, without a command: after the log began anew.
    pub fn refresh_marker(&mut self) -> Result<(), ApplyError> {
        renew_witness(&mut self.marker, &self.shared.witness);
        let mut batch = self.writer.batch();
        batch.set_marker(&self.marker.encode());
        batch.commit()?;
        Ok(())
    }

    /// Applies the first entries as one batch. Returns when it began, and how many they are: all but for
    /// [`MAX_HELD_BYTES`], at least one.
    fn apply_group(&mut self, entries: &[Entry]) -> Result<(Instant, usize), ApplyError> {
        let started = Instant::now();
        self.mark_write(started);
        let committed = self.commit_group(entries);
        let took = started.elapsed();
        self.unmark_write(Some(took));
        let (done, applied) = committed?;
        let entries = &entries[..applied];
        self.shared
            .metrics
            .apply_seconds
            .observe(took.as_secs_f64());
        self.shared
            .metrics
            .batch_entries
            .observe(entries.len() as f64);
        self.answer(done);
        let bytes = entries.iter().map(|entry| entry.data.len() as u64).sum();
        self.count_for_flush(entries.len() as u64, bytes);
        self.ask_for_delays(entries.len() as u64, bytes);
        Ok((started, applied))
    }

    /// One batch of the store, and its events; how many of the entries it holds.
    fn commit_group(&mut self, entries: &[Entry]) -> Result<(Vec<Done>, usize), ApplyError> {
        self.refuse_gap(entries)?;
        let mut done = Vec::with_capacity(entries.len());
        let mut counted = Vec::with_capacity(entries.len());
        let mut batch = self.writer.batch();
        let begun = apply_entries(&mut batch, entries, |entry, command, outcomes| {
            counted.push(command.operations);
            done.push((command.stamp.request, entry.index, entry.term, outcomes));
        })?;
        let mut marker = Marker {
            term: begun.term,
            stamp: begun.stamp.unwrap_or(self.marker.stamp),
            ..self.marker.clone()
        };
        renew_witness(&mut marker, &self.shared.witness);
        batch.set_marker(&marker.encode());
        let before = self.shared.hub.published();
        let committed = batch.commit()?;
        // Only now: a group that failed may be applied again, and counts once.
        self.marker = marker;
        for (operations, (.., outcomes)) in counted.iter().zip(&done) {
            self.shared.counters.count(operations, outcomes);
        }
        self.announce(committed, before, &done);
        Ok((done, begun.entries))
    }

    /// What follows from a group that is committed, but the answers.
    fn announce(&mut self, committed: storage::Committed, before: u64, done: &[Done]) {
        self.revisions += committed.revision.saturating_sub(before);
        self.shared.clock.observe(self.marker.stamp.cluster_time);
        self.shared.status.set_applied(committed.index);
        let events: Vec<Arc<Event>> = done
            .iter()
            .flat_map(|(.., outcomes)| events(outcomes))
            .collect();
        self.shared.hub.publish(&events, committed.revision);
    }

    /// The store itself takes any entry above the last one: it does not know what a log is.
    pub(super) fn refuse_gap(&self, entries: &[Entry]) -> Result<(), ApplyError> {
        let applied = self.writer.applied().index;
        match entries.first().map(|entry| entry.index) {
            Some(index) if index != applied + 1 => Err(ApplyError::Gap { index, applied }),
            _ => Ok(()),
        }
    }

    fn answer(&self, done: Vec<Done>) {
        let waiting = self
            .shared
            .waiters
            .take(done.iter().map(|(request, ..)| *request));
        for ((_, index, term, outcomes), waiter) in done.into_iter().zip(waiting) {
            let Some(answer) = waiter else { continue };
            // The client may have gone; the write stands.
            let _ = answer.send(Ok(AppliedWrite {
                outcomes,
                index,
                term,
            }));
        }
    }

    /// Whoever would apply on the spot has to know before it is caught in a write that waits. While the answer is yes,
    /// it is asked after each group, so that it is taken back soon.
    fn ask_for_delays(&mut self, entries: u64, bytes: u64) {
        self.unasked += entries;
        self.unasked_bytes += bytes;
        let status = &self.shared.status;
        let due = self.unasked >= DELAYS_ENTRIES || self.unasked_bytes >= DELAYS_BYTES;
        if due || status.store_delays() {
            self.unasked = 0;
            self.unasked_bytes = 0;
            status.set_store_delays(self.writer.delays_writes());
        }
    }

    fn count_for_flush(&mut self, entries: u64, bytes: u64) {
        self.unflushed += entries;
        self.unflushed_bytes += bytes;
        if self.unflushed >= self.flush_after || self.unflushed_bytes >= FLUSH_BYTES {
            self.unflushed = 0;
            self.unflushed_bytes = 0;
            // One request waits already: that flush will hold these entries too.
            let _ = self.flush.try_send(());
        }
    }
}

/// A request that was applied: its id, index and term, and what came of it.
type Done = (u64, u64, u64, Vec<Outcome>);

/// After so many entries, or bytes of them, the store is asked whether it delays writes, which takes RocksDB's lock. It
/// begins to delay them one memtable before it stops them, and a memtable takes more than this, whether by bytes or by
/// range deletions.
const DELAYS_ENTRIES: u64 = 128;
const DELAYS_BYTES: u64 = 256 << 10;

/// Bytes of commands after which the store is flushed whatever their number: the log may drop them then.
const FLUSH_BYTES: u64 = 128 << 20;
/// Work the store may do after a group to give back the space of dead subtrees, in rows.
const RECLAIM_BUDGET: usize = 256;

/// The marker is to say how far the log was durable when it was written.
fn renew_witness(marker: &mut Marker, witness: &SharedWitness) {
    let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
    marker.witness = Some(witness.encode().to_vec());
}

/// What [`apply_entries`] put into its batch.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// How many entries, from the first on.
    pub(super) entries: usize,
    /// The term of the last one.
    pub(super) term: u64,
    /// The times of the last command.
    pub(super) stamp: Option<Stamp>,
}

/// Applies entries in one batch until it is large enough, and hands out what came of each.
pub(super) fn apply_entries(
    batch: &mut storage::Batch<'_>,
    entries: &[Entry],
    mut each: impl FnMut(&Entry, Command, Vec<Outcome>),
) -> Result<Begun, ApplyError> {
    let mut begun = Begun::default();
    for entry in entries {
        if batch.bytes() >= MAX_HELD_BYTES {
            break;
        }
        begun.entries += 1;
        begun.term = entry.term;
        let normal = entry.entry_type == EntryType::EntryNormal as i32;
        if !normal || entry.data.is_empty() {
            batch.skip(entry.index);
            continue;
        }
        let command = decode(entry)?;
        let outcomes = batch.apply(entry.index, command.stamp.cluster_time, &command.operations)?;
        begun.stamp = Some(command.stamp);
        each(entry, command, outcomes);
    }
    Ok(begun)
}

/// The command in an entry.
fn decode(entry: &Entry) -> Result<Command, ApplyError> {
    Command::decode(Bytes::copy_from_slice(&entry.data)).map_err(|source| ApplyError::Decode {
        index: entry.index,
        source,
    })
}

/// Cuts entries into groups of bounded number and size. A change of membership begins one, so that it is applied with
/// the first batch of its group.
pub(super) fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.data.len();
            bytes <= MAX_BATCH_BYTES
        };
        let normal = EntryType::EntryNormal as i32;
        let begins = |(at, entry): &(usize, &Entry)| *at > 0 && entry.entry_type != normal;
        let group = rest.iter().enumerate().take(MAX_BATCH_ENTRIES);
        let group = group.take_while(|entry| !begins(entry));
        let count = group.map(|(_, entry)| entry).take_while(fits).count();
        let count = count.max(1);
        let (group, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(group)
    })
}

fn events(outcomes: &[Outcome]) -> impl Iterator<Item = Arc<Event>> + '_ {
    outcomes
        .iter()
        .flat_map(|outcome| match outcome {
            Outcome::Done(event) => std::slice::from_ref(event),
            Outcome::Expired { events, .. } => events.as_slice(),
            Outcome::Accepted | Outcome::Refused { .. } => &[],
        })
        .cloned()
}

#[cfg(test)]
mod tests;
