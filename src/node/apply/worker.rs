//! The store's worker: committed entries become one batch of the store, then events, then replies.
//!
//! The order is what clients rely on: the batch is committed (new views see it), the hub publishes its events, and
//! only then the reply goes out, so whoever has an answer can watch or read from any later revision.

use std::time::{Duration, Instant};

use super::backlog::Backlog;
use super::compaction::Compaction;
use super::context::{AppliedRequest, ApplyContext};
use super::error::ApplyError;
use super::group::{apply_entries, groups};
use super::pace::StorePace;
use super::reopen::{LogSource, ReopenableStore};
use crate::command::Stamp;
use crate::node::batch::{ApplyBatch, FlushRequest, JudgedChange};
use crate::node::marker::Marker;
use crate::node::outcome::AppliedWrite;
use crate::node::watchdog::Work;

/// Owns the store's writing half.
pub struct ApplyWorker {
    pub(super) store: ReopenableStore,
    context: ApplyContext,
    /// What is not applied because the file system refuses the store for now.
    backlog: Backlog,
    /// An entry was not applied, so none after it may be: the store would be that of no log.
    halted: bool,
    /// Where the last snapshot stands; 0 without one.
    installed: u64,
    compaction: Compaction,
    pace: StorePace,
}

impl ApplyWorker {
    /// A worker that continues after `marker`; asks `flush` for a flush after every `flush_after` entries.
    pub fn new(
        writer: storage::Writer,
        marker: Marker,
        context: ApplyContext,
        flush_after: u64,
        flush: FlushRequest,
    ) -> Self {
        Self {
            store: ReopenableStore::new(writer, marker, context.status.clone()),
            context,
            backlog: Backlog::default(),
            halted: false,
            installed: 0,
            compaction: Compaction::default(),
            pace: StorePace::new(flush_after, flush),
        }
    }

    /// From where to read entries again after the store had to be reopened.
    pub fn set_log(&mut self, log: LogSource) {
        self.store.set_log(log);
    }

    /// Families of history that the store was opened with at rest: to be said before the log is brought in order, which
    /// may apply entries.
    pub fn set_resting(&mut self, families: Vec<&'static str>) {
        self.store.set_resting(families);
    }

    /// From now on what may pass is waited for: the thread runs, and calls again and again.
    pub fn be_patient(&mut self) {
        self.backlog.be_patient();
    }

    /// For others that may need a flush.
    pub fn flush_request(&self) -> FlushRequest {
        self.pace.flush_request().clone()
    }

    /// What the store says beside the applied index, as of the last entry.
    pub fn marker(&self) -> &Marker {
        &self.store.marker
    }

    /// The times of the last command that was applied.
    pub fn last_stamp(&self) -> Stamp {
        self.store.marker.stamp
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
            .backlog
            .release(self.behind_snapshot(batches), &mut self.store)
            .and_then(|batches| self.apply_and_compact(batches, report));
        // The next batch may have been handed over already, and a store that was reopened would take it.
        self.halted |= stepped.is_err();
        stepped
    }

    /// What was handed over for the store before a snapshot took its place, and is in it.
    fn behind_snapshot(&self, mut batches: Vec<ApplyBatch>) -> Vec<ApplyBatch> {
        let installed = self.installed;
        for batch in &mut batches {
            let first = batch.entries.first();
            if first.is_some_and(|entry| entry.index <= installed) {
                batch.entries.retain(|entry| entry.index > installed);
                batch.changes.retain(|change| change.index > installed);
            }
        }
        batches
    }

    fn apply_and_compact(
        &mut self,
        mut batches: Vec<ApplyBatch>,
        report: &mut impl FnMut(u64),
    ) -> Result<(), ApplyError> {
        if self.backlog.is_waiting() {
            return Ok(());
        }
        let begun = match self.apply_batches(&mut batches, report) {
            Err(ApplyError::Storage(error)) if self.backlog.takes(&error) => {
                self.wait_out(&error, batches);
                return Ok(());
            }
            begun => begun?,
        };
        // It writes to the store as well. Its mark goes on from the last group's, which saves a look at the clock.
        self.mark_write(begun.unwrap_or_else(|| self.now()));
        let compacted = self.compaction.step(&mut self.store);
        self.unmark_write(None);
        match compacted {
            Err(ApplyError::Storage(error)) if self.backlog.takes(&error) => {
                self.wait_out(&error, Vec::new());
                Ok(())
            }
            compacted => compacted,
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
                    let applied = self.store.writer.applied().index;
                    if let Some(batch) = batches.first_mut() {
                        batch.entries.retain(|entry| entry.index > applied);
                        batch.changes.retain(|change| change.index > applied);
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
        for group in groups(&batch.entries) {
            let mut rest = group;
            while let Some(first) = rest.first() {
                // That of its first entry: a change begins a group.
                let mut changes = batch.changes.iter();
                let change = changes.find(|change| change.index == first.index);
                let (begun, applied) = self.apply_around_damage(rest, change)?;
                last_begun = Some(begun);
                report(rest[applied - 1].index);
                rest = &rest[applied..];
            }
        }
        Ok(last_begun)
    }

    /// A compaction that met damaged history makes RocksDB refuse this group; with that history at rest it is applied.
    fn apply_around_damage(
        &mut self,
        group: &[wal::Entry],
        change: Option<&JudgedChange>,
    ) -> Result<(Instant, usize), ApplyError> {
        let error = match self.apply_group(group, change) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let damage = error.damage().filter(storage::Damage::is_history);
        match damage.filter(|damage| !self.store.rests(damage.column)) {
            Some(damage) => {
                self.context.status.damaged(&damage);
                if let Err(failed) = self.store.let_rest(&damage) {
                    // What the store holds can still be read: the node goes on without writing.
                    tracing::error!("{failed}");
                    return Err(error);
                }
                self.apply_group(group, change)
            }
            None => Err(error),
        }
    }

    /// A compaction or a flush met this damage.
    pub fn met_in_background(&mut self, damage: &storage::Damage) {
        self.context.status.damaged(damage);
        let busy = self.halted || self.backlog.is_waiting();
        if busy || !damage.is_history() || self.store.rests(damage.column) {
            return;
        }
        if let Err(failed) = self.store.let_rest(damage) {
            tracing::error!("{failed}");
            self.halted = true;
            self.context.status.end_writes(damage);
        }
    }

    /// The file system refused what the store writes, in the background or for these entries: they wait.
    pub fn wait_out(&mut self, error: &storage::Error, batches: Vec<ApplyBatch>) {
        self.backlog.hold(error, batches, &self.context.status);
    }

    /// Gives the next flush something to write, if the store takes it: see [`storage::Writer::touch`].
    pub fn touch(&mut self) -> bool {
        !self.halted && !self.backlog.is_waiting() && self.store.writer.touch().is_ok()
    }

    fn now(&self) -> Instant {
        self.context.status.clock().now()
    }

    fn mark_write(&self, now: Instant) {
        self.context.status.watchdog().begin(Work::StoreWrite, now);
    }

    fn unmark_write(&self, took: Option<Duration>) {
        self.context.status.watchdog().end(Work::StoreWrite, took);
    }

    /// Goes on with the store that a snapshot made, from where it stands: readers see it from now on. The pointer names it
    /// already ([`crate::node::snapshot`]); the log is to be reset next, then comes [`Self::refresh_marker`]. What waited
    /// for the old store lies below it, and an end of applying is over: nothing of what led to it is in the new one.
    ///
    /// # Errors
    /// The store cannot be opened, or stands below this one. The node has to end: the next start finishes the install.
    pub fn install(
        &mut self,
        path: &std::path::Path,
        marker: Marker,
    ) -> Result<storage::RetiredStore, ApplyError> {
        let retired = self.store.install(path, marker)?;
        self.backlog.forget(&self.context.status);
        self.halted = false;
        let applied = self.store.writer.applied();
        self.installed = applied.index;
        self.context.clock.observe(applied.cluster_time);
        self.context.status.set_applied(applied.index);
        self.context.hub.jump(applied.revision);
        Ok(retired)
    }

    /// Stores the marker with the log's present witness, without a command: after the log began anew.
    pub fn refresh_marker(&mut self) -> Result<(), ApplyError> {
        self.context.renew_witness(&mut self.store.marker);
        self.store.marker.installed = None;
        let mut batch = self.store.writer.batch();
        batch.set_marker(&self.store.marker.encode());
        batch.commit()?;
        Ok(())
    }

    /// Stores what this member's clocks read now, without a command, where nothing was written down in this boot. Whether it did, and the
    /// store is worth a flush.
    ///
    /// What passed before this boot only the wall clock tells, and it may be set before anything is applied. A later start of this boot
    /// counts by what it shows then, and by what it showed at first, and takes the less of both.
    ///
    /// # Errors
    /// The store takes nothing.
    pub fn note_boot(&mut self) -> Result<bool, ApplyError> {
        let boot = self.context.clock.machine().boot();
        let Marker { own, booted, .. } = &self.store.marker;
        let noted = booted.as_ref().is_some_and(|booted| booted.boot == boot);
        if noted || own.as_ref().is_none_or(|own| own.boot == boot) {
            return Ok(false);
        }
        self.store.marker.booted = Some(self.context.clock.reading());
        let mut batch = self.store.writer.batch();
        batch.set_marker(&self.store.marker.encode());
        batch.commit()?;
        Ok(true)
    }

    /// Applies the first entries as one batch. Returns when it began, and how many they are: as many as the batch may
    /// hold, at least one.
    fn apply_group(
        &mut self,
        entries: &[wal::Entry],
        change: Option<&JudgedChange>,
    ) -> Result<(Instant, usize), ApplyError> {
        let started = self.now();
        self.mark_write(started);
        let committed = self.commit_group(entries, change);
        let took = self.context.status.clock().elapsed(started);
        self.unmark_write(Some(took));
        let status = &self.context.status;
        status.store_pace().took(took, || status.clock().boottime());
        let (done, applied) = committed?;
        let entries = &entries[..applied];
        let metrics = &self.context.metrics;
        metrics.apply_seconds.observe(took.as_secs_f64());
        metrics.batch_entries.observe(entries.len() as f64);
        self.context.answer(done);
        let bytes = entries.iter().map(|entry| entry.payload.len() as u64).sum();
        let amount = (entries.len() as u64, bytes);
        self.pace
            .count(amount, &self.store.writer, &self.context.status);
        Ok((started, applied))
    }

    /// One batch of the store, and its events; how many of the entries it holds.
    fn commit_group(
        &mut self,
        entries: &[wal::Entry],
        change: Option<&JudgedChange>,
    ) -> Result<(Vec<AppliedRequest>, usize), ApplyError> {
        self.store.refuse_gap(entries)?;
        let mut done = Vec::with_capacity(entries.len());
        let mut counted = Vec::with_capacity(entries.len());
        let mut batch = self.store.writer.batch();
        let group = apply_entries(&mut batch, entries, change, |entry, command, outcomes| {
            counted.push(command.operations);
            let applied = AppliedWrite {
                outcomes,
                index: entry.index,
                term: entry.term,
                refused: None,
            };
            done.push((command.stamp.request, applied));
        })?;
        let mut marker = group.marker(&self.store.marker);
        if let Some(change) = change {
            marker.conf_state = change.conf_state.clone();
            // It is the first.
            if let Some((_, applied)) = done.first_mut() {
                applied.refused = change.refused.clone();
            }
        }
        self.context.renew_witness(&mut marker);
        self.context.read_clocks(&mut marker);
        batch.set_marker(&marker.encode());
        let before = self.context.hub.published();
        let committed = batch.commit()?;
        // Only now: a group that failed may be applied again, and counts once.
        let cluster_time = marker.stamp.cluster_time;
        self.store.marker = marker;
        for (operations, (_, applied)) in counted.iter().zip(&done) {
            self.context.counters.count(operations, &applied.outcomes);
        }
        self.compaction
            .count(committed.revision.saturating_sub(before));
        self.context.announce(committed, cluster_time, &done);
        Ok((done, group.entries))
    }
}
